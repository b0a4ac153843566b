//! The pages that a ring lives in.

#![expect(
    unsafe_code,
    reason = "maps and unmaps memory and hands out pointers into it"
)]

use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::os::fd::BorrowedFd;

use rustix::io::{Errno, Result};
use rustix::mm::{
    Advice, MapFlags, MremapFlags, ProtFlags, madvise, mlock, mmap, mmap_anonymous, mremap_fixed,
    munmap,
};

/// A mapping that is unmapped when it is dropped.
///
/// Parts of it can be replaced while other threads access them. `mmap` and `mremap` take the old
/// pages away and put the new ones there while they hold the lock of the process's mappings for
/// writing. A thread whose access finds the place empty in between enters the kernel, waits for
/// that lock, and finds the new pages. So each access sees the old pages or the new ones, and none
/// faults.
///
/// If the kernel refuses, the old pages stay, with one exception. A kernel before Linux 6.12 that
/// lacks memory for the few hundred bytes that describe a mapping may notice this only after it
/// has taken the old one away. Then the place is filled with zeros at once
/// ([`refused`](Self::refused)), and the rings' protocols treat zeros like anything else that a
/// peer may have written. An access before the zeros are there would fault: rings rely on the
/// kernel's having those bytes.
#[derive(Debug)]
pub(crate) struct Region {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: the region is an address range. Accesses to it follow the rings' protocols.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

/// Wishes to the kernel about a ring's pages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PageOptions {
    /// Asks for transparent huge pages where they fit (`madvise(MADV_HUGEPAGE)`). A kernel without
    /// them gives ordinary pages.
    pub huge_pages: bool,
    /// Demands that the pages are never paged out (`mlock`). If the kernel refuses, no ring is
    /// made.
    pub lock_memory: bool,
}

