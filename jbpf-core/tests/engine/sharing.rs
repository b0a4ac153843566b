//! Memory that threads share: a codelet's accesses to it are the machine's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jbpf_core::engine::CompiledHook;
use jbpf_core::map::{Map, MapOptions, Storage};
use jbpf_hooks::hook::HookKind;
use jbpf_verifier::types::{ContextDef, DataSection, MapDef, MapKind};

use super::{ENGINES, call, map};
use crate::support::{assemble, bind_to};

/// How long a test tries. It needs microseconds if the other thread runs, and a time slice if it
/// does not.
const PATIENCE: Duration = Duration::from_secs(60);

/// Two words that codelets and the application's threads share.
fn shared_words() -> Arc<Map> {
    let def = MapDef {
        section: Some(DataSection {
            contents: vec![0; 16].into(),
            read_only: false,
        }),
        ..map(".data", MapKind::Array, 16, 1)
    };
    Arc::new(Map::new(&def, &MapOptions::default()).unwrap())
}

/// The words as the application's threads see them.
fn words(map: &Map) -> [&AtomicU64; 2] {
    let Storage::Array(array) = map.storage() else {
        panic!("a section is an array");
    };
    [0, 1].map(|word| {
        let pointer = array.base().cast::<u64>().wrapping_add(word);
        // SAFETY: the section has two aligned words, which live as long as the map and are only
        // accessed atomically while it is shared.
        unsafe { AtomicU64::from_ptr(pointer) }
    })
}

/// Calls the codelet while another thread does `meanwhile` again and again, until an answer is
/// `done` or `meanwhile` returns true. Returns whether that happened.
fn beside(
    hook: &CompiledHook,
    meanwhile: impl Fn() -> bool + Sync,
    done: impl Fn(u64) -> bool,
) -> bool {
    let start = Instant::now();
    let stop = AtomicBool::new(false);
    let found = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                if meanwhile() {
                    found.store(true, Ordering::Relaxed);
                }
            }
        });
        let mut came = false;
        while !came && start.elapsed() < PATIENCE {
            came = done(call(hook, &[], &[]).0) || found.load(Ordering::Relaxed);
        }
        stop.store(true, Ordering::Relaxed);
        came
    })
}

#[test]
fn a_codelet_that_waits_sees_what_another_thread_stores() {
    // Loads the word up to 1000 times more, until it is another one.
    let text = "
        lddw r2, section 0 + 0
        ldxdw r3, [r2]
        mov r5, 0
        mov r0, 0
        ldxdw r4, [r2]
        jne r4, r3, +3
        add r5, 1
        jlt r5, 1000, -4
        exit
        mov r0, 1
        exit";
    for engine in ENGINES {
        let map = shared_words();
        let maps = [map.clone()];
        let codelet = bind_to("wait", assemble(text), ContextDef::generic(), &maps);
        let hook = engine.compile(HookKind::Control, &[codelet], None).unwrap();
        let [word, _] = words(&map);
        let count = || {
            word.fetch_add(1, Ordering::Relaxed);
            false
        };
        assert!(beside(&hook, count, |answer| answer == 1), "{engine:?}");
    }
}

#[test]
fn a_flag_that_a_codelet_raises_and_lowers_is_seen_by_another_thread() {
    let text = "
        lddw r2, section 0 + 0
        stdw [r2+8], 1
        mov r5, 0
        add r5, 1
        jlt r5, 1000, -2
        stdw [r2+8], 0
        mov r0, 0
        exit";
    for engine in ENGINES {
        let map = shared_words();
        let maps = [map.clone()];
        let codelet = bind_to("flag", assemble(text), ContextDef::generic(), &maps);
        let hook = engine.compile(HookKind::Control, &[codelet], None).unwrap();
        let [_, flag] = words(&map);
        let is_raised = || flag.load(Ordering::Relaxed) == 1;
        assert!(beside(&hook, is_raised, |_| false), "{engine:?}");
    }
}

#[test]
fn a_word_is_never_seen_half() {
    // The other thread stores 0 and 2^64 - 1 in turn. The codelet copies the word, and answers it.
    let text = "
        lddw r2, section 0 + 0
        ldxdw r0, [r2]
        stxdw [r2+8], r0
        exit";
    for engine in ENGINES {
        let map = shared_words();
        let maps = [map.clone()];
        let codelet = bind_to("copy", assemble(text), ContextDef::generic(), &maps);
        let hook = engine.compile(HookKind::Control, &[codelet], None).unwrap();
        let [word, copy] = words(&map);
        let is_half = |value: u64| value != 0 && value != u64::MAX;
        let calls = AtomicU64::new(0);
        let other = || {
            word.fetch_xor(u64::MAX, Ordering::Relaxed);
            is_half(copy.load(Ordering::Relaxed))
        };
        let half = AtomicBool::new(false);
        beside(
            &hook,
            || other() && !half.swap(true, Ordering::Relaxed),
            |answer| {
                half.fetch_or(is_half(answer), Ordering::Relaxed);
                calls.fetch_add(1, Ordering::Relaxed) == 20_000
            },
        );
        assert!(!half.into_inner(), "{engine:?}");
    }
}
