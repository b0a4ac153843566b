//! Pages that a ring lives in.

#![expect(
    unsafe_code,
    reason = "maps and unmaps memory and hands out pointers into it"
)]

use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU8, Ordering};
use std::os::fd::BorrowedFd;

use rustix::io::{Errno, Result};
use rustix::mm::{
    Advice, MapFlags, MremapFlags, ProtFlags, madvise, mlock, mmap, mmap_anonymous, mremap_fixed,
    munmap,
};

/// A mapping of its own, unmapped when dropped.
///
/// Parts of it can be replaced while other threads access them. `mmap` and `mremap` take the old pages away and put the new
/// ones there while they hold the lock of the process's mappings for writing. A thread whose access finds the place
/// empty in between is in the kernel's hands then, waits for that lock, and finds the new pages. So each access sees the old pages or
/// the new ones, and none faults.
///
/// A refusal leaves the old pages, with one exception: before Linux 6.12, a kernel that lacks memory for the few hundred bytes
/// that describe a mapping may notice after it has taken the old one away. Then the place is filled with zeros at once
/// ([`refused`](Self::refused)), which the rings' protocols take for one more thing that a peer may have written. An access between
/// the two would fault: rings rely on the kernel's having those bytes.
#[derive(Debug)]
pub(crate) struct Region {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: the region is an address range; who accesses what in it, and how, is the rings' affair.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

/// What is asked of the kernel for a ring's pages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PageOptions {
    /// Transparent huge pages where they fit (`madvise(MADV_HUGEPAGE)`); a wish, not a condition.
    pub huge_pages: bool,
    /// Pages that are never paged out (`mlock`); a condition.
    pub lock_memory: bool,
}

/// What this process may do with shared pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Look at them.
    Read,
    /// Look at and change them.
    Write,
}

