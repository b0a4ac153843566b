//! Pages that a ring lives in.

#![expect(
    unsafe_code,
    reason = "maps and unmaps memory and hands out pointers into it"
)]

use core::ffi::c_void;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU8, Ordering};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// A mapping of its own, unmapped when dropped.
#[derive(Debug)]
pub(crate) struct Region {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: the region is an address range; who accesses what in it, and how, is the rings' affair.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

/// Bytes of a page.
pub(crate) fn page_size() -> usize {
    rustix::param::page_size()
}

/// `len` rounded up to whole pages.
pub(crate) fn whole_pages(len: usize) -> usize {
    len.next_multiple_of(page_size())
}

impl Region {
    /// Zeroed private memory of `len` bytes, rounded up to pages. Nothing is faulted in yet.
    pub(crate) fn anonymous(len: usize) -> rustix::io::Result<Self> {
        let len = whole_pages(len.max(1));
        // SAFETY: a fresh mapping at an address of the kernel's choice touches nothing that exists.
        let base = unsafe {
            mmap_anonymous(
                ptr::null_mut(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE | MapFlags::NORESERVE,
            )
        }?;
        Self::own(base, len)
    }

    /// Takes over the mapping at `base`.
    fn own(base: *mut c_void, len: usize) -> rustix::io::Result<Self> {
        let base = NonNull::new(base.cast()).ok_or(rustix::io::Errno::NOMEM)?;
        Ok(Self { base, len })
    }

    /// The address `offset` bytes into the region, page-aligned like the region when `offset` is 0.
    ///
    /// `None` unless `len` bytes lie behind it.
    pub(crate) fn at(&self, offset: usize, len: usize) -> Option<NonNull<u8>> {
        if offset.checked_add(len)? > self.len {
            return None;
        }
        // SAFETY: `offset` is within the mapping.
        Some(unsafe { self.base.add(offset) })
    }

    /// Faults in the pages of `len` bytes from `offset`, so that no later store waits for the kernel.
    pub(crate) fn touch(&self, offset: usize, len: usize) {
        let page = page_size();
        let end = offset.saturating_add(len).min(self.len);
        let mut at = offset - offset % page;
        while at < end {
            let byte = self.base.as_ptr().wrapping_add(at).cast::<AtomicU8>();
            // SAFETY: within the mapping, which is writable and reached through atomics.
            let byte = unsafe { &*byte };
            // An `or` of 0 changes no byte of a ring in use.
            byte.fetch_or(0, Ordering::Relaxed);
            at += page;
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the range was mapped by this type and is unmapped once; the rings that point into it own it.
        let unmapped = unsafe { munmap(self.base.as_ptr().cast(), self.len) };
        debug_assert!(unmapped.is_ok(), "munmap of an owned mapping");
    }
}
