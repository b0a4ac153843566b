//! Waiting for a reader that may run on another processor for some nanoseconds more, or be
//! descheduled for long.

#[cfg(not(loom))]
use core::time::Duration;

/// Spins, then yields, then sleeps, so that a reader that is not running does not cost a
/// processor.
pub(super) struct Wait {
    rounds: u32,
}

#[cfg(not(loom))]
impl Wait {
    const SPINS: u32 = 64;
    const YIELDS: u32 = 32;
    const SHORTEST: Duration = Duration::from_micros(16);
    /// `SHORTEST` is doubled at most this often, to about a millisecond.
    const DOUBLINGS: u32 = 6;

    pub(super) fn new() -> Self {
        Self { rounds: 0 }
    }

    pub(super) fn a_little(&mut self) {
        let round = self.rounds;
        self.rounds = round.saturating_add(1);
        if round < Self::SPINS {
            core::hint::spin_loop();
        } else if round < Self::SPINS + Self::YIELDS {
            std::thread::yield_now();
        } else {
            let doublings = (round - Self::SPINS - Self::YIELDS).min(Self::DOUBLINGS);
            std::thread::sleep(Self::SHORTEST * (1 << doublings));
        }
    }
}

/// The model has no time: it lets another thread run.
#[cfg(loom)]
impl Wait {
    pub(super) fn new() -> Self {
        Self { rounds: 0 }
    }

    pub(super) fn a_little(&mut self) {
        self.rounds += 1;
        loom::thread::yield_now();
    }
}
