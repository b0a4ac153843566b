//! The application's helpers: every kind of argument and result, panics, and built-in ones
//! replaced.

use std::sync::atomic::{AtomicU64, Ordering};

use jbpf::codeletset::CalledHelper;
use jbpf::{CodeletBytes, MapRef, StreamId, jbpf_helper, registry};

use super::{
    Application, Flow, MINUS_1, MINUS_2, asked, codelet, on_both_engines, rejected, request, single,
};

/// The priority of a flow in a class.
#[jbpf_helper(id = 32)]
fn priority_of(flow: &Flow, class: u16) -> u64 {
    u64::from(flow.source) * 1000 + u64::from(class)
}

/// Numbers of every width.
#[jbpf_helper(id = 33)]
fn sum_of_numbers(byte: u8, short: i16, flag: bool, wide: i64, word: i32) -> u64 {
    assert_eq!((byte, short, flag, wide, word), (0xff, -2, true, -1, -3));
    600
}

/// Moves half of the difference from the larger to the smaller.
#[jbpf_helper(id = 34)]
fn balance(first: &mut Flow, second: &mut Flow) {
    let sum = first.bytes + second.bytes;
    (first.bytes, second.bytes) = (sum / 2, sum - sum / 2);
}

/// The sum of some bytes, negated.
#[jbpf_helper(id = 35)]
fn checksum(bytes: &[u8]) -> i32 {
    -bytes.iter().map(|byte| i32::from(*byte)).sum::<i32>()
}

/// The same, of bytes that stay where they are.
#[jbpf_helper(id = 36)]
fn checksum_in_place(bytes: CodeletBytes<'_>) -> i32 {
    checksum(&bytes.to_vec())
}

/// Adds to the value of a key; 0, or the map's error.
#[jbpf_helper(id = 37)]
fn add(counts: MapRef<'_>, key: u32, by: u64) -> i32 {
    let added = counts
        .lookup::<u32, u64>(&key)
        .and_then(|before| counts.update(&key, &(before.unwrap_or(0) + by)));
    added.map_or_else(|error| error.code(), |()| 0)
}

#[jbpf_helper(id = 38)]
fn fails(flow: &mut Flow) -> u64 {
    flow.bytes = 99;
    panic!("a bug of the application's own");
}

/// Fires the hook that the codelet is attached to, and gives what it returned.
#[jbpf_helper(id = 39)]
fn ask_again(key: u32) -> u64 {
    let (returned, answer) = asked(key);
    // The answer to the inner call's attempt to send.
    INNER.store(answer.results[7], Ordering::Relaxed);
    returned
}

static INNER: AtomicU64 = AtomicU64::new(0);

/// The last id that there is.
#[jbpf_helper(id = 63)]
fn last_of_all() -> u64 {
    63
}

/// The time of a simulation, which moves when it is told to.
static SIMULATED: AtomicU64 = AtomicU64::new(0);

#[jbpf_helper(id = 7)]
fn simulated_time() -> u64 {
    SIMULATED.load(Ordering::Relaxed)
}

#[jbpf_helper(id = 8)]
fn simulated_tick(start: bool) -> u64 {
    SIMULATED.load(Ordering::Relaxed) + if start { 0 } else { 25 }
}

#[jbpf_helper(id = 9)]
fn simulated_difference(start: u64, end: u64) -> u64 {
    (end - start) * 1000
}

#[jbpf_helper(id = 14)]
fn simulated_limit() -> u64 {
    u64::from(SIMULATED.load(Ordering::Relaxed) > 1000)
}

#[jbpf_helper(id = 15)]
fn no_chance() -> u64 {
    4
}

#[test]
fn a_record_that_a_codelet_fills_is_no_others_when_its_helper_fires_a_hook() {
    on_both_engines(|application, engine| {
        let stream = StreamId([7; 16]);
        let asks = codelet("asks_again", "ask").output("flows", stream);
        application.load(&request("asks_again", [asks])).unwrap();
        let flows = application.output::<Flow>(stream).unwrap();
        let flow = |key: u32| Flow {
            source: key,
            target: key,
            bytes: key.into(),
        };
        for round in 1..=3 {
            let (returned, answer) = asked(5);
            assert_eq!(returned, 0, "{engine:?}");
            let [inner, sent, ..] = answer.results;
            assert_eq!((inner, sent), (1000, 0), "{engine:?}");
            assert_eq!(INNER.load(Ordering::Relaxed), MINUS_1, "{engine:?}");
            assert_eq!(flows.try_iter().collect::<Vec<_>>(), [flow(5)]);
            assert_eq!(flows.dropped(), round, "{engine:?}");
            // A call that is in no other one has the buffer to itself.
            assert_eq!(asked(1).0, 0, "{engine:?}");
            assert_eq!(flows.try_iter().collect::<Vec<_>>(), [flow(1)]);
        }
        application.unload("asks_again").unwrap();
    });
}

