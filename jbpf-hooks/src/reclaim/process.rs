//! Which process this is, told apart from those that it was forked from.
//!
//! Process ids cannot tell: of a parent and a child in another PID namespace, both may be process 1. The
//! kernel can: where it was asked to (`MADV_WIPEONFORK`, since Linux 4.14) it gives each forked child pages
//! of zeros, whichever system call made it. If it cannot be asked, ids have to do: children whose id is their
//! parent's are taken for it.
//!
//! The records of threads lie in such pages, too ([`memory`]): so a thread of a child finds its own
//! [without life](super::ThreadRecord), at the cost of no instruction.

/// A number that no process has which this one was forked from, directly or not.
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
        /// Records taken from it, and attempts after the last.
        used: AtomicU32,
        records: [MaybeUninit<ThreadRecord>; RECORDS],
    }
    const _: () = assert!(size_of::<Chunk>() <= wiped::LEN);

    /// The page that records are taken from.
    static CHUNK: AtomicPtr<Chunk> = AtomicPtr::new(ptr::null_mut());

    /// Room for one record, which is never given back. Takes no lock: a child could inherit one that is held. `None`: out of
    /// memory.
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
        // SAFETY: a page that `for_record` mapped and published, which is never unmapped; the field is an atomic, and zeros
        // at first.
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

    /// From the system's allocator and not the application's, whose own hooks may be what brought us here.
    fn unwiped() -> Option<NonNull<ThreadRecord>> {
        // SAFETY: the layout's size is not zero.
        let memory = unsafe { System.alloc(Layout::new::<ThreadRecord>()) };
        NonNull::new(memory.cast())
    }
}

/// Memory for records, where no page can be wiped.
#[cfg(not(all(target_os = "linux", not(miri), not(loom))))]
pub(super) mod memory {
    use core::alloc::Layout;
    use core::ptr::NonNull;
    use std::alloc::{GlobalAlloc, System};

    use crate::reclaim::ThreadRecord;

    /// Room for one record, which is never given back. From the system's allocator and not the application's, whose
    /// own hooks may be what brought us here.
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

    /// In the page that children find wiped: the number of this process, 0 before it has one. Null at first.
    static WORD: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());
    /// The last number given in this process or, before it was forked, in those before it.
    static LAST: AtomicU64 = AtomicU64::new(0);

    /// Instead of an address in [`WORD`]: the system does not wipe. It did not for the parent either.
    const NONE: *mut AtomicU64 = ptr::without_provenance_mut(1);

    /// The kernel's smallest page.
    pub(super) const LEN: usize = 4096;

    /// The number of this process; `None` where the system does not wipe pages.
    pub(super) fn number() -> Option<u64> {
        let word = word()?;
        let known = word.load(Ordering::Relaxed);
        if known != 0 {
            return Some(known);
        }
        // A child that is forked at any moment from here on inherits this, and so has a larger number.
        let new = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        let given = word.compare_exchange(0, new, Ordering::Relaxed, Ordering::Relaxed);
        Some(given.map_or_else(|other| other, |_| new))
    }

    /// Without a lock, which a child could inherit held.
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
        // SAFETY: `WORD` holds null, `NONE`, or the address of a mapped page of zeros at first, which is never
        // unmapped again and used as this atomic alone.
        Some(unsafe { &*word })
    }

    /// A page of zeros that forked children find wiped; `None` where the system does not wipe, or has no memory.
    pub(super) fn map() -> Option<NonNull<u8>> {
        // SAFETY: a new anonymous mapping at an address of the system's choice touches nothing else.
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

    /// Gives back what [`map`] returned and nobody else has seen.
    pub(super) fn unmap(page: *mut u8) {
        // SAFETY: mapped with this length, and not handed out. There is nothing to be done about an error.
        let _ = unsafe { munmap(page.cast(), LEN) };
    }
}
