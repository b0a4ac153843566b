//! Asymmetric reclamation: readers mark themselves with plain stores, a writer pays with
//! `membarrier` and waits for the readers that were inside.
//!
//! # Readers
//!
//! Every thread that runs a codelet owns a [`ThreadRecord`], found through a thread-local pointer.
//! A call stores a mark there, loads the hook's dispatch pointer (again: being armed brought it
//! here), calls it, and takes the mark back with a Release store. The mark counts: the low byte is
//! the nesting depth, the rest how often the thread has left.
//!
//! # Writers
//!
//! Who wants to free what readers may be using unpublishes it and calls [`synchronize`]. It puts
//! all processors through a barrier, and then waits for every record that is inside until it has
//! left or moved on. Of a reader and a writer at the same time one of two is true, whatever the
//! processors reorder: the reader's mark came before the barrier, and the writer sees it and waits;
//! or the reader's load came after it, and sees that nothing is published.
//!
//! A [`Grace`] period is the same for some hooks: a call stores the hook beside its mark, so that who frees what one hook ran does
//! not wait for a thread that stays inside another, and can say which threads it waits for.
//!
//! Where there is no `membarrier`, readers execute a full fence between mark and load. This is decided
//! before the first record is made ([`prefer_fences`]) and kept in the record.
//!
//! # Threads
//!
//! A thread gets its record on its first call of an armed hook, or from [`prepare_thread`]; the next
//! new thread gets it after that thread's exit. So there are as many records, and *slots* of
//! per-thread maps, as there were threads at the same time. When a thread's destructors call hooks
//! after the record is gone, each such call borrows one: it is no other thread's meanwhile.
//!
//! # Forks
//!
//! A forked child has the one thread that forked, and records of threads that are gone, some inside
//! for ever. The process that decided on the fences is the one that may free: in its children
//! [`synchronize`] returns [`SynchronizeError::ForkedChild`], and no thread enters. One that has no record gets none;
//! that of the thread that forked lies in a page that the kernel wipes in children, whichever system call made them, and
//! a wiped record lets nobody in: such calls are skipped and counted. Two children are not known: where the kernel does not
//! wipe pages (Linux before 4.14), one that no `fork` of the C library made and whose process id is its parent's; and
//! everywhere, one that a helper makes by a system call of its own, and that goes on in the codelet that called the helper.
//! A process that forks before anything is attached (a daemon) decides for itself.
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

#[cfg(not(loom))]
static DOMAIN: Domain = Domain::new();
#[cfg(loom)]
loom::lazy_static! { static ref DOMAIN: Domain = Domain::new(); }

/// The process that decided on the fences; 0 before.
static HOME: AtomicU64 = AtomicU64::new(0);

/// The runtime's observer of new slots, an `fn(u32)`.
static OBSERVER: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

/// Why [`synchronize`] cannot promise anything.
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

/// Waits until every thread that was inside a hook call at this moment has left it. After that,
/// nobody uses what had been unpublished before.
///
/// # Errors
///
/// When it cannot know; what was unpublished must never be freed then.
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

/// Gives the calling thread what its calls of armed hooks need, ahead of the first: its record, its copies of the per-thread
/// maps that are loaded (a load makes those of the threads that have a record), and [some of its stack](STACK). After that, its calls
/// ask the system for nothing. Returns its slot; `None` for a thread that is exiting, in a forked child, and when memory is short.
///
/// Called again, it tries again what failed for lack of memory.
pub fn prepare_thread() -> Option<u32> {
    let slots = slots();
    let _until_read = occupy()?;
    let slot = slot()?;
    if slot < slots {
        // It is not a new one, which the observer has just heard of.
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
/// thread's record: for codelets that are run outside of any hook. `None`, without running it, where a
/// hook call would be skipped.
pub fn with_record<R>(run: impl FnOnce(&ThreadRecord) -> R) -> Option<R> {
    let _until_return = occupy()?;
    let section = current()?.enter(NO_HOOK)?;
    Some(run(section.record()))
}

/// The number of slots ever used: that of threads that had a record at the same time.
#[must_use]
pub fn slots() -> u32 {
    DOMAIN.slots()
}

/// Sets the one observer of new slots. It is called by the new thread with its slot number before
/// the first codelet runs with it, and not when a slot passes on from an exited thread, unless the thread that gets it calls
/// [`prepare_thread`]; and by every thread that calls that, each time. Slots below
/// [`slots`] at the time of this call may not be announced to it any more.
///
/// Hooks that the observer itself calls in a new thread are skipped and counted. It must not wait for a lock that its
/// caller can hold: who takes such a lock calls [`prepare_thread`] before.
pub fn on_new_thread(observer: Option<fn(slot: u32)>) {
    let observer = observer.map_or(core::ptr::null_mut(), |observer| observer as *mut ());
    OBSERVER.store(observer, Ordering::Release);
}

/// Decides who fences, before anybody has: returns what holds, which is an earlier decision, and
/// [`Fences::Readers`] where the system has no `membarrier`.
///
/// [`Fences::Readers`] is for applications whose processors must not be interrupted by a load or unload.
pub fn prefer_fences(wanted: Fences) -> Fences {
    settle(process());
    barrier::prefer(wanted)
}

/// Called before anything is attached: makes all decisions that the first call would otherwise
/// make, and remembers the process as the one that may free.
pub(crate) fn prepare_process() {
    settle(process());
    barrier::decided();
}

/// Makes this process the one that makes the decisions if there is none; returns which one is.
fn settle(process: u64) -> u64 {
    match HOME.compare_exchange(0, process, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => process,
        Err(home) => home,
    }
}

/// Whether another process than this one made the decisions; makes it this one if none did.
fn is_forked_child() -> bool {
    let process = process();
    settle(process) != process
}

/// Whether the process was forked from one in which codelets had been attached: none can be attached here.
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
