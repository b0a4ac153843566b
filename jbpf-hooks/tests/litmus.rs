//! One reader and one writer as fast as they can: where a processor that reorders the mark and the
//! load after it is found out.
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

use std::ffi::c_void;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread;

use jbpf_hooks::hook::Hook;
use jbpf_hooks::reclaim::{self, ThreadRecord};

mod number;
use number::{attach, fire, hook};

const ROUNDS: u32 = 300_000;

static HOOK: Hook = hook();
static ALIVE: AtomicBool = AtomicBool::new(false);
static CALLED_DEAD: AtomicU64 = AtomicU64::new(0);

extern "C" fn lives(context: *mut c_void, _: *const ThreadRecord, _: *const Hook) -> u64 {
    // It dwells only in registers, so that the value it looks at is loaded long after the dispatch
    // pointer.
    let mut number = context.addr() as u64 | 1;
    for _ in 0..500 {
        number = number.wrapping_mul(6_364_136_223_846_793_005);
    }
    if number == 0 || !ALIVE.load(Relaxed) {
        CALLED_DEAD.fetch_add(1, Relaxed);
    }
    0
}

#[test]
fn no_call_runs_after_the_barrier_unseen() {
    let stop = AtomicBool::new(false);
    let answered = AtomicU64::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            // Stores that miss every cache fill the store buffer: the mark of the call after them
            // becomes visible late, long after the call's loads.
            let far = (0..1 << 23).map(|_| AtomicU64::new(0)).collect::<Vec<_>>();
            let far = std::hint::black_box(far.as_slice());
            let mut at = 0_usize;
            while !stop.load(Relaxed) {
                for _ in 0..24 {
                    at = at
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    far[(at >> 32) % far.len()].store(1, Relaxed);
                }
                if fire(&HOOK, 0).is_some() {
                    answered.store(answered.load(Relaxed) + 1, Relaxed);
                }
            }
        });
        for round in 0..ROUNDS {
            ALIVE.store(true, Relaxed);
            attach(&HOOK, lives);
            // The end comes at any moment of the reader's round.
            for _ in 0..round % 64 {
                std::hint::spin_loop();
            }
            HOOK.detach();
            reclaim::synchronize().unwrap();
            ALIVE.store(false, Relaxed);
        }
        stop.store(true, Relaxed);
    });
    println!("{} calls", answered.load(Relaxed));
    assert_eq!(CALLED_DEAD.load(Relaxed), 0);
}
