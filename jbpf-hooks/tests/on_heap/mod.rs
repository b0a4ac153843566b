//! A version on the heap, found through the hook's environment, overwritten when destroyed.

use std::collections::VecDeque;
use std::ffi::c_void;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use jbpf_hooks::hook::{Dispatch, Hook};
use jbpf_hooks::reclaim::ThreadRecord;

use crate::under_fire::Version;

const POISON: u64 = 0xdead_dead_dead_dead;

pub struct OnHeap {
    number: AtomicU64,
    calls: AtomicU64,
}

/// Destroyed versions whose memory is kept a while, so that nobody else writes over the poison.
static DESTROYED: Mutex<VecDeque<Box<OnHeap>>> = Mutex::new(VecDeque::new());

extern "C" fn answers(_: *mut c_void, _: *const ThreadRecord, hook: *const Hook) -> u64 {
    // SAFETY: a hook that fires is alive.
    let environment = unsafe { &*hook }.environment();
    // SAFETY: that it is alive, too, is tested.
    let version = unsafe { &*environment.cast::<OnHeap>() };
    let before = version.number.load(Relaxed);
    version.calls.fetch_add(1, Relaxed);
    // Some calls dwell, and some are descheduled inside.
    if version.calls.load(Relaxed) % 64 == 0 {
        std::thread::yield_now();
    }
    let after = version.number.load(Relaxed);
    assert!(before != POISON && before == after, "called after its end");
    before
}

impl Version for Box<OnHeap> {
    fn new(number: u64) -> Self {
        Box::new(OnHeap {
            number: AtomicU64::new(number),
            calls: AtomicU64::new(0),
        })
    }

    fn dispatch(&self) -> (Dispatch, *mut c_void) {
        (answers, std::ptr::from_ref(&**self).cast_mut().cast())
    }

    fn destroy(self) -> u64 {
        let calls = self.calls.swap(POISON, Relaxed);
        self.number.store(POISON, Relaxed);
        let mut destroyed = DESTROYED.lock().unwrap();
        destroyed.push_back(self);
        if destroyed.len() > 1_000 {
            let oldest = destroyed.pop_front().unwrap();
            assert_eq!(oldest.calls.load(Relaxed), POISON, "called after its end");
        }
        calls
    }
}
