//! Hook calls, idle and armed, on any thread and in any state of it.
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
use jbpf_hooks::reclaim::{self, MAX_NESTED_CALLS, MAX_NESTING, SynchronizeError, ThreadRecord};

mod number;
use number::{Number, attach, fire, hook, number};

extern "C" fn doubles(context: *mut c_void, _: *const ThreadRecord, _: *const Hook) -> u64 {
    // SAFETY: attached to hooks of numbers alone.
    let context = unsafe { number(context) };
    context.meta_data = 1;
    context.number * 2
}

#[test]
fn an_idle_hook_runs_nothing() {
    static HOOK: Hook = hook();
    assert!(!HOOK.is_armed());
    assert_eq!(fire(&HOOK, 21), None);
    assert_eq!(HOOK.skipped(), 0);
}

#[test]
fn an_armed_hook_hands_over_its_context_and_returns_the_answer() {
    static HOOK: Hook = hook();
    attach(&HOOK, doubles);
    assert_eq!(HOOK.is_armed(), jbpf_hooks::ENABLED);
    let mut context = Number {
        number: 21,
        ..Number::default()
    };
    // SAFETY: the hook's layout is `Number`'s, which has no region.
    assert_eq!(unsafe { HOOK.fire_control(&mut context) }, Some(42));
    assert_eq!(context.meta_data, 1);
    HOOK.detach();
    assert!(!HOOK.is_armed());
    assert_eq!(fire(&HOOK, 21), None);
    reclaim::synchronize().unwrap();
}

#[test]
fn nested_calls_run_down_to_the_limit_and_are_counted_below_it() {
    static HOOK: Hook = hook();
    /// Answers how many calls are nested in it, itself included.
    extern "C" fn nests(_: *mut c_void, _: *const ThreadRecord, hook: *const Hook) -> u64 {
        assert!(reclaim::inside_codelet());
        // SAFETY: a hook that fires is alive.
        1 + fire(unsafe { &*hook }, 0).unwrap_or(0)
    }
    attach(&HOOK, nests);
    assert_eq!(fire(&HOOK, 0), Some(MAX_NESTING));
    assert_eq!(HOOK.skipped(), 1);
    assert_eq!(fire(&HOOK, 0), Some(MAX_NESTING), "the mark was taken back");
    assert_eq!(HOOK.skipped(), 2);
    assert!(!reclaim::inside_codelet());
    reclaim::synchronize().unwrap();
}

/// A hook that fires itself ten times at each depth would run 11,111,111 calls.
#[test]
fn nested_calls_are_limited_in_number_for_each_outermost_call() {
    static HOOK: Hook = hook();
    /// Answers how many calls ran in it, itself included.
    extern "C" fn branches(_: *mut c_void, _: *const ThreadRecord, hook: *const Hook) -> u64 {
        // SAFETY: a hook that fires is alive.
        let inner = (0..10).filter_map(|_| fire(unsafe { &*hook }, 0));
        1 + inner.sum::<u64>()
    }
    attach(&HOOK, branches);
    for _ in 0..3 {
        let skipped = HOOK.skipped();
        assert_eq!(fire(&HOOK, 0), Some(1 + MAX_NESTED_CALLS));
        // Each call that ran made ten attempts, and the calls nested in the first one are the
        // attempts that succeeded.
        let attempts = 10 * (1 + MAX_NESTED_CALLS);
        assert_eq!(HOOK.skipped() - skipped, attempts - MAX_NESTED_CALLS);
    }
    reclaim::synchronize().unwrap();
}

#[test]
fn a_call_whose_answer_is_withheld_answers_nothing_and_others_do() {
    static HOOK: Hook = hook();
    /// Fires itself for the number's other bits. It withholds its answer if the lowest bit is set,
    /// and else answers 1 plus the inner call's answer (10 for nothing).
    extern "C" fn withholds(
        context: *mut c_void,
        thread: *const ThreadRecord,
        hook: *const Hook,
    ) -> u64 {
        // SAFETY: attached to hooks of numbers alone.
        let number = unsafe { number(context) }.number;
        // SAFETY: a dispatch function gets the calling thread's record.
        let thread = unsafe { &*thread };
        // Before and after the inner call, which must see nothing of it, and leave it alone.
        if number & 1 == 1 && number & 2 == 0 {
            thread.withhold_answer();
        }
        let inner = match number >> 2 {
            0 => 0,
            // SAFETY: a hook that fires is alive.
            rest => fire(unsafe { &*hook }, rest).unwrap_or(10),
        };
        if number & 1 == 1 {
            thread.withhold_answer();
        }
        1 + inner
    }
    attach(&HOOK, withholds);
    for (number, answer) in [
        (0b00, Some(1)),
        (0b01, None),
        (0b11, None),
        (0b01_00, Some(11)),
        (0b11_00, Some(11)),
        (0b10_01, None),
        (0b10_11, None),
        (0b01_01, None),
        (0b10_01_00, Some(11)),
        (0b01_10_00, Some(12)),
        (0b01_00_01_00, Some(11)),
        (0b10, Some(1)),
    ] {
        assert_eq!(fire(&HOOK, number), answer, "{number:#b}");
    }
    // No trace of it is left for the calls of other hooks.
    HOOK.detach();
    reclaim::synchronize().unwrap();
    attach(&HOOK, doubles);
    assert_eq!(fire(&HOOK, 21), Some(42));
}

#[test]
fn a_codelet_cannot_wait_for_itself() {
    static HOOK: Hook = hook();
    extern "C" fn waits(_: *mut c_void, _: *const ThreadRecord, _: *const Hook) -> u64 {
        u64::from(matches!(
            reclaim::synchronize(),
            Err(SynchronizeError::InsideCodelet)
        ))
    }
    attach(&HOOK, waits);
    assert_eq!(fire(&HOOK, 0), Some(1));
}

#[test]
fn threads_at_the_same_time_have_different_slots() {
    static HOOK: Hook = hook();
    extern "C" fn slot(_: *mut c_void, thread: *const ThreadRecord, _: *const Hook) -> u64 {
        // SAFETY: a dispatch function gets the calling thread's record.
        u64::from(unsafe { (*thread).slot() })
    }
    attach(&HOOK, slot);
    const THREADS: usize = 8;
    let all = std::sync::Barrier::new(THREADS);
    let seen = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let prepared = reclaim::prepare_thread().unwrap();
                assert_eq!(fire(&HOOK, 0), Some(u64::from(prepared)));
                seen.lock().unwrap().push(prepared);
                all.wait();
            });
        }
    });
    let mut seen = seen.into_inner().unwrap();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), THREADS);
    assert!(seen.iter().all(|slot| *slot < reclaim::slots()));
}
