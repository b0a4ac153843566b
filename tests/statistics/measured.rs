//! Calls, times and drops of hooks and codelets.

use jbpf::stats::{HookStatistics, Measured};
use jbpf::{Engine, MeasureError};

use super::{STREAM, Turn, also_counted, counted, fire, request, sending};

const COUNT: &str = "bench/count_region";

fn statistics(turn: &Turn, hook: &str) -> HookStatistics {
    turn.runtime.statistics().hook(hook).unwrap().clone()
}

fn calls(measured: &Option<Measured>) -> Option<u64> {
    measured.as_ref().map(|measured| measured.calls)
}

fn hook_calls(turn: &Turn, hook: &str) -> Option<u64> {
    calls(&statistics(turn, hook).measured)
}

#[test]
fn calls_are_known_of_the_time_in_which_somebody_measures() {
    for engine in [Engine::Native, Engine::Interpreter] {
        let turn = Turn::with(|builder| builder.engine(engine));
        turn.runtime
            .load(&request("set", COUNT, "counted"))
            .unwrap();
        fire(counted, 10);
        assert_eq!(hook_calls(&turn, "counted"), None);

        let measuring = turn.runtime.measure("counted").unwrap();
        fire(counted, 25);
        let hook = statistics(&turn, "counted");
        let measured = hook.measured.unwrap();
        assert_eq!(measured.calls, 25);
        assert!(measured.times.samples >= 1 && measured.times.samples <= 25);
        assert!(measured.times.quantile_ns(0.5) <= measured.times.quantile_ns(0.99));
        assert!(measured.times.min_ns <= measured.times.max_ns);
        let codelet = &hook.codelets[0];
        assert_eq!(
            (codelet.codeletset.as_str(), codelet.codelet.as_str()),
            ("set", "codelet")
        );
        assert_eq!(calls(&codelet.measured), Some(25));
        assert_eq!(hook_calls(&turn, "also_counted"), None);

        drop(measuring);
        fire(counted, 5);
        assert_eq!(hook_calls(&turn, "counted"), None);

        let _again = turn.runtime.measure("counted").unwrap();
        fire(counted, 3);
        assert_eq!(
            hook_calls(&turn, "counted"),
            Some(3),
            "{engine:?}: of this time alone"
        );
    }
}

#[test]
fn several_may_measure_one_hook() {
    let turn = Turn::start();
    turn.runtime
        .load(&request("set", COUNT, "counted"))
        .unwrap();
    let first = turn.runtime.measure("counted").unwrap();
    fire(counted, 4);
    let second = turn.runtime.measure_all().unwrap();
    fire(counted, 4);
    let before = statistics(&turn, "counted").measured.unwrap();
    drop(first);
    fire(counted, 4);
    let now = statistics(&turn, "counted").measured.unwrap();
    assert_eq!(now.calls, 12, "nobody's leaving takes what others count");
    assert_eq!(now.since(&before).unwrap().calls, 4);
    drop(second);
    assert_eq!(hook_calls(&turn, "counted"), None);
}

#[test]
fn every_call_of_every_thread_is_counted_while_codelets_come_and_go() {
    const THREADS: u64 = 4;
    const CALLS: u64 = 20_000;
    let turn = Turn::start();
    turn.runtime
        .load(&request("set", COUNT, "counted"))
        .unwrap();
    let _measuring = turn.runtime.measure_all().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| fire(counted, CALLS));
        }
        for _ in 0..20 {
            turn.runtime
                .load(&request("other", COUNT, "counted"))
                .unwrap();
            let more = turn.runtime.measure("counted").unwrap();
            turn.runtime.unload("other").unwrap();
            drop(more);
        }
    });
    let hook = statistics(&turn, "counted");
    let measured = hook.measured.unwrap();
    assert_eq!(measured.calls, THREADS * CALLS);
    assert_eq!(calls(&hook.codelets[0].measured), Some(THREADS * CALLS));
    assert!(measured.times.histogram.iter().sum::<u64>() <= measured.calls);
}

#[test]
fn codelets_loaded_later_are_measured_and_new_versions_start_anew() {
    let turn = Turn::start();
    let _measuring = turn.runtime.measure_all().unwrap();
    assert_eq!(hook_calls(&turn, "counted"), None, "nothing is attached");
    assert!(!counted_is_armed(), "measuring arms nothing");

    turn.runtime
        .load(&request("set", COUNT, "counted"))
        .unwrap();
    fire(counted, 7);
    turn.runtime
        .replace(&request("set", COUNT, "counted"))
        .unwrap();
    fire(counted, 2);
    let hook = statistics(&turn, "counted");
    assert_eq!(calls(&hook.measured), Some(9));
    assert_eq!(calls(&hook.codelets[0].measured), Some(2));

    turn.runtime.unload("set").unwrap();
    assert_eq!(hook_calls(&turn, "counted"), Some(9));
    assert!(statistics(&turn, "counted").codelets.is_empty());
}

fn counted_is_armed() -> bool {
    jbpf::registry::hook("counted").unwrap().is_armed()
}

#[test]
fn only_the_hooks_asked_for_are_measured() {
    let turn = Turn::start();
    turn.runtime
        .load(&request("one", COUNT, "counted"))
        .unwrap();
    turn.runtime
        .load(&request("two", COUNT, "also_counted"))
        .unwrap();
    let _measuring = turn.runtime.measure("also_counted").unwrap();
    fire(counted, 3);
    fire(also_counted, 5);
    assert_eq!(hook_calls(&turn, "counted"), None);
    assert_eq!(hook_calls(&turn, "also_counted"), Some(5));
}

#[test]
fn a_hook_that_does_not_exist_is_named() {
    let turn = Turn::start();
    let error = turn.runtime.measure("conted").unwrap_err();
    assert!(matches!(error, MeasureError::UnknownHook { .. }));
    assert_eq!(
        error.to_string(),
        "no hook `conted`; did you mean `counted`?"
    );
}

#[test]
fn channels_count_their_drops_whoever_measures() {
    let turn = Turn::start();
    let request = sending("set", "bench/send", "counted", "records");
    turn.runtime.load(&request).unwrap();
    fire(counted, 140_000);
    let hook = statistics(&turn, "counted");
    assert_eq!(hook.measured, None);
    let channel = &hook.codelets[0].channels[0];
    assert_eq!(
        (channel.stream_id, channel.map.as_str()),
        (STREAM, "records")
    );
    assert_eq!(channel.sent + channel.dropped, 140_000);
    assert_eq!(hook.dropped(), channel.dropped);
    assert!(channel.dropped > 0, "{channel:?}");
}

#[test]
fn a_guard_outlives_its_runtime() {
    let turn = Turn::start();
    turn.runtime
        .load(&request("set", COUNT, "counted"))
        .unwrap();
    let measuring = turn.runtime.measure("counted").unwrap();
    drop(turn);
    drop(measuring);
    let turn = Turn::start();
    assert_eq!(hook_calls(&turn, "counted"), None);
}
