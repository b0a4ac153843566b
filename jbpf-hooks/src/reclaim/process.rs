//! Which process this is, told apart from those that it was forked from.
//!
//! Process ids cannot tell: of a parent and a child in another PID namespace, both may be process 1. The
//! kernel can: where it was asked to (`MADV_WIPEONFORK`, since Linux 4.14) it gives each forked child a page
//! of zeros, whichever system call made it. Where it cannot be asked, ids have to do.

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

#[cfg(all(target_os = "linux", not(miri), not(loom)))]
mod wiped {
    use core::ptr;
    use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

    use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

    /// In the page that children find wiped: the number of this process, 0 before it has one. Null at first.
    static WORD: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());
    /// The last number given in this process or, before it was forked, in those before it.
    static LAST: AtomicU64 = AtomicU64::new(0);

    /// Instead of an address in [`WORD`]: the system does not wipe. It did not for the parent either.
    const NONE: *mut AtomicU64 = ptr::without_provenance_mut(1);

    /// The kernel's smallest page.
    const LEN: usize = 4096;

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
            let mapped = map();
            let first =
                WORD.compare_exchange(ptr::null_mut(), mapped, Ordering::AcqRel, Ordering::Acquire);
            word = match first {
                Ok(_) => mapped,
                Err(other) => {
                    unmap(mapped);
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

    fn map() -> *mut AtomicU64 {
        // SAFETY: a new anonymous mapping at an address of the system's choice touches nothing else.
        let page = unsafe {
            mmap_anonymous(
                ptr::null_mut(),
                LEN,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )
        };
        let Ok(page) = page else { return NONE };
        // SAFETY: advice about a page that nobody else knows of.
        if unsafe { madvise(page, LEN, Advice::LinuxWipeOnFork) }.is_err() {
            unmap(page.cast());
            return NONE;
        }
        page.cast()
    }

    /// Gives back what [`map`] returned and nobody else has seen.
    fn unmap(page: *mut AtomicU64) {
        if page != NONE {
            // SAFETY: mapped with this length, and not handed out. There is nothing to be done about an error.
            let _ = unsafe { munmap(page.cast(), LEN) };
        }
    }
}
