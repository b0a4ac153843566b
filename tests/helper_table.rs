//! The table of helpers, row by row, as codelets compiled from C see it (`codelets/helpers`), on
//! both engines.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jbpf::request::CodeletBuilder;
use jbpf::{Engine, LoadRequest, Runtime, StreamId, jbpf_data, jbpf_helper, jbpf_hook};

/// As in `codelets/helpers/call.h`.
#[jbpf_data]
#[derive(Clone, Copy, Default, PartialEq, Debug)]
struct Call {
    helper: u64,
    size: u64,
    key: u32,
    found: u32,
    value: u64,
    result: i64,
    memory: [u64; 8],
}

#[jbpf_hook(control)]
fn helper_table(call: &mut [Call], ctx_id: u32) -> u64 {
    404
}

#[jbpf_data]
#[derive(Clone, Copy, PartialEq, Debug)]
struct Record {
    words: [u64; 2],
}

const THRESHOLD_NS: u64 = 5_000_000;

/// Lets more time pass than the threshold, and fires the hook inside of the call that is under
/// way.
#[jbpf_helper(id = 32)]
fn outlast() {
    let began = Instant::now();
    while began.elapsed() <= Duration::from_nanos(2 * THRESHOLD_NS) {
        std::hint::spin_loop();
    }
    call(13, Call::default());
}

const COPIED: StreamId = StreamId([1; 16]);
const FILLED: StreamId = StreamId([2; 16]);
const TAKEN: StreamId = StreamId([3; 16]);

const SUCCESS: i64 = 0;
const ERROR: i64 = -1;
const UNSUPPORTED: i64 = -2;
const FULL: i64 = -4;

/// Has the codelet call a helper.
fn call(helper: u64, given: Call) -> Call {
    let mut call = [Call { helper, ..given }];
    assert_eq!(helper_table(&mut call, 0), 0, "{given:?}");
    call[0]
}

fn with_key(helper: u64, key: u32) -> Call {
    call(
        helper,
        Call {
            key,
            ..Call::default()
        },
    )
}

/// 1 map_lookup_elem, 2 map_lookup_reset_elem: the value, if there is one.
fn lookup(key: u32) -> Option<u64> {
    let call = with_key(1, key);
    (call.found != 0).then_some(call.value)
}

fn lookup_reset(key: u32) -> Option<u64> {
    let call = with_key(2, key);
    (call.found != 0).then_some(call.value)
}

/// 3 map_update_elem.
fn update(key: u32, value: u64) -> i64 {
    let given = Call {
        key,
        value,
        ..Call::default()
    };
    call(3, given).result
}

/// 4 map_delete_elem.
fn delete(key: u32) -> i64 {
    with_key(4, key).result
}

/// 5 map_clear.
fn clear() -> i64 {
    call(5, Call::default()).result
}

/// 6 map_dump: its result, and the elements that it wrote.
fn dump(size: u64) -> (i64, Vec<(u32, u64)>) {
    let given = Call {
        size,
        ..Call::default()
    };
    let call = call(6, given);
    let bytes: Vec<u8> = call
        .memory
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect();
    let count = usize::try_from(call.result).unwrap_or(0);
    let mut elements: Vec<_> = bytes
        .chunks_exact(12)
        .take(count)
        .map(|element| {
            let (key, value) = element.split_at(4);
            (
                u32::from_le_bytes(key.try_into().unwrap()),
                u64::from_le_bytes(value.try_into().unwrap()),
            )
        })
        .collect();
    elements.sort_unstable();
    (call.result, elements)
}

/// The runtime with one codelet loaded, one test at a time.
struct Loaded {
    runtime: Runtime,
    _turn: MutexGuard<'static, ()>,
}

fn loaded((engine, guarded): (Engine, bool), codelet: &str, threshold_ns: u64) -> Loaded {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = Runtime::builder()
        .name("helper_table")
        .engine(engine)
        .guard_accesses(guarded)
        .build()
        .unwrap();
    let path = format!(
        "{}/../codelets/helpers/{codelet}.o",
        env!("CARGO_MANIFEST_DIR")
    );
    let mut builder =
        CodeletBuilder::from_path(codelet, path, "helper_table").runtime_threshold_ns(threshold_ns);
    if codelet == "channels" {
        builder = builder
            .output("copied", COPIED)
            .output("filled", FILLED)
            .input("taken", TAKEN);
    }
    let request = LoadRequest::builder("set")
        .codelet(builder)
        .build()
        .unwrap();
    runtime.load(&request).unwrap();
    Loaded {
        runtime,
        _turn: turn,
    }
}

