//! Waking sleeping readers, at no cost while nobody sleeps.
//!
//! A producer publishes its record and then loads one word, `attention`, from the line that it has
//! just written. If the word is zero, nobody sleeps. Without a fence the processor may load that
//! word before the record is visible. The sleeper makes up for it: it announces itself in
//! `attention`, has the kernel put a full fence into every running producer (`membarrier`), and
//! looks at the ring once more. If the producer's load came after that fence, it saw the
//! announcement. If it came before, the sleeper sees the record.
//!
//! If the kernel has no `membarrier`, or ceases to allow it (a `seccomp` filter), sleepers wake by
//! themselves every [`UNSIGNALLED`]. Producers never pay.

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

/// The time for which a sleeper may miss a record without `membarrier`.
pub(crate) const UNSIGNALLED: Duration = Duration::from_millis(2);

/// Bits of the `attention` word.
pub(crate) mod attention {
    /// A reader of this process sleeps on the ring's own word.
    pub(crate) const LOCAL: u32 = 1;
    /// A reader of another process is attached, and may be asleep.
    pub(crate) const REMOTE: u32 = 2;
    /// The ring's first doorbell is armed; the next ones follow.
    pub(crate) const DOORBELL: u32 = 4;
    /// Doorbells that a ring can have.
    pub(crate) const DOORBELLS: usize = 29;
}

/// The producers that a sleeper must reach with its fence.
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

/// Lets readers in other processes put fences into this one's threads. It is cheap to repeat.
pub(crate) fn accept_fences_from_elsewhere() -> bool {
    static ACCEPTED: OnceLock<bool> = OnceLock::new();
    *ACCEPTED.get_or_init(|| membarrier(MembarrierCommand::RegisterGlobalExpedited).is_ok())
}

/// Puts a full fence into every thread of `producers` that runs, and into this one.
///
/// Returns false if the kernel cannot. Then a sleeper may miss a record for [`UNSIGNALLED`].
pub(crate) fn fence_producers(producers: Producers) -> bool {
    fence(Ordering::SeqCst);
    match producers {
        Producers::ThisProcess => {
            registered() && membarrier(MembarrierCommand::PrivateExpedited).is_ok()
        }
        Producers::Elsewhere => membarrier(MembarrierCommand::GlobalExpedited).is_ok(),
    }
}

/// Keeps the compiler from moving the load of `attention` before the store that publishes a
/// record.
#[inline]
pub(crate) fn after_publishing() {
    compiler_fence(Ordering::SeqCst);
}

/// Sleeps until `word` differs from `value`, somebody wakes it, or `limit` is over.
pub(crate) fn sleep(word: &AtomicU32, value: u32, shared: bool, limit: Option<Duration>) {
    let timeout = limit.and_then(|limit| Timespec::try_from(limit).ok());
    // Whatever the reason to return, all callers look at the ring again.
    match futex::wait(word, flags(shared), value, timeout.as_ref()) {
        Ok(()) | Err(Errno::AGAIN | Errno::INTR | Errno::TIMEDOUT) => {}
        // The system refuses for good, as a `seccomp` filter does: callers come back at once.
        Err(_) => rest(limit),
    }
}

/// Sleeps in place of a wait that the system refuses, perhaps for good. A caller that tried again
/// at once would keep a processor busy.
fn rest(limit: Option<Duration>) {
    std::thread::sleep(limit.map_or(UNSIGNALLED, |limit| limit.min(UNSIGNALLED)));
}

/// Wakes every thread that sleeps on `word`.
pub(crate) fn wake(word: &AtomicU32, shared: bool) {
    // It fails only for an address without memory.
    let _ = futex::wake(word, flags(shared), i32::MAX.cast_unsigned());
}

fn flags(shared: bool) -> futex::Flags {
    if shared {
        futex::Flags::empty()
    } else {
        futex::Flags::PRIVATE
    }
}

/// The time until `deadline`: `Some(None)` without a deadline, `None` once it has passed.
pub(crate) fn left(deadline: Option<Instant>) -> Option<Option<Duration>> {
    let Some(deadline) = deadline else {
        return Some(None);
    };
    let left = deadline.saturating_duration_since(Instant::now());
    (!left.is_zero()).then_some(Some(left))
}

/// Wakes one thread that serves many rings.
///
/// A ring is made with the doorbells that it may ring. The serving thread arms the doorbell, waits
/// on it, and drains the rings. It may wait on the doorbell alone or in its own `poll` with other
/// descriptors.
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
    /// Whether the last arming's fence failed. If so, a record may come without a ring.
    unfenced: AtomicBool,
}

impl Doorbell {
    /// Makes a doorbell. It is a descriptor of this process.
    ///
    /// # Errors
    ///
    /// The error of `eventfd` if descriptors or memory are exhausted.
    pub fn new() -> std::io::Result<Self> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self {
            event,
            unfenced: AtomicBool::new(false),
        })
    }

    /// Rings the doorbell: the next or present [`wait`](Self::wait) returns.
    pub fn ring(&self) {
        // A full counter means that it has been rung already.
        let _ = rustix::io::write(&self.event, &1_u64.to_ne_bytes());
    }

    /// Asks the rings of `readers` to ring with their next record.
    ///
    /// Returns true if one of them is ready: it holds a record or is closed, for instance. Then
    /// read instead of waiting. A ring that was not made with this doorbell is looked at, but
    /// cannot ring.
    pub fn arm<'a>(&self, readers: impl IntoIterator<Item = &'a RawReceiver> + Clone) -> bool {
        for reader in readers.clone() {
            reader.arm(self);
        }
        let fenced = fence_producers(Producers::ThisProcess);
        self.unfenced.store(!fenced, Ordering::Relaxed);
        readers.into_iter().any(RawReceiver::is_ready)
    }

    /// Waits until it is rung or `limit` is over, and clears it.
    pub fn wait(&self, limit: Option<Duration>) {
        let bound = match (self.longest_wait(), limit) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let timeout = bound.and_then(|bound| Timespec::try_from(bound).ok());
        let mut fds = [PollFd::new(&self.event, PollFlags::IN)];
        // An interrupted wait returns early, as a ring does. Callers look at the rings either way.
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            // `poll` fails, for example, if the process may have no descriptors any more
            // (`RLIMIT_NOFILE`).
            Err(_) => rest(bound),
        }
        self.clear();
    }

    /// Silences the doorbell again, for threads that `poll` its descriptor themselves.
    pub fn clear(&self) {
        let mut count = [0; 8];
        while rustix::io::read(&self.event, &mut count) == Err(Errno::INTR) {}
    }

    /// The longest that a wait may last before the rings must be looked at anyway; `None` is for
    /// ever. Call it on the thread that has [armed](Self::arm) the doorbell, after each arming,
    /// because the kernel may cease to allow the fence.
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