impl Access {
    fn protection(self) -> ProtFlags {
        match self {
            Self::Read => ProtFlags::READ,
            Self::Write => ProtFlags::READ | ProtFlags::WRITE,
        }
    }
}

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
    pub(crate) fn anonymous(len: usize) -> Result<Self> {
        let len = whole_pages(len.max(1));
        // SAFETY: a fresh mapping at an address of the kernel's choice touches nothing that exists.
        let base = unsafe {
            mmap_anonymous(
                ptr::null_mut(),
                len,
                Access::Write.protection(),
                MapFlags::PRIVATE | MapFlags::NORESERVE,
            )
        }?;
        let base = NonNull::new(base.cast()).ok_or(Errno::NOMEM)?;
        Ok(Self { base, len })
    }

    /// [`anonymous`](Self::anonymous), with `word` in its first 8 bytes.
    pub(crate) fn anonymous_starting_with(len: usize, word: u64) -> Result<Self> {
        let region = Self::anonymous(len)?;
        // SAFETY: a page at least, aligned, writable, and known to nobody yet.
        unsafe { region.base.cast::<u64>().write(word) };
        Ok(region)
    }

    /// The pages of the memory file `file`, `len` bytes rounded up to pages.
    pub(crate) fn file(len: usize, file: BorrowedFd<'_>, access: Access) -> Result<Self> {
        let len = whole_pages(len.max(1));
        // SAFETY: a fresh mapping at an address of the kernel's choice touches nothing that exists.
        let base = unsafe {
            mmap(
                ptr::null_mut(),
                len,
                access.protection(),
                MapFlags::SHARED,
                file,
                0,
            )
        }?;
        let base = NonNull::new(base.cast()).ok_or(Errno::NOMEM)?;
        Ok(Self { base, len })
    }

    /// Puts the pages of the memory file `file` at `offset`, in the place of what is there. Nothing is faulted in yet.
    pub(crate) fn place_file(
        &self,
        offset: usize,
        len: usize,
        file: BorrowedFd<'_>,
        access: Access,
    ) -> Result<()> {
        let len = whole_pages(len);
        let target = self.whole_pages_at(offset, len)?;
        // SAFETY: the range lies in this mapping, page-aligned. Rings reach it through atomics and `words`, to which
        // a change of pages is a change of values; no access faults, as the type says.
        let placed = unsafe {
            mmap(
                target.as_ptr().cast(),
                len,
                access.protection(),
                MapFlags::SHARED | MapFlags::FIXED,
                file,
                0,
            )
        };
        placed
            .map(drop)
            .map_err(|errno| Self::refused(target, len, errno))
    }

    /// [`place_file`](Self::place_file), with the pages faulted in: for what hook calls use already.
    pub(crate) fn place_file_in_use(
        &self,
        offset: usize,
        len: usize,
        file: BorrowedFd<'_>,
        access: Access,
    ) -> Result<()> {
        self.place_file(offset, len, file, access)?;
        match access {
            Access::Write => self.touch(offset, len),
            Access::Read => self.look_at(offset, len),
        }
        Ok(())
    }

    /// Moves all pages of `fresh` to `offset`, in the place of what is there.
    pub(crate) fn place(&self, offset: usize, fresh: Self) -> Result<()> {
        let target = self.whole_pages_at(offset, fresh.len)?;
        // SAFETY: the source is a whole mapping that nobody refers to any more; the target lies in this one,
        // page-aligned, and rings reach it through atomics and `words`, to which a change of pages is a change of
        // values; no access faults, as the type says.
        let placed = unsafe {
            mremap_fixed(
                fresh.base.as_ptr().cast(),
                fresh.len,
                fresh.len,
                MremapFlags::MAYMOVE,
                target.as_ptr().cast(),
            )
        };
        match placed {
            Ok(_) => {
                // Its pages belong to this mapping now.
                core::mem::forget(fresh);
                Ok(())
            }
            Err(errno) => Err(Self::refused(target, fresh.len, errno)),
        }
    }

    /// After the kernel has refused to replace `len` bytes at `target`: puts zeros there if nothing is. Returns why it refused.
    fn refused(target: NonNull<u8>, len: usize, errno: Errno) -> Errno {
        // The kernel that could not describe a mapping has just given up others.
        const ATTEMPTS: usize = 1000;
        for _ in 0..ATTEMPTS {
            if Self::fill_hole(target, len) != Err(Errno::NOMEM) {
                break;
            }
            std::thread::yield_now();
        }
        errno
    }

    /// Maps zeros at `target`, of `len` bytes, both whole pages.
    ///
    /// # Errors
    ///
    /// `EXIST` if something is there, which stays; what else the kernel answers.
    fn fill_hole(target: NonNull<u8>, len: usize) -> Result<()> {
        // SAFETY: replaces nothing that is there. A kernel that does not know that wish (Linux before 4.17) takes the address
        // for a hint, and maps what is new elsewhere.
        let mapped = unsafe {
            mmap_anonymous(
                target.as_ptr().cast(),
                len,
                Access::Write.protection(),
                MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED_NOREPLACE,
            )
        }?;
        if mapped == target.as_ptr().cast() {
            return Ok(());
        }
        // SAFETY: mapped just now, and known to nobody.
        let _ = unsafe { munmap(mapped, len) };
        Err(Errno::EXIST)
    }

    fn whole_pages_at(&self, offset: usize, len: usize) -> Result<NonNull<u8>> {
        if !offset.is_multiple_of(page_size()) {
            return Err(Errno::INVAL);
        }
        self.at(offset, len).ok_or(Errno::INVAL)
    }

    /// The address `offset` bytes into the region, page-aligned when `offset` is.
    ///
    /// `None` unless `len` bytes lie behind it.
    pub(crate) fn at(&self, offset: usize, len: usize) -> Option<NonNull<u8>> {
        if offset.checked_add(len)? > self.len {
            return None;
        }
        // SAFETY: `offset` is within the mapping.
        Some(unsafe { self.base.add(offset) })
    }

    /// Makes the pages of `len` bytes from `offset`, where a page begins, ready: as `options` asks, and faulted in.
    ///
    /// They must be writable.
    pub(crate) fn prepare(&self, offset: usize, len: usize, options: PageOptions) -> Result<()> {
        let len = whole_pages(len).min(self.len.saturating_sub(offset));
        let start = self.whole_pages_at(offset, len)?.as_ptr().cast();
        if options.huge_pages {
            // A kernel without them gives ordinary ones.
            // SAFETY: advice changes no bytes of this mapping.
            let _ = unsafe { madvise(start, len, Advice::LinuxHugepage) };
        }
        self.touch(offset, len);
        if options.lock_memory {
            // SAFETY: locking changes no bytes of this mapping, and ends with it.
            unsafe { mlock(start, len) }?;
        }
        Ok(())
    }

    /// Keeps the kernel from giving whole huge pages where `len` bytes from `offset`, where a page begins, are addresses and no
    /// memory yet: a store next to them would take what nobody has counted.
    pub(crate) fn keep_sparse(&self, offset: usize, len: usize) {
        let len = whole_pages(len).min(self.len.saturating_sub(offset));
        if let Ok(start) = self.whole_pages_at(offset, len) {
            // A kernel without huge pages refuses, and gives none.
            // SAFETY: advice changes no bytes of this mapping.
            let _ = unsafe { madvise(start.as_ptr().cast(), len, Advice::LinuxNoHugepage) };
        }
    }

    /// Faults in the pages of `len` bytes from `offset`, so that no later store waits for the kernel. Others may be using
    /// them.
    ///
    /// They must be writable.
    pub(crate) fn touch(&self, offset: usize, len: usize) {
        let page = page_size();
        let start = offset - offset % page;
        let end = offset.saturating_add(len).min(self.len);
        if start >= end {
            return;
        }
        // SAFETY: within the mapping. Populating pages changes no bytes of them.
        let populated = unsafe {
            madvise(
                self.base.as_ptr().wrapping_add(start).cast(),
                end - start,
                Advice::LinuxPopulateWrite,
            )
        };
        if populated.is_err() {
            self.touch_by_hand(start, end);
        }
    }

    /// Faults in the pages of `len` bytes from `offset`, so that no later load waits for the kernel.
    fn look_at(&self, offset: usize, len: usize) {
        let page = page_size();
        let start = offset - offset % page;
        let end = offset.saturating_add(len).min(self.len);
        for at in (start..end).step_by(page) {
            let byte = self.base.as_ptr().wrapping_add(at).cast::<AtomicU8>();
            // SAFETY: within the mapping, which is reached through atomics.
            let byte = unsafe { &*byte };
            // The optimiser does not know what is done with the byte, so the load stays.
            core::hint::black_box(byte.load(Ordering::Relaxed));
        }
    }

    /// [`touch`](Self::touch) where the kernel cannot be asked to (Linux before 5.14): a store into each page.
    ///
    /// The bytes are in use, so the store must not change them, and it must be one: an atomic `or` with a constant 0 is
    /// not, since the optimiser may leave the store out. This `or` is with a number that the optimiser does not know.
    #[cold]
    fn touch_by_hand(&self, start: usize, end: usize) {
        for at in (start..end).step_by(page_size()) {
            let byte = self.base.as_ptr().wrapping_add(at).cast::<AtomicU8>();
            // SAFETY: within the mapping, which is reached through atomics.
            let byte = unsafe { &*byte };
            byte.fetch_or(core::hint::black_box(0), Ordering::Relaxed);
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

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn a_hole_is_filled_with_zeros_and_what_is_there_stays() {
        let page = page_size();
        let region = Region::anonymous(3 * page).unwrap();
        for at in 0..3 {
            let word = region.at(at * page, 8).unwrap().cast::<u64>();
            // SAFETY: within the region, which nobody else knows.
            unsafe { word.write(7) };
        }
        let middle = region.at(page, page).unwrap();
        let words = || {
            [0, 1, 2].map(|at| {
                let word = region.at(at * page, 8).unwrap().cast::<u64>();
                // SAFETY: within the region, whose pages are all there.
                unsafe { word.read() }
            })
        };
        // A file that is none cannot be placed, and takes nothing away.
        let no_memory = std::fs::File::open("/dev/null").unwrap();
        let refused = region.place_file(page, page, no_memory.as_fd(), Access::Write);
        assert!(refused.is_err());
        assert_eq!(Region::fill_hole(middle, page), Err(Errno::EXIST));
        assert_eq!(words(), [7; 3]);
        // As if the kernel had noticed too late that it cannot place one.
        // SAFETY: a page of the region, which nobody else knows.
        unsafe { munmap(middle.as_ptr().cast(), page) }.unwrap();
        assert_eq!(Region::refused(middle, page, Errno::NOMEM), Errno::NOMEM);
        assert_eq!(words(), [7, 0, 7]);
    }

    const PAGES: usize = 64;

    /// Page faults of this thread so far.
    fn faults() -> i64 {
        // SAFETY: numbers, all of which may be 0.
        let mut usage: libc::rusage = unsafe { core::mem::zeroed() };
        // SAFETY: the structure is this function's own.
        let told = unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) };
        assert_eq!(told, 0);
        usage.ru_minflt + usage.ru_majflt
    }

    /// Faults that a store into each page of a new region takes, after `prepare`.
    fn faults_after(prepare: impl Fn(&Region, usize)) -> i64 {
        let len = PAGES * page_size();
        let region = Region::anonymous(len).unwrap();
        prepare(&region, len);
        let before = faults();
        for at in (0..len).step_by(page_size()) {
            let byte = region.at(at, 1).unwrap().cast::<AtomicU8>();
            // SAFETY: within the region.
            unsafe { byte.as_ref() }.store(1, Ordering::Relaxed);
        }
        faults() - before
    }

    #[test]
    fn no_store_to_touched_pages_faults_however_they_were_touched() {
        let untouched = faults_after(|_, _| {});
        assert!(untouched >= PAGES as i64, "{untouched}");
        assert_eq!(faults_after(|region, len| region.touch(0, len)), 0);
        assert_eq!(faults_after(|region, len| region.touch_by_hand(0, len)), 0);
    }

    #[test]
    fn touching_changes_no_byte() {
        let region = Region::anonymous(2 * page_size()).unwrap();
        let word = region.at(page_size(), 8).unwrap().cast::<u64>();
        // SAFETY: within the region, which nobody else knows.
        unsafe { word.write(u64::MAX) };
        region.touch(0, 2 * page_size());
        region.touch_by_hand(0, 2 * page_size());
        // SAFETY: as above.
        assert_eq!(unsafe { word.read() }, u64::MAX);
    }
}