/// The rights of this process on shared pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// It may read them.
    Read,
    /// It may read and write them.
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
        // SAFETY: a fresh mapping at an address of the kernel's choice touches nothing that
        // exists.
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
        // SAFETY: the region has at least one page, aligned and writable, and nobody knows of it
        // yet.
        unsafe { region.base.cast::<u64>().write(word) };
        Ok(region)
    }

    /// The pages of the memory file `file`, `len` bytes rounded up to pages.
    pub(crate) fn file(len: usize, file: BorrowedFd<'_>, access: Access) -> Result<Self> {
        let len = whole_pages(len.max(1));
        // SAFETY: a fresh mapping at an address of the kernel's choice touches nothing that
        // exists.
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

    /// Replaces the pages at `offset` by those of the memory file `file`. Nothing is faulted in
    /// yet.
    pub(crate) fn place_file(
        &self,
        offset: usize,
        len: usize,
        file: BorrowedFd<'_>,
        access: Access,
    ) -> Result<()> {
        let len = whole_pages(len);
        let target = self.whole_pages_at(offset, len)?;
        // SAFETY: the range lies in this mapping, page-aligned. Rings reach it through atomics and
        // `words`, and for these a change of pages is a change of values. No access faults, as the
        // type's documentation says.
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

    /// [`place_file`](Self::place_file) for memory that hook calls already use: it faults the
    /// pages in.
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

    /// Replaces the pages at `offset` by all pages of `fresh`.
    pub(crate) fn place(&self, offset: usize, fresh: Self) -> Result<()> {
        let target = self.whole_pages_at(offset, fresh.len)?;
        // SAFETY: the source is a whole mapping to which nobody refers any more. The target lies
        // in this one, page-aligned. Rings reach it through atomics and `words`, and for these a
        // change of pages is a change of values. No access faults, as the type's documentation
        // says.
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

    /// Repairs `len` bytes at `target` after the kernel has refused to replace them: puts zeros
    /// there if nothing is. Returns the refusal.
    fn refused(target: NonNull<u8>, len: usize, errno: Errno) -> Errno {
        // Memory comes free soon: the kernel that could not describe one mapping has just given up
        // others.
        const ATTEMPTS: usize = 1000;
        for _ in 0..ATTEMPTS {
            if Self::fill_hole(target, len) != Err(Errno::NOMEM) {
                break;
            }
            std::thread::yield_now();
        }
        errno
    }

    /// Maps `len` bytes of zeros at `target`; both are whole pages.
    ///
    /// # Errors
    ///
    /// `EXIST` if something is there, which stays. Any other errno of the kernel.
    fn fill_hole(target: NonNull<u8>, len: usize) -> Result<()> {
        // SAFETY: the call replaces nothing that is there. A kernel that does not know
        // `FIXED_NOREPLACE` (Linux before 4.17) takes the address for a hint, and maps the new
        // pages elsewhere.
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
        // SAFETY: mapped just now, and nobody knows of it.
        let _ = unsafe { munmap(mapped, len) };
        Err(Errno::EXIST)
    }

    fn whole_pages_at(&self, offset: usize, len: usize) -> Result<NonNull<u8>> {
        if !offset.is_multiple_of(page_size()) {
            return Err(Errno::INVAL);
        }
        self.at(offset, len).ok_or(Errno::INVAL)
    }

    /// The address `offset` bytes into the region, page-aligned if `offset` is.
    ///
    /// `None` unless `len` bytes follow it.
    pub(crate) fn at(&self, offset: usize, len: usize) -> Option<NonNull<u8>> {
        if offset.checked_add(len)? > self.len {
            return None;
        }
        // SAFETY: `offset` is within the mapping.
        Some(unsafe { self.base.add(offset) })
    }

    /// Makes `len` bytes from `offset` ready: applies `options` and faults the pages in. A page
    /// begins at `offset`.
    ///
    /// The pages must be writable.
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

    /// Keeps the kernel from giving huge pages to `len` bytes from `offset`, where a page begins.
    /// These bytes are addresses without memory so far. A store next to them could otherwise take
    /// a whole huge page, which no budget has counted.
    pub(crate) fn keep_sparse(&self, offset: usize, len: usize) {
        let len = whole_pages(len).min(self.len.saturating_sub(offset));
        if let Ok(start) = self.whole_pages_at(offset, len) {
            // A kernel without huge pages refuses, and gives none.
            // SAFETY: advice changes no bytes of this mapping.
            let _ = unsafe { madvise(start.as_ptr().cast(), len, Advice::LinuxNoHugepage) };
        }
    }

    /// Takes memory for `len` bytes from `offset`, where a page begins. The pages must be
    /// writable. Unlike [`touch`](Self::touch), it tells when there is none.
    ///
    /// # Errors
    ///
    /// `INVAL` from a kernel that cannot be asked to (Linux before 5.14).
    pub(crate) fn populate(&self, offset: usize, len: usize) -> Result<()> {
        let len = whole_pages(len);
        let start = self.whole_pages_at(offset, len)?.as_ptr().cast();
        // SAFETY: within the mapping. Populating pages changes no bytes of them.
        match unsafe { madvise(start, len, Advice::LinuxPopulateWrite) } {
            // The kernel's word for an access that would have ended the process.
            Err(Errno::FAULT) => Err(Errno::NOMEM),
            populated => populated,
        }
    }

    /// Stores `word` at the start, and zeros behind it. Other processes may be writing meanwhile.
    pub(crate) fn begin_with(&self, word: u64) {
        for at in (0..self.len).step_by(size_of::<u64>()) {
            let place = self.base.as_ptr().wrapping_add(at).cast::<AtomicU64>();
            // SAFETY: within the mapping, aligned as pages are, and reached through atomics.
            let place = unsafe { &*place };
            place.store(if at == 0 { word } else { 0 }, Ordering::Relaxed);
        }
    }

    /// Faults in the pages of `len` bytes from `offset`, so that no later store waits for the
    /// kernel. Other threads may be using them.
    ///
    /// The pages must be writable.
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

    /// Faults in the pages of `len` bytes from `offset`, so that no later load waits for the
    /// kernel.
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

    /// [`touch`](Self::touch) if the kernel cannot populate pages (Linux before 5.14): a store
    /// into each page.
    ///
    /// The bytes are in use, so the store must not change them. It must also be a real store: an
    /// atomic `or` with a constant 0 is not one, since the optimiser may leave the store out. So
    /// this `or` takes a number that the optimiser does not know.
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
        // SAFETY: this type mapped the range and unmaps it once; the rings that point into it own
        // it.
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
        // `/dev/null` has no memory to map. Placing it is refused and takes nothing away.
        let no_memory = std::fs::File::open("/dev/null").unwrap();
        let refused = region.place_file(page, page, no_memory.as_fd(), Access::Write);
        assert!(refused.is_err());
        assert_eq!(Region::fill_hole(middle, page), Err(Errno::EXIST));
        assert_eq!(words(), [7; 3]);
        // The same state as if the kernel had noticed too late that it cannot place a mapping.
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
