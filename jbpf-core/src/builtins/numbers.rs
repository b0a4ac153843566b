//! Helpers that give numbers: clocks, hash, runtime limit and random numbers.
#![expect(
    unsafe_code,
    reason = "takes addresses from machine code, which the verifier proved"
)]

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use jbpf_hooks::reclaim::{MAX_NESTING, SCRATCH_WORDS, ThreadRecord};

use super::hash::hashlittle;
use crate::clock;
use crate::engine::CodeletEnvironment;

/// The scratch words of a [`ThreadRecord`] before this one hold, by nesting depth, the tick of the
/// last `mark_runtime_init`; 0: none. This one has the state of its random generator; 0: not
/// seeded.
pub const RANDOM_WORD: usize = MAX_NESTING as usize;

const _: () = assert!(RANDOM_WORD < SCRATCH_WORDS);

/// 7: ns since 1970-01-01 UTC.
pub(super) extern "C" fn time_get_ns() -> u64 {
    clock::wall_ns()
}

/// 8: a tick of the fastest monotonic clock. Whether it is meant as start or end makes no
/// difference.
pub(super) extern "C" fn get_sys_time() -> u64 {
    clock::ticks()
}

/// 9: ns between two ticks; 0 when the end lies before the start.
pub(super) extern "C" fn get_sys_time_diff_ns(start: u64, end: u64) -> u64 {
    clock::ticks_to_ns(end.saturating_sub(start))
}

/// 10: lookup3 of a buffer.
///
/// # Safety
/// Called by verified code alone, which proves that `bytes` is readable for `size` bytes.
pub(super) unsafe extern "C" fn hash(bytes: *const u8, size: u64) -> u64 {
    // SAFETY: proved by the verifier.
    u64::from(unsafe { hashlittle(bytes, size) })
}

/// The word with the clock's start for the call that a thread is in. Each depth of nested calls
/// has its own: a helper of the application may fire a hook, and the codelets of that hook do not
/// touch the clock of the codelet that called the helper.
fn runtime_start(thread: &ThreadRecord) -> Option<&AtomicU64> {
    let (starts, _) = thread.scratch().split_at(RANDOM_WORD);
    starts.get(thread.call().depth().saturating_sub(1) as usize)
}

/// 13: starts this thread's clock.
///
/// # Safety
/// `thread` is the record of the calling thread.
pub(super) unsafe extern "C" fn mark_runtime_init(thread: *const ThreadRecord) -> u64 {
    // SAFETY: the caller's word.
    if let Some(start) = runtime_start(unsafe { &*thread }) {
        start.store(clock::ticks().max(1), Ordering::Relaxed);
    }
    0
}

/// 14: 1 when more ns than the codelet's threshold have passed since this thread's clock was
/// started; 0 as well when there is no threshold or the clock was never started.
///
/// # Safety
/// `thread` is the record of the calling thread, `codelet` the environment of the calling codelet.
pub(super) unsafe extern "C" fn runtime_limit_exceeded(
    thread: *const ThreadRecord,
    codelet: *const CodeletEnvironment,
) -> u64 {
    // SAFETY: the caller's word.
    let threshold = unsafe { (*codelet).runtime_threshold_ns };
    if threshold == 0 {
        return 0;
    }
    // SAFETY: the caller's word.
    let start = runtime_start(unsafe { &*thread });
    let start = start.map_or(0, |start| start.load(Ordering::Relaxed));
    if start == 0 {
        return 0;
    }
    u64::from(clock::ticks_to_ns(clock::ticks().saturating_sub(start)) > threshold)
}

/// 15: a random number from 0 to 2^31 - 1.
///
/// # Safety
/// `thread` is the record of the calling thread.
pub(super) unsafe extern "C" fn rand(thread: *const ThreadRecord) -> u64 {
    // SAFETY: the caller's word.
    let state = unsafe { &(*thread).scratch()[RANDOM_WORD] };
    next_random(state) >> 33
}

/// SplitMix64 (Steele, Lea, Flood 2014): a step of a constant, and a mixing of 64 bits. Good
/// enough to sample by, not to keep secrets.
fn next_random(state: &AtomicU64) -> u64 {
    let mut word = state.load(Ordering::Relaxed);
    if word == 0 {
        word = seed();
    }
    word = word.wrapping_add(STEP);
    state.store(word, Ordering::Relaxed);
    mixed(word)
}

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

fn mixed(mut word: u64) -> u64 {
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

/// The beginning of the next thread's generator; 0 before anybody has asked the system.
static SEED: AtomicU64 = AtomicU64::new(0);

/// Asks the system for random numbers, by way of the standard library's hash keys: now, so that no
/// hook call does.
pub(super) fn prepare() {
    if SEED.load(Ordering::Relaxed) == 0 {
        let random = RandomState::new().hash_one(0_u8) | 1;
        // The first thread sets it; the others keep that seed.
        let _ = SEED.compare_exchange(0, random, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// Another one for each thread.
#[cold]
fn seed() -> u64 {
    prepare();
    // An odd step comes to every number once.
    mixed(SEED.fetch_add(STEP, Ordering::Relaxed)) | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_numbers_differ_between_threads_and_from_each_other() {
        let (one, other) = (AtomicU64::new(0), AtomicU64::new(0));
        let of_one: Vec<u64> = (0..64).map(|_| next_random(&one)).collect();
        let of_other: Vec<u64> = (0..64).map(|_| next_random(&other)).collect();
        assert_ne!(of_one, of_other);
        let distinct: std::collections::HashSet<_> = of_one.iter().chain(&of_other).collect();
        assert_eq!(distinct.len(), 128);
    }

    #[test]
    fn every_bit_of_a_random_number_is_used() {
        let state = AtomicU64::new(0);
        let (mut any, mut all) = (0, u64::MAX);
        for _ in 0..1000 {
            let number = next_random(&state) >> 33;
            any |= number;
            all &= number;
        }
        assert_eq!((any, all), (i32::MAX as u64, 0));
    }
}
