//! Asymmetric reclamation. Readers mark themselves with plain stores. A writer pays with
//! `membarrier`, and waits for the readers that were inside.
//!
//! # Readers
//!
//! Every thread that runs a codelet owns a [`ThreadRecord`], found through a thread-local pointer.
//! A call stores a mark there, loads the hook's dispatch pointer again (the first load, which
//! found the hook armed, brought the call here), calls it, and takes the mark back with a Release
//! store. The mark counts: the low bits are the nesting depth and two flags, and the rest is how
//! often the thread has left.
//!
//! # Writers
//!
//! A writer that wants to free memory which readers may be using unpublishes it and calls
//! [`synchronize`]. That puts all processors through a barrier, and then waits for every record
//! that is inside until it has left or moved on. If a reader and a writer meet, one of two holds,
//! in whatever order the processors execute. Either the reader's mark came before the barrier, and
//! the writer sees it and waits; or the reader's load came after the barrier, and sees that
//! nothing is published.
//!
//! A [`Grace`] period does the same for some hooks. A call stores the hook beside its mark. So a
//! writer that frees what one hook ran does not wait for a thread that stays inside another, and
//! can name the threads that it waits for.
//!
//! If there is no `membarrier`, readers execute a full fence between mark and load. That is
//! decided before the first record is made ([`prefer_fences`]) and kept in the record.
//!
//! # Threads
//!
//! A thread gets its record on its first call of an armed hook, or from [`prepare_thread`]. After
//! the thread's exit, the next new thread gets the record. So there are as many records, and
//! *slots* of per-thread maps, as there were threads at the same time. If a thread's destructors
//! call hooks after the record is gone, each such call borrows a record, which no other thread has
//! meanwhile.
//!
//! # Forks
//!
//! A forked child has the one thread that forked, and records of threads that are gone, some of
//! them inside for ever. The process that decided on the fences is the one that may free. In its
//! children, [`synchronize`] returns [`SynchronizeError::ForkedChild`], and no thread enters. A
//! thread without a record gets none. The record of the thread that forked lies in a page that the
//! kernel wipes in children, whichever system call made them, and a wiped record lets nobody in.
//! Such calls are skipped and counted. Two kinds of children are not recognised. If the kernel
//! does not wipe pages (Linux before 4.14), a child goes unnoticed if no `fork` of the C library
//! made it and its process id is its parent's. On every kernel, a child goes unnoticed if a helper
//! makes it by a system call of its own, and it goes on in the codelet that called the helper. A
//! process that forks before anything is attached (a daemon) decides for itself.
#![allow(
    unsafe_code,
    reason = "records are shared between threads and outlive them; each block proves itself"
)]

mod atomics;
mod barrier;
mod domain;
mod grace;
mod process;
mod record;
mod stack;
mod thread;
mod wait;

use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::{fmt, io};

pub(crate) use self::atomics::{AtomicPtr as ModelledPtr, AtomicU64 as ModelledU64};
pub use self::barrier::Fences;
use self::domain::Domain;
pub use self::grace::{Grace, Inside};
pub use self::process::process;
pub use self::record::{HookCall, SCRATCH_WORDS, ThreadRecord};
pub(crate) use self::record::{NO_HOOK, Section};
pub use self::stack::STACK;
pub(crate) use self::thread::{current, occupy};

/// Hooks fired from inside codelets, by helpers of the application, nest at most this deep.
pub const MAX_NESTING: u64 = 8;

/// At most so many hook calls are nested in one call that is not nested itself, at all depths
/// together. Further ones are skipped and counted.
pub const MAX_NESTED_CALLS: u64 = 4096;

#[cfg(not(loom))]
static DOMAIN: Domain = Domain::new();
#[cfg(loom)]
loom::lazy_static! { static ref DOMAIN: Domain = Domain::new(); }

/// The process that decided on the fences; 0 before.
static HOME: AtomicU64 = AtomicU64::new(0);

/// The runtime's observer of new slots, an `fn(u32)`.
static OBSERVER: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

/// The reason why [`synchronize`] cannot promise anything.
#[derive(Debug)]
#[non_exhaustive]
pub enum SynchronizeError {
    /// The calling thread is inside a codelet and would wait for itself.
    InsideCodelet,
    /// The process was forked from the one in which codelets were attached.
    ForkedChild,
    /// The system refuses `membarrier` although it allowed it before.
    Barrier(io::Error),
}

impl fmt::Display for SynchronizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InsideCodelet => {
                "a thread inside a codelet cannot wait for codelets to end; do it after the hook returns"
            }
            Self::ForkedChild => {
                "a forked child does not own the codelets of its parent; load and unload in the parent"
            }
            Self::Barrier(_) => {
                "the system refuses membarrier(2), which it allowed before; allow it in the seccomp filter"
            }
        })
    }
}

