//! Waking who sleeps, and nobody else.
//!
//! A producer publishes its record and then loads one word, `attention`, from the line that it has
//! just written; zero means that nobody sleeps. Without a fence the processor may load that word before the record
//! is visible. The sleeper makes up for it: it announces itself in `attention`, has the kernel put a
//! full fence into every running producer (`membarrier`), and looks at the ring once more. Either the producer's load came
//! after that fence, and saw the announcement, or its record came before, and the sleeper sees it.
//!
//! Where the kernel has no `membarrier`, or ceases to allow it (a `seccomp` filter), sleepers wake by themselves every
//! [`UNSIGNALLED`]: producers never pay.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering, compiler_fence, fence};
use core::time::Duration;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::time::Instant;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::Errno;
use rustix::thread::{MembarrierCommand, futex, membarrier};
use rustix::time::Timespec;

use crate::RawReceiver;

/// How long a sleeper may miss a record where there is no `membarrier`.
pub(crate) const UNSIGNALLED: Duration = Duration::from_millis(2);

/// Bits of the `attention` word.
pub(crate) mod attention {
    /// A reader of this process sleeps on the ring's own word.
    pub(crate) const LOCAL: u32 = 1;
    /// A reader of another process is attached: look whether it sleeps.
    pub(crate) const REMOTE: u32 = 2;
    /// The ring's first doorbell is armed; the next ones follow.
    pub(crate) const DOORBELL: u32 = 4;
    /// Doorbells that a ring can have.
    pub(crate) const DOORBELLS: usize = 29;
}

/// Whose producers a sleeper must reach with its fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Producers {
    /// Threads of this process.
    ThisProcess,
    /// Threads of another process, which has called [`accept_fences_from_elsewhere`].
    Elsewhere,
}

/// Whether this process is registered for fences among its own threads.
fn registered() -> bool {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    *REGISTERED.get_or_init(|| membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok())
}

/// Lets readers in other processes put fences into this one's threads. Cheap to repeat.
pub(crate) fn accept_fences_from_elsewhere() -> bool {
    static ACCEPTED: OnceLock<bool> = OnceLock::new();
    *ACCEPTED.get_or_init(|| membarrier(MembarrierCommand::RegisterGlobalExpedited).is_ok())
}

/// Puts a full fence into every thread of `producers` that runs, and into this one.
///
/// False where the kernel cannot: then a sleeper may miss a record for [`UNSIGNALLED`].
pub(crate) fn fence_producers(producers: Producers) -> bool {
    fence(Ordering::SeqCst);
    match producers {
        Producers::ThisProcess => {
            registered() && membarrier(MembarrierCommand::PrivateExpedited).is_ok()
        }
        Producers::Elsewhere => membarrier(MembarrierCommand::GlobalExpedited).is_ok(),
    }
}

/// Between publishing a record and loading `attention`: keeps the compiler from turning them around.
#[inline]
pub(crate) fn after_publishing() {
    compiler_fence(Ordering::SeqCst);
}

/// Sleeps until `word` differs from `value`, somebody wakes it, or `limit` is over.
pub(crate) fn sleep(word: &AtomicU32, value: u32, shared: bool, limit: Option<Duration>) {
    let timeout = limit.and_then(|limit| Timespec::try_from(limit).ok());
    // Every reason to return is one to look at the ring again, which all callers do.
    match futex::wait(word, flags(shared), value, timeout.as_ref()) {
        Ok(()) | Err(Errno::AGAIN | Errno::INTR | Errno::TIMEDOUT) => {}
        // The system refuses for good, as a `seccomp` filter does: callers come back at once.
        Err(_) => rest(limit),
    }
}

/// Waits in the place of a wait that the system refuses, and may go on refusing: who tries again at once would take a processor.
fn rest(limit: Option<Duration>) {
    std::thread::sleep(limit.map_or(UNSIGNALLED, |limit| limit.min(UNSIGNALLED)));
}

