//! Hooks that a thread's own registration calls, through the runtime's observer. Alone in its
//! process, because there is one observer.
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
use std::sync::Mutex;
use std::thread;

use jbpf_hooks::hook::Hook;
use jbpf_hooks::reclaim::{self, ThreadRecord};

mod number;
use number::{attach, fire, hook};

static HOOK: Hook = hook();
static ANNOUNCED: Mutex<Vec<u32>> = Mutex::new(Vec::new());

extern "C" fn slot(_: *mut c_void, thread: *const ThreadRecord, _: *const Hook) -> u64 {
    // SAFETY: a dispatch function gets the calling thread's record.
    let slot = unsafe { (*thread).slot() };
    assert!(
        ANNOUNCED.lock().unwrap().contains(&slot),
        "prepared before its first codelet"
    );
    u64::from(slot)
}

fn observe(slot: u32) {
    assert_eq!(fire(&HOOK, 0), None);
    assert_eq!(reclaim::prepare_thread(), None);
    assert!(!reclaim::inside_codelet());
    assert!(slot < reclaim::slots());
    ANNOUNCED.lock().unwrap().push(slot);
}

#[test]
fn the_observer_hears_of_each_slot_once_and_its_own_calls_are_skipped() {
    attach(&HOOK, slot);
    reclaim::on_new_thread(Some(observe));
    let first = fire(&HOOK, 0).unwrap();
    assert_eq!(HOOK.skipped(), 1);
    assert_eq!(fire(&HOOK, 0), Some(first));
    for _ in 0..10 {
        // One after another, they have the same slot.
        let second = thread::spawn(|| fire(&HOOK, 0)).join().unwrap().unwrap();
        assert_ne!(first, second);
    }
    assert_eq!(ANNOUNCED.lock().unwrap().len(), 2);
    assert_eq!(HOOK.skipped(), 2);
    assert_eq!(reclaim::slots(), 2);

    reclaim::on_new_thread(None);
    thread::scope(|scope| {
        let concurrent: Vec<_> = (0..3)
            .map(|_| scope.spawn(reclaim::prepare_thread))
            .collect();
        for thread in concurrent {
            assert!(thread.join().unwrap().is_some());
        }
    });
    assert_eq!(
        ANNOUNCED.lock().unwrap().len(),
        2,
        "nobody observes any more"
    );
}