/// An engine, and whether accesses are guarded.
const ENGINES: [(Engine, bool); 3] = [
    (Engine::Native, false),
    (Engine::Native, true),
    (Engine::Interpreter, false),
];

impl Drop for Loaded {
    /// Guards stop no access that the verifier accepts.
    fn drop(&mut self) {
        let statistics = self.runtime.statistics();
        let hooks = statistics.hooks.iter();
        let faults: u64 = hooks
            .flat_map(|hook| &hook.codelets)
            .map(|codelet| codelet.aborts.faults)
            .sum();
        assert!(std::thread::panicking() || faults == 0, "{faults}");
    }
}

#[test]
fn helpers_1_to_6_on_arrays() {
    for engine in ENGINES {
        for kind in ["array", "thread_array"] {
            let _loaded = loaded(engine, kind, 0);
            assert_eq!(
                lookup(2),
                Some(0),
                "{kind}: all entries are there, and zero"
            );
            assert_eq!(
                (lookup(3), lookup(u32::MAX)),
                (None, None),
                "{kind}: three entries"
            );
            assert_eq!((update(2, 7), lookup(2)), (SUCCESS, Some(7)), "{kind}");
            assert_eq!(update(3, 7), ERROR, "{kind}: an index out of range");
            assert_eq!((lookup_reset(2), lookup(2)), (Some(0), Some(0)), "{kind}");
            assert_eq!(lookup_reset(3), None, "{kind}");
            assert_eq!(delete(2), UNSUPPORTED, "{kind}");
            assert_eq!(dump(64).0, UNSUPPORTED, "{kind}");
            update(0, 1);
            update(1, 1);
            assert_eq!(clear(), SUCCESS, "{kind}");
            assert_eq!([0, 1, 2].map(lookup), [Some(0); 3], "{kind}: zeroed");
        }
    }
}

#[test]
fn helpers_1_to_6_on_hash_maps() {
    for engine in ENGINES {
        for kind in ["hash", "thread_hash"] {
            let _loaded = loaded(engine, kind, 0);
            assert_eq!(
                (lookup(1), lookup_reset(1)),
                (None, None),
                "{kind}: empty at first"
            );
            assert_eq!(delete(1), ERROR, "{kind}: no such key");
            assert_eq!(
                [10, 20, 30].map(|key| update(key, 2)),
                [SUCCESS; 3],
                "{kind}"
            );
            assert_eq!(update(40, 2), FULL, "{kind}: a new key in a full map");
            assert_eq!(update(30, 3), SUCCESS, "{kind}: not a new key");
            assert_eq!(dump(36), (3, vec![(10, 2), (20, 2), (30, 3)]), "{kind}");
            assert_eq!(dump(64).0, 3, "{kind}: more room than needed");
            assert_eq!(dump(35).0, 0, "{kind}: not all of them fit");
            assert_eq!(dump(0).0, 0, "{kind}: none of them fits");
            assert_eq!((lookup_reset(20), lookup(20)), (Some(0), Some(0)), "{kind}");
            assert_eq!(
                (delete(20), delete(20), lookup(20)),
                (SUCCESS, ERROR, None),
                "{kind}"
            );
            assert_eq!(update(40, 4), SUCCESS, "{kind}: there is room again");
            assert_eq!(clear(), SUCCESS, "{kind}");
            assert_eq!((dump(36).0, lookup(10)), (0, None), "{kind}: emptied");
        }
    }
}

