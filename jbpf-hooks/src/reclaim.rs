//! Asymmetric reclamation: readers mark themselves with plain stores, a writer pays with
//! `membarrier` and waits for the readers that were inside.
//!
//! # The record
//!
//! Every thread that runs a codelet owns a [`ThreadRecord`]. Its `state` word counts: the low byte is
//! the nesting depth (0: outside), the rest the number of times the thread has left. A writer that
//! unpublished something waits until each record is outside or has moved on.

use core::sync::atomic::{AtomicU32, AtomicU64};

/// Hooks fired from inside codelets, by helpers of the application, nest at most this deep.
pub const MAX_NESTING: u64 = 8;

/// One thread's mark. At a fixed address for the life of the process; after its thread exits it
/// passes to the next new thread, with its [`slot`](ThreadRecord::slot) number.
#[derive(Debug)]
#[repr(C, align(128))]
pub struct ThreadRecord {
    /// Low 8 bits: nesting depth. The rest: how often the thread left the outermost section.
    state: AtomicU64,
    /// Index of the thread's copy in per-thread maps. Dense: below the largest number of threads
    /// that ran codelets at the same time.
    slot: AtomicU32,
    /// Whether this reader must fence, where `membarrier` is missing.
    fences: AtomicU32,
    /// Words of the runtime's own, touched by the owning thread alone: start of the runtime clock,
    /// state of the random generator, ...
    scratch: [AtomicU64; 6],
}
