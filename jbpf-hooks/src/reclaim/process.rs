//! The identity of this process, told apart from the processes that it was forked from.
//!
//! Process ids cannot tell: a parent and a child in another PID namespace may both be process 1.
//! The kernel can. If it is asked to (`MADV_WIPEONFORK`, since Linux 4.14), it gives each forked
//! child pages of zeros, whichever system call made the child. If it cannot be asked, ids have to
//! do: a child whose id is its parent's is taken for it.
//!
//! The records of threads lie in such pages, too ([`memory`]). So a thread of a child finds its
//! own record [without life](super::ThreadRecord), at the cost of no instruction.

/// A number that differs from the numbers of all processes that this one was forked from, directly
/// or not.
#[must_use]
pub fn process() -> u64 {
    #[cfg(all(target_os = "linux", not(miri), not(loom)))]
    if let Some(own) = wiped::number() {
        return own;
    }
    by_id()
}

#[cfg(not(loom))]
fn by_id() -> u64 {
    std::process::id().into()
}

/// The model has one process.
#[cfg(loom)]
fn by_id() -> u64 {
    1
}

/// Memory for records.
#[cfg(all(target_os = "linux", not(miri), not(loom)))]
pub(super) mod memory {
    use core::alloc::Layout;
    use core::mem::MaybeUninit;
    use core::ptr::{self, NonNull};
    use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
    use std::alloc::{GlobalAlloc, System};

    use super::wiped;
    use crate::reclaim::ThreadRecord;

    /// Records of a page, next to the count.
    const RECORDS: usize = wiped::LEN / size_of::<ThreadRecord>() - 1;

    /// A page of zeros at first, and again in children.
    #[repr(C)]
    struct Chunk {
        /// The number of records taken from it, and of attempts after the last.
        used: AtomicU32,
        records: [MaybeUninit<ThreadRecord>; RECORDS],
    }
    const _: () = assert!(size_of::<Chunk>() <= wiped::LEN);

    /// The page that records are taken from.
    static CHUNK: AtomicPtr<Chunk> = AtomicPtr::new(ptr::null_mut());

    /// Room for one record, which is never given back. It takes no lock, because a child could
    /// inherit a held one. `None` if memory is short.
    pub(in crate::reclaim) fn for_record() -> Option<NonNull<ThreadRecord>> {
        loop {
            let chunk = CHUNK.load(Ordering::Acquire);
            if let Some(record) = take(chunk) {
                return Some(record);
            }
            let Some(fresh) = wiped::map() else {
                return unwiped();
            };
            let fresh = fresh.cast::<Chunk>().as_ptr();
            let first = CHUNK.compare_exchange(chunk, fresh, Ordering::AcqRel, Ordering::Acquire);
            if first.is_err() {
                wiped::unmap(fresh.cast());
            }
        }
    }

    fn take(chunk: *mut Chunk) -> Option<NonNull<ThreadRecord>> {
        let chunk = NonNull::new(chunk)?.as_ptr();
        // SAFETY: `for_record` mapped and published the page, and it is never unmapped. The field
        // is an atomic, and zero at first.
        let used = unsafe { &(*chunk).used };
        let place = used.fetch_add(1, Ordering::Relaxed) as usize;
        if place >= RECORDS {
            return None;
        }
        // SAFETY: as above, and nothing is read.
        let records = unsafe { &raw mut (*chunk).records };
        // Nobody else gets this place.
        NonNull::new(records.cast::<ThreadRecord>().wrapping_add(place))
    }

    /// Uses the system's allocator, because hooks of the application's own allocator may have
    /// brought us here.
    fn unwiped() -> Option<NonNull<ThreadRecord>> {
        // SAFETY: the layout's size is not zero.
        let memory = unsafe { System.alloc(Layout::new::<ThreadRecord>()) };
        NonNull::new(memory.cast())
    }
}

/// Memory for records, if no page can be wiped.
#[cfg(not(all(target_os = "linux", not(miri), not(loom))))]
pub(super) mod memory {
    use core::alloc::Layout;
    use core::ptr::NonNull;
    use std::alloc::{GlobalAlloc, System};

    use crate::reclaim::ThreadRecord;

    /// Room for one record, which is never given back. It uses the system's allocator, because
    /// hooks of the application's own allocator may have brought us here.
    pub(in crate::reclaim) fn for_record() -> Option<NonNull<ThreadRecord>> {
        // SAFETY: the layout's size is not zero.
        let memory = unsafe { System.alloc(Layout::new::<ThreadRecord>()) };
        NonNull::new(memory.cast())
    }
}

#[cfg(all(target_os = "linux", not(miri), not(loom)))]
mod wiped {
    use core::ptr::{self, NonNull};
    use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

    use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

    /// The word in the page that children find wiped. It holds the number of this process, or 0
    /// before it has one. Null at first.
    static WORD: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());
    /// The last number given, in this process or in those that it was forked from.
    static LAST: AtomicU64 = AtomicU64::new(0);

    /// Stands in [`WORD`] in place of an address if the system does not wipe pages. It did not for
    /// the parent either.
    const NONE: *mut AtomicU64 = ptr::without_provenance_mut(1);

    /// The kernel's smallest page.
    pub(super) const LEN: usize = 4096;

    /// The number of this process. `None` if the system does not wipe pages.
    pub(super) fn number() -> Option<u64> {
        let word = word()?;
        let known = word.load(Ordering::Relaxed);
        if known != 0 {
            return Some(known);
        }
        // A child that is forked at any moment from here on inherits this, and so has a larger
        // number.
        let new = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        let given = word.compare_exchange(0, new, Ordering::Relaxed, Ordering::Relaxed);
        Some(given.map_or_else(|other| other, |_| new))
    }

    /// Finds the word without a lock, because a child could inherit a held one.
    fn word() -> Option<&'static AtomicU64> {
        let mut word = WORD.load(Ordering::Acquire);
        if word.is_null() {
            let mapped = map().map_or(NONE, |page| page.cast().as_ptr());
            let first =
                WORD.compare_exchange(ptr::null_mut(), mapped, Ordering::AcqRel, Ordering::Acquire);
            word = match first {
                Ok(_) => mapped,
                Err(other) => {
                    if mapped != NONE {
                        unmap(mapped.cast());
                    }
                    other
                }
            };
        }
        if word == NONE {
            return None;
        }
        // SAFETY: `WORD` holds null, `NONE`, or the address of a mapped page of zeros at first.
        // The page is never unmapped, and serves only as this atomic.
        Some(unsafe { &*word })
    }

    /// A page of zeros that forked children find wiped. `None` if the system does not wipe pages,
    /// or has no memory.
    pub(super) fn map() -> Option<NonNull<u8>> {
        // SAFETY: a new anonymous mapping at an address of the system's choice touches nothing
        // else.
        let page = unsafe {
            mmap_anonymous(
                ptr::null_mut(),
                LEN,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )
        };
        let page = page.ok()?;
        // SAFETY: advice about a page that nobody else knows of.
        if unsafe { madvise(page, LEN, Advice::LinuxWipeOnFork) }.is_err() {
            unmap(page.cast());
            return None;
        }
        NonNull::new(page.cast())
    }

    /// Unmaps a page that [`map`] returned and nobody else has seen.
    pub(super) fn unmap(page: *mut u8) {
        // SAFETY: mapped with this length, and not handed out. Nothing can be done about an error.
        let _ = unsafe { munmap(page.cast(), LEN) };
    }
}