#[test]
fn copies_of_threads_are_their_own() {
    for engine in ENGINES {
        for kind in ["thread_array", "thread_hash"] {
            let loaded = loaded(engine, kind, 0);
            assert_eq!(update(1, 100), SUCCESS);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    assert_ne!(lookup(1), Some(100), "{kind}");
                    assert_eq!(update(1, 5), SUCCESS);
                    assert_eq!(lookup(1), Some(5));
                    if kind == "thread_hash" {
                        assert_eq!(dump(36), (1, vec![(1, 5)]));
                    }
                    let set = loaded.runtime.get("set").unwrap();
                    let sum = set.map::<u32, u64>("map").unwrap().sum(&1).unwrap();
                    assert_eq!(sum, 105, "{kind}: what all threads have");
                    assert_eq!(clear(), SUCCESS);
                });
            });
            assert_eq!(lookup(1), Some(100), "{kind}");
        }
    }
}

#[test]
fn helpers_7_to_9_tell_the_time() {
    for engine in ENGINES {
        let _loaded = loaded(engine, "numbers", 0);
        let wall = || {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .as_nanos() as u64
        };
        let before = wall();
        let told = call(7, Call::default()).value;
        // The wall clock may be set meanwhile, but not by an hour.
        assert!(told.abs_diff(before) < 3_600_000_000_000, "{before} {told}");

        let (start, end) = (with_key(8, 1).value, with_key(8, 0).value);
        assert!(end >= start, "ticks do not go backwards");
        let between = |start, end| {
            let memory = [start, end, 0, 0, 0, 0, 0, 0];
            let given = Call {
                memory,
                ..Call::default()
            };
            call(9, given).value
        };
        let outside = std::time::Instant::now();
        let first = with_key(8, 1).value;
        while outside.elapsed().as_micros() < 500 {
            std::hint::spin_loop();
        }
        let last = with_key(8, 0).value;
        let measured = between(first, last);
        let elapsed = outside.elapsed().as_nanos() as u64;
        assert!(
            measured > 400_000 && measured < elapsed + elapsed / 50,
            "{measured} of {elapsed}"
        );
        assert_eq!(between(first, first), 0);
        assert_eq!(between(last, first), 0, "the end is before the start");
    }
}

#[test]
fn helper_10_is_lookup3() {
    for engine in ENGINES {
        let _loaded = loaded(engine, "numbers", 0);
        let mut bytes = [0; 64];
        bytes[..30].copy_from_slice(b"Four score and seven years ago");
        let hash = |size| {
            let mut memory = [0; 8];
            for (word, bytes) in memory.iter_mut().zip(bytes.chunks(8)) {
                *word = u64::from_le_bytes(bytes.try_into().unwrap());
            }
            let given = Call {
                size,
                memory,
                ..Call::default()
            };
            call(10, given).value
        };
        // Hashes from the author's own test program, seed 0.
        assert_eq!(hash(30), 0x1777_0551);
        assert_eq!(hash(0), 0xdead_beef);
    }
}

#[test]
fn helper_11_prints_numbers() {
    use tracing_subscriber::prelude::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    for engine in ENGINES {
        let _loaded = loaded(engine, "print", 0);
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_writer(move || writer.clone());
        let given = Call {
            key: (-3_i32).cast_unsigned(),
            value: u64::MAX,
            ..Call::default()
        };
        let result =
            tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
                call(11, given).result
            });
        assert_eq!(result, 0);
        let printed = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(
            printed.contains("-3 of 18446744073709551615 is ff"),
            "{printed}"
        );
    }
}

#[test]
fn helpers_13_and_14_compare_with_the_threshold_of_the_request() {
    for engine in ENGINES {
        for (threshold_ns, expected) in [(0, 0), (u64::MAX, 0), (60_000_000_000, 0), (1, 1)] {
            let _loaded = loaded(engine, "numbers", threshold_ns);
            call(13, Call::default());
            let start = with_key(8, 1).value;
            while with_key(8, 0).value == start {}
            std::hint::black_box(call(7, Call::default()));
            let exceeded = call(14, Call::default()).result;
            assert_eq!(exceeded, expected, "{threshold_ns} ns");
        }
    }
}

#[test]
fn helper_13_starts_no_clock_but_that_of_its_own_call() {
    for engine in ENGINES {
        let _loaded = loaded(engine, "nested", THRESHOLD_NS);
        let outer = call(32, Call::default());
        assert_eq!(outer.result, 1, "what the inner call marked is its own");
    }
}