#[test]
fn arguments_and_results_are_those_of_the_signature() {
    on_both_engines(|application, engine| {
        application.load(&single("helpers", "ask")).unwrap();
        let (returned, answer) = asked(4);
        assert_eq!(returned, 0, "{engine:?}");
        let of_flow = -(7 + 8 + 60_i64);
        let in_place = -(1_i64);
        assert_eq!(
            answer.results.map(u64::cast_signed),
            [7003, 600, 60, 60, of_flow, in_place, 63, 1000],
            "{engine:?}"
        );
        // One address twice: the last write stays.
        assert_eq!(answer.flow.bytes, 4, "{engine:?}");
    });
}

#[test]
fn a_map_of_any_kind_is_a_reference_of_its_own() {
    on_both_engines(|application, engine| {
        let maps = codelet("maps_to_helper", "ask")
            .output_derived("ringbuf")
            .output_derived("output")
            .input_derived("input");
        let set = application.load(&request("set", [maps])).unwrap();
        for calls in 1..=2_u64 {
            let (_, answer) = asked(3);
            let channel = MINUS_2;
            assert_eq!(
                answer.results,
                [0, 0, 0, 0, channel, channel, channel, 0],
                "{engine:?}"
            );
            for map in ["array", "hash", "own"] {
                let map = set.map::<u32, u64>(map).unwrap();
                assert_eq!(map.get(&3).unwrap(), Some(calls * 5));
            }
            for map in ["thread_array", "thread_hash"] {
                assert_eq!(
                    set.map::<u32, u64>(map).unwrap().sum(&3).unwrap(),
                    calls * 5
                );
            }
        }
        // An array has no entry 4; a full map takes no fifth key.
        assert_eq!(asked(4).1.results[..4], [MINUS_1, 0, MINUS_1, 0]);
        for key in 5..7 {
            asked(key);
        }
        let full = -4_i64 as u64;
        assert_eq!(asked(7).1.results[..4], [MINUS_1, full, MINUS_1, full]);
    });
}

#[test]
fn a_panic_is_contained_and_counted_and_the_codelet_goes_on() {
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    on_both_engines(|application, engine| {
        application.load(&single("fails", "ask")).unwrap();
        let before = registry::helper(38).unwrap().panics();
        for _ in 0..3 {
            let (returned, answer) = asked(0);
            assert_eq!(returned, 0);
            assert_eq!(answer.results[..3], [1, 0, 2], "{engine:?}");
            assert_eq!(answer.flow, super::FLOW, "nothing is copied back");
        }
        assert_eq!(registry::helper(38).unwrap().panics() - before, 3);
        let info = application.get("fails").unwrap().info();
        let fails = CalledHelper {
            id: 38,
            name: "fails".to_owned(),
            panics: before + 3,
        };
        assert!(
            info.codelets[0].helpers.contains(&fails),
            "{:?}",
            info.codelets[0].helpers
        );
    });
    std::panic::set_hook(quiet);
}

#[test]
fn the_application_replaces_clocks_limits_and_chance() {
    on_both_engines(|application, engine| {
        application.load(&single("clocks", "ask")).unwrap();
        for now in [0, 1000, 1001] {
            SIMULATED.store(now, Ordering::Relaxed);
            let over = u64::from(now > 1000);
            let expected = [now, now, now + 25, 25_000, over, 4];
            assert_eq!(asked(0).1.results[..6], expected, "{engine:?}");
        }
    });
}

#[test]
fn calls_that_do_not_fit_the_signature_are_rejected() {
    let application = Application::start(|builder| builder);
    for (name, message) in [
        (
            "short_memory",
            "E0034: priority_of, argument r1: r1 reaches beyond the end of the stack",
        ),
        (
            "constant_memory",
            "E0034: fails, argument r1: .rodata is read-only data",
        ),
        ("no_map", "E0032: add takes a map in r1"),
        (
            "many_bytes",
            "E0035: checksum takes 4096 bytes at most, and is given up to 4097 in r2",
        ),
    ] {
        rejected(&application, name, "ask", message);
    }
}