impl std::error::Error for SynchronizeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Barrier(error) => Some(error),
            Self::InsideCodelet | Self::ForkedChild => None,
        }
    }
}

/// Waits until every thread that is inside a hook call at this moment has left it. After that,
/// nobody uses memory that was unpublished before.
///
/// # Errors
///
/// It fails if it cannot know that. The unpublished memory must never be freed then.
pub fn synchronize() -> Result<(), SynchronizeError> {
    if inside_codelet() {
        return Err(SynchronizeError::InsideCodelet);
    }
    if is_forked_child() {
        return Err(SynchronizeError::ForkedChild);
    }
    barrier::writer().map_err(SynchronizeError::Barrier)?;
    DOMAIN.wait_for_readers();
    Ok(())
}

/// Whether the calling thread is inside a hook call that runs codelets.
#[must_use]
pub fn inside_codelet() -> bool {
    current().is_some_and(ThreadRecord::is_inside)
}

/// Gives the calling thread all that its calls of armed hooks need, ahead of the first: its
/// record, its copies of the per-thread maps that are loaded (a load makes those of the threads
/// that have a record), and [some of its stack](STACK). After that, its calls ask the system for
/// nothing. Returns its slot; `None` for a thread that is exiting, in a forked child, and if
/// memory is short.
///
/// Another call tries again the steps that failed for lack of memory.
pub fn prepare_thread() -> Option<u32> {
    let slots = slots();
    let _until_read = occupy()?;
    let slot = slot()?;
    if slot < slots {
        // The slot is not new. The observer has heard of a new one already.
        announce(slot);
    }
    stack::populate();
    Some(slot)
}

/// The calling thread's slot, if it has one.
#[must_use]
pub fn slot() -> Option<u32> {
    current().map(ThreadRecord::slot)
}

/// Runs `run` as a hook call would run codelets, inside a section of the calling thread, with the
/// thread's record. It serves codelets that run outside of any hook. If a hook call would be
/// skipped here, it returns `None` and does not run it.
pub fn with_record<R>(run: impl FnOnce(&ThreadRecord) -> R) -> Option<R> {
    let _until_return = occupy()?;
    let section = current()?.enter(NO_HOOK)?;
    Some(run(section.record()))
}

/// The number of slots ever used, which is the most threads that had a record at the same time.
#[must_use]
pub fn slots() -> u32 {
    DOMAIN.slots()
}

/// Sets the one observer of new slots. A new thread calls it with its slot number before the first
/// codelet runs in the thread. A slot that passes on from an exited thread is not announced,
/// unless the thread that gets it calls [`prepare_thread`]: every thread that calls that announces
/// its slot, each time. Slots below [`slots`] at the time of this call may not be announced to it
/// any more.
///
/// Hooks that the observer itself calls in a new thread are skipped and counted. The observer must
/// not wait for a lock that its caller can hold: a thread that takes such a lock calls
/// [`prepare_thread`] before.
pub fn on_new_thread(observer: Option<fn(slot: u32)>) {
    let observer = observer.map_or(core::ptr::null_mut(), |observer| observer as *mut ());
    OBSERVER.store(observer, Ordering::Release);
}

/// Decides which side fences, unless that is decided already. Returns the decision that holds: an
/// earlier one, or [`Fences::Readers`] if the system has no `membarrier`.
///
/// [`Fences::Readers`] is for applications whose processors must not be interrupted by a load or
/// unload.
pub fn prefer_fences(wanted: Fences) -> Fences {
    settle(process());
    barrier::prefer(wanted)
}

/// Called before anything is attached. Makes all decisions that the first call would otherwise
/// make, and remembers the process as the one that may free.
pub(crate) fn prepare_process() {
    settle(process());
    barrier::decided();
}

/// Makes this process the one that decides, if there is none. Returns the one that decides.
fn settle(process: u64) -> u64 {
    match HOME.compare_exchange(0, process, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => process,
        Err(home) => home,
    }
}

/// Whether another process than this one made the decisions. Makes it this one if none did.
fn is_forked_child() -> bool {
    let process = process();
    settle(process) != process
}

/// Whether the process was forked from one in which codelets had been attached. None can be
/// attached here then.
#[must_use]
pub fn is_of_another_process() -> bool {
    let home = HOME.load(Ordering::Relaxed);
    home != 0 && home != process()
}

/// Tells the observer of a new slot.
fn announce(slot: u32) {
    let observer = OBSERVER.load(Ordering::Acquire);
    if observer.is_null() {
        return;
    }
    // SAFETY: `on_new_thread` alone stores to it, null or a function of this type.
    let observer = unsafe { core::mem::transmute::<*mut (), fn(u32)>(observer) };
    observer(slot);
}
