//! Calls from destructors of thread-locals, when the thread's record may be gone. Alone in its
//! process: it counts slots.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]
#![allow(
    unsafe_code,
    reason = "attaches dispatch functions, as the runtime does"
)]

use std::cell::Cell;
use std::ffi::c_void;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

use jbpf_hooks::hook::Hook;
use jbpf_hooks::reclaim::{self, ThreadRecord};

mod number;
use number::{attach, fire, hook, number};

static HOOK: Hook = hook();
/// Calls that ran, weighted: one that came nested counts too.
static CALLS: AtomicU64 = AtomicU64::new(0);
/// Calls that found another thread in their slot.
static SHARED: AtomicU64 = AtomicU64::new(0);

/// Checks that the slot is this thread's alone while the call lasts, and fires again once.
extern "C" fn occupies(
    context: *mut c_void,
    thread: *const ThreadRecord,
    hook: *const Hook,
) -> u64 {
    // SAFETY: a dispatch function gets the calling thread's record.
    let occupant = unsafe { &(*thread).scratch()[0] };
    // SAFETY: attached to a hook of numbers alone.
    let nested = unsafe { number(context) }.number == 1;
    if !nested {
        SHARED.fetch_add(occupant.swap(1, Relaxed), Relaxed);
        thread::yield_now();
        // SAFETY: a hook that fires is alive.
        assert_eq!(fire(unsafe { &*hook }, 1), Some(0));
        assert!(reclaim::inside_codelet());
        occupant.store(0, Relaxed);
    }
    CALLS.fetch_add(1, Relaxed);
    0
}

/// Fires when its thread exits.
struct Last(Cell<u64>);

impl Drop for Last {
    fn drop(&mut self) {
        for _ in 0..self.0.get() {
            assert_eq!(fire(&HOOK, 0), Some(0));
            assert!(!reclaim::inside_codelet());
        }
    }
}

thread_local! {
    static BEFORE: Last = const { Last(Cell::new(0)) };
    static AFTER: Last = const { Last(Cell::new(0)) };
}

#[test]
fn destructors_that_fire_run_codelets_each_in_a_slot_of_its_own() {
    const AT_ONCE: usize = 16;
    const ROUNDS: u64 = 200;
    attach(&HOOK, occupies);
    for round in 0..ROUNDS {
        let start = Barrier::new(AT_ONCE);
        thread::scope(|scope| {
            for index in 0..AT_ONCE {
                let start = &start;
                scope.spawn(move || {
                    BEFORE.with(|last| last.0.set(3));
                    // Whatever the order of destructors, one of the two comes after the
                    // record's, and for every other thread they are all that fires.
                    if index % 2 == 0 {
                        assert_eq!(fire(&HOOK, 0), Some(0));
                    }
                    AFTER.with(|last| last.0.set(3));
                    start.wait();
                });
            }
        });
        if round % 10 == 0 {
            reclaim::synchronize().unwrap();
        }
    }
    // `scope` does not wait for thread-locals to end; writers do not either, and reconcile below.
    let threads = ROUNDS * AT_ONCE as u64;
    let expected = 2 * (threads * 6 + threads / 2);
    while CALLS.load(Relaxed) < expected {
        thread::yield_now();
    }
    assert_eq!(CALLS.load(Relaxed), expected);
    assert_eq!(SHARED.load(Relaxed), 0);
    assert_eq!(HOOK.skipped(), 0);
    reclaim::synchronize().unwrap();
}