/// Wakes everybody who sleeps on `word`.
pub(crate) fn wake(word: &AtomicU32, shared: bool) {
    // Fails only for a word that is no memory.
    let _ = futex::wake(word, flags(shared), i32::MAX.cast_unsigned());
}

fn flags(shared: bool) -> futex::Flags {
    if shared {
        futex::Flags::empty()
    } else {
        futex::Flags::PRIVATE
    }
}

/// What is left until `deadline`: `Some(None)` without one, `None` once it is over.
pub(crate) fn left(deadline: Option<Instant>) -> Option<Option<Duration>> {
    let Some(deadline) = deadline else {
        return Some(None);
    };
    let left = deadline.saturating_duration_since(Instant::now());
    (!left.is_zero()).then_some(Some(left))
}

/// Wakes one thread that serves many rings.
///
/// A ring is made with the doorbells that it may ring. Whoever serves them arms it, waits on it,
/// alone or in a `poll` of its own together with other descriptors, and drains the rings.
///
/// ```
/// # use std::sync::Arc;
/// # use jbpf_channel::{Doorbell, OutputOptions, OutputRing};
/// let bell = Arc::new(Doorbell::new()?);
/// let ring = OutputRing::new(16, 8, &OutputOptions { doorbells: vec![bell.clone()], ..Default::default() })?;
/// let records = ring.primary()?;
/// # let record = 7_u64.to_ne_bytes();
/// ring.send_bytes(&record)?;
/// if !bell.arm([&records]) {
///     bell.wait(None); // Nothing has come: sleep until something does.
/// }
/// assert_eq!(records.try_iter().count(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Doorbell {
    event: OwnedFd,
    /// Whether the last arming's fence failed: then a ring may be missed.
    unfenced: AtomicBool,
}

impl Doorbell {
    /// Makes one; it is a descriptor of this process.
    ///
    /// # Errors
    ///
    /// What `eventfd` answers, when descriptors or memory are exhausted.
    pub fn new() -> std::io::Result<Self> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self {
            event,
            unfenced: AtomicBool::new(false),
        })
    }

    /// Rings it: the next or present [`wait`](Self::wait) returns.
    pub fn ring(&self) {
        // Full means rung already.
        let _ = rustix::io::write(&self.event, &1_u64.to_ne_bytes());
    }

    /// Asks the rings of `readers` to ring with their next record.
    ///
    /// True when one of them holds a record now, or is closed: then read instead of waiting. Rings that were
    /// not made with this doorbell are looked at and cannot ring.
    pub fn arm<'a>(&self, readers: impl IntoIterator<Item = &'a RawReceiver> + Clone) -> bool {
        for reader in readers.clone() {
            reader.arm(self);
        }
        let fenced = fence_producers(Producers::ThisProcess);
        self.unfenced.store(!fenced, Ordering::Relaxed);
        readers.into_iter().any(RawReceiver::is_ready)
    }

    /// Waits until it is rung, or `limit` is over, and clears it.
    pub fn wait(&self, limit: Option<Duration>) {
        let bound = match (self.longest_wait(), limit) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let timeout = bound.and_then(|bound| Timespec::try_from(bound).ok());
        let mut fds = [PollFd::new(&self.event, PollFlags::IN)];
        // An interrupted wait returns early, as a ring does; callers look at the rings either way.
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            // As where the process may have no descriptors any more (`RLIMIT_NOFILE`).
            Err(_) => rest(bound),
        }
        self.clear();
    }

    /// For those who `poll` its descriptor themselves: makes it silent again.
    pub fn clear(&self) {
        let mut count = [0; 8];
        while rustix::io::read(&self.event, &mut count) == Err(Errno::INTR) {}
    }

    /// The longest that a wait may last before the rings must be looked at anyway; `None` is for ever. For who has
    /// [armed](Self::arm) it, on the same thread: what the kernel allows, it may cease to.
    #[must_use]
    pub fn longest_wait(&self) -> Option<Duration> {
        self.unfenced.load(Ordering::Relaxed).then_some(UNSIGNALLED)
    }
}

impl AsFd for Doorbell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}
