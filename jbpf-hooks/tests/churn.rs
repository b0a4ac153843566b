//! Threads that come and go leave nothing behind. Alone in its process: it counts slots.
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

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

use jbpf_hooks::hook::Hook;
use jbpf_hooks::reclaim::{self, ThreadRecord};

mod number;
use number::{attach, fire, hook};

const AT_ONCE: usize = 8;
const BATCHES: usize = 2_500;

#[test]
fn twenty_thousand_short_threads_use_no_more_slots_than_ran_at_once() {
    static HOOK: Hook = hook();
    static CALLS: AtomicU64 = AtomicU64::new(0);
    extern "C" fn counts(
        _: *mut std::ffi::c_void,
        thread: *const ThreadRecord,
        _: *const Hook,
    ) -> u64 {
        CALLS.fetch_add(1, Relaxed);
        // SAFETY: a dispatch function gets the calling thread's record.
        let scratch = unsafe { &(*thread).scratch()[0] };
        // Not an atomic increment: only the owner touches it.
        scratch.store(scratch.load(Relaxed) + 1, Relaxed);
        scratch.load(Relaxed)
    }
    attach(&HOOK, counts);
    let mut most = 0;
    for _ in 0..BATCHES {
        let threads: Vec<_> = (0..AT_ONCE)
            .map(|_| thread::spawn(|| fire(&HOOK, 0).unwrap()))
            .collect();
        for thread in threads {
            most = most.max(thread.join().unwrap());
        }
    }
    assert_eq!(CALLS.load(Relaxed), (AT_ONCE * BATCHES) as u64);
    assert!(
        reclaim::slots() <= AT_ONCE as u32,
        "{} slots",
        reclaim::slots()
    );
    assert!(
        most >= BATCHES as u64,
        "what a thread leaves in its record passes on: {most}"
    );
    reclaim::synchronize().unwrap();
}
