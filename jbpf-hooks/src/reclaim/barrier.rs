//! Decides which side pays for the order between a reader's mark and the reader's next loads.
//!
//! A process decides once, before its first reader can mark itself, and the decision never
//! changes.

use core::sync::atomic::{AtomicU8, Ordering};
use std::io;

/// The side that executes the full fences of reclamation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fences {
    /// The writer pays, for all threads of the process at once, by `membarrier`. Readers pay
    /// nothing, and each load and unload interrupts the processors that run threads of this
    /// process.
    Writer,
    /// Every reader pays, on every call of an armed hook (some 20 to 100 cycles). Nobody is
    /// interrupted.
    Readers,
}

const UNDECIDED: u8 = 0;
const WRITER: u8 = 1;
const READERS: u8 = 2;

static DECISION: AtomicU8 = AtomicU8::new(UNDECIDED);

/// The decision, made now if it was not made before: the writer if the system has `membarrier`,
/// else the readers.
pub(crate) fn decided() -> Fences {
    match DECISION.load(Ordering::Acquire) {
        WRITER => Fences::Writer,
        READERS => Fences::Readers,
        _ => decide(available()),
    }
}

/// Decides for `wanted` if nothing was decided before and the system allows it. Returns the
/// decision that holds.
pub(crate) fn prefer(wanted: Fences) -> Fences {
    match wanted {
        Fences::Writer => decided(),
        Fences::Readers => decide(Fences::Readers),
    }
}

fn decide(wanted: Fences) -> Fences {
    let code = match wanted {
        Fences::Writer => WRITER,
        Fences::Readers => READERS,
    };
    match DECISION.compare_exchange(UNDECIDED, code, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => wanted,
        Err(READERS) => Fences::Readers,
        Err(_) => Fences::Writer,
    }
}

/// The writer's side. Every reader that marks itself after it sees all stores that the writer made
/// before it. The writer's loads after it see every mark made before it.
///
/// # Errors
///
/// The system refuses `membarrier` although it allowed it when the decision was made (a `seccomp`
/// filter installed since). Nothing is ordered then, and nothing may be freed.
pub(crate) fn writer() -> io::Result<()> {
    super::atomics::fence(super::atomics::Ordering::SeqCst);
    match decided() {
        Fences::Writer => everywhere(),
        Fences::Readers => Ok(()),
    }
}

#[cfg(all(target_os = "linux", not(miri), not(loom)))]
use membarrier::{available, everywhere};
#[cfg(loom)]
use modelled::{available, everywhere};
#[cfg(not(any(all(target_os = "linux", not(miri)), loom)))]
use none::{available, everywhere};

#[cfg(all(target_os = "linux", not(miri), not(loom)))]
mod membarrier {
    use super::{Fences, io};
    use rustix::thread::{MembarrierCommand, membarrier};

    /// Registers the process, if it can be.
    pub(super) fn available() -> Fences {
        let tried = membarrier(MembarrierCommand::RegisterPrivateExpedited)
            .and_then(|()| membarrier(MembarrierCommand::PrivateExpedited));
        match tried {
            Ok(()) => Fences::Writer,
            Err(_) => Fences::Readers,
        }
    }

    pub(super) fn everywhere() -> io::Result<()> {
        Ok(membarrier(MembarrierCommand::PrivateExpedited)?)
    }
}

/// The model's `membarrier` is a fence on both sides: [`writer`]'s own, and that of
/// [`light_fence`](super::atomics::light_fence).
#[cfg(loom)]
mod modelled {
    use super::{Fences, io};

    pub(super) fn available() -> Fences {
        Fences::Writer
    }

    pub(super) fn everywhere() -> io::Result<()> {
        Ok(())
    }
}

#[cfg(not(any(all(target_os = "linux", not(miri)), loom)))]
mod none {
    use super::{Fences, io};

    pub(super) fn available() -> Fences {
        Fences::Readers
    }

    pub(super) fn everywhere() -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