#[test]
fn helper_15_gives_numbers_of_31_bits() {
    for engine in ENGINES {
        let _loaded = loaded(engine, "numbers", 0);
        let numbers: Vec<i64> = (0..100).map(|_| call(15, Call::default()).result).collect();
        assert!(numbers.iter().all(|number| (0..1 << 31).contains(number)));
        let distinct: std::collections::HashSet<_> = numbers.iter().collect();
        assert!(distinct.len() > 95, "{numbers:?}");
    }
}

/// A call with memory; `size` bytes of it count.
fn with_memory(helper: u64, size: u64) -> Call {
    let given = Call {
        size,
        memory: [0x1111, 0x2222, 0x3333, 0, 0, 0, 0, 0],
        ..Call::default()
    };
    call(helper, given)
}

#[test]
fn helper_12_sends_copies() {
    for engine in ENGINES {
        let loaded = loaded(engine, "channels", 0);
        let records = loaded.runtime.output::<Record>(COPIED).unwrap();
        assert_eq!(with_memory(12, 16).result, SUCCESS);
        assert_eq!(
            with_memory(12, 9).result,
            SUCCESS,
            "shorter: filled with zeros"
        );
        assert_eq!(with_memory(12, 0).result, SUCCESS, "of nothing but zeros");
        assert_eq!(with_memory(12, 17).result, ERROR, "longer than a record");
        let received: Vec<_> = records.try_iter().map(|record| record.words).collect();
        assert_eq!(received, [[0x1111, 0x2222], [0x1111, 0x22], [0, 0]]);
        let dropped = records.dropped();
        let sent = (0..100).take_while(|_| with_memory(12, 16).result == SUCCESS);
        assert!(
            (4..100).contains(&sent.count()),
            "room for the entries at least, and not for ever"
        );
        assert_eq!(with_memory(12, 16).result, ERROR, "full");
        assert_eq!(records.dropped() - dropped, 2);
    }
}

#[test]
fn helper_16_takes_a_record_or_leaves_the_buffer() {
    for engine in ENGINES {
        let loaded = loaded(engine, "channels", 0);
        let commands = loaded.runtime.input::<Record>(TAKEN).unwrap();
        let none = with_memory(16, 16);
        assert_eq!(
            (none.result, none.memory[..2].to_vec()),
            (0, vec![0x1111, 0x2222])
        );
        commands.send(&Record { words: [7, 8] }).unwrap();
        assert_eq!(with_memory(16, 15).result, ERROR, "a record does not fit");
        let one = with_memory(16, 24);
        assert_eq!(one.result, 1);
        assert_eq!(
            one.memory[..3],
            [7, 8, 0x3333],
            "of the buffer, as much as a record has"
        );
        assert_eq!(with_memory(16, 16).result, 0, "it reached one caller");
    }
}

#[test]
fn helpers_17_and_18_reserve_and_send() {
    for engine in ENGINES {
        let loaded = loaded(engine, "channels", 0);
        let records = loaded.runtime.output::<Record>(FILLED).unwrap();
        let send = || call(18, Call::default()).result;
        let reserve = |value| {
            let given = Call {
                value,
                ..Call::default()
            };
            let call = call(17, given);
            (call.found != 0).then_some((call.result, call.memory[0]))
        };
        assert!(send() < 0, "nothing was reserved");
        assert!(
            reserve(5).is_some_and(|(again, _)| again == 1),
            "the same until it is sent"
        );
        assert_eq!(reserve(6), Some((1, 5)), "across calls too");
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(send() < 0, "not of another thread"));
        });
        assert_eq!(send(), SUCCESS);
        assert!(send() < 0, "it is gone");
        assert_eq!(records.try_recv().unwrap().words, [6, 6]);

        let filled = (0..100).take_while(|_| reserve(9).is_some() && send() == SUCCESS);
        assert!(
            (4..100).contains(&filled.count()),
            "room for the entries at least, and not for ever"
        );
        assert_eq!(
            reserve(9).map(|_| send() < 0),
            None,
            "null when the channel is full"
        );
        assert!(records.dropped() > 0);
    }
}
