//! `report_stats` and `periodic_call`, with codelets compiled from C.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jbpf::{LoadError, Receiver, UnloadError, WrongPlace, jbpf_data};

use super::{
    STREAM, Turn, also_counted, answer, counted, fire, request, sending, threads, wait_for,
};

const COUNT: &str = "bench/count_region";
const PERIOD: Duration = Duration::from_millis(20);

/// A record of `per_hook.c`.
#[jbpf_data]
#[derive(Debug, Clone, Copy)]
pub struct HookReport {
    pub report: u64,
    pub period_us: u32,
    pub hooks: u32,
    pub calls: u64,
    pub min_ns: u64,
    pub max_ns: u64,
    pub in_histogram: u64,
    #[jbpf(text)]
    pub hook_name: [u8; 256],
}

impl HookReport {
    pub fn name(&self) -> &str {
        let end = self.hook_name.iter().position(|byte| *byte == 0).unwrap();
        std::str::from_utf8(&self.hook_name[..end]).unwrap()
    }
}

/// A record of `heartbeat.c`.
#[jbpf_data]
#[derive(Debug, Clone, Copy)]
struct Heartbeat {
    number: u64,
    period_us: u32,
    region: u32,
}

pub fn load_report(turn: &Turn) -> Receiver<HookReport> {
    let request = sending("report", "stats_report/per_hook", "report_stats", "hooks");
    turn.runtime.load(&request).unwrap();
    turn.runtime.output(STREAM).unwrap()
}

fn load_heartbeat(turn: &Turn) -> Receiver<Heartbeat> {
    let request = sending(
        "heart",
        "stats_report/heartbeat",
        "periodic_call",
        "heartbeats",
    );
    turn.runtime.load(&request).unwrap();
    turn.runtime.output(STREAM).unwrap()
}

fn reporting() -> Turn {
    Turn::with(|builder| builder.report_period(PERIOD).call_period(PERIOD))
}

/// Adds up the calls by hook in the reports so far.
fn add_up(reports: &Receiver<HookReport>, calls: &mut BTreeMap<String, u64>) {
    for report in reports.try_iter() {
        assert_eq!(report.in_histogram, report.calls, "{}", report.name());
        assert!(report.min_ns <= report.max_ns);
        assert_eq!(report.period_us % 20_000, 0);
        *calls.entry(report.name().to_owned()).or_default() += report.calls;
    }
}

#[test]
fn every_call_is_reported_once() {
    let turn = reporting();
    turn.runtime
        .load(&request("set", COUNT, "counted"))
        .unwrap();
    let reports = load_report(&turn);
    let mut reported = BTreeMap::new();
    let mut made = 0;
    for _ in 0..50 {
        fire(counted, 997);
        made += 997;
        add_up(&reports, &mut reported);
        std::thread::yield_now();
    }
    wait_for("all calls to be reported", || {
        add_up(&reports, &mut reported);
        (reported.get("counted") == Some(&made)).then_some(())
    });
    assert_eq!(
        reported.len(),
        1,
        "of the hooks with codelets, and not of itself: {reported:?}"
    );
}

#[test]
fn a_report_turns_measuring_on_and_takes_nothing_from_others() {
    let turn = reporting();
    turn.runtime
        .load(&request("set", COUNT, "counted"))
        .unwrap();
    let measuring = turn.runtime.measure("counted").unwrap();
    fire(counted, 500);
    let reports = load_report(&turn);
    fire(counted, 40);
    let mut reported = BTreeMap::new();
    wait_for("the report", || {
        add_up(&reports, &mut reported);
        reported
            .get("counted")
            .filter(|calls| **calls >= 40)
            .copied()
    });
    assert_eq!(reported["counted"], 40, "what came before is not in it");
    let calls = |turn: &Turn| {
        let statistics = turn.runtime.statistics();
        let measured = statistics.hook("counted").unwrap().measured.clone();
        measured.map(|measured| measured.calls)
    };
    assert_eq!(calls(&turn), Some(540));
    drop(measuring);
    assert_eq!(calls(&turn), Some(540), "the report still measures");
    let own = turn.runtime.statistics();
    assert_eq!(own.hook("report_stats").unwrap().measured, None);
    turn.runtime.unload("report").unwrap();
    assert_eq!(calls(&turn), None);
}

/// Timers cost other hooks nothing.
#[test]
fn a_codelet_that_leaves_the_report_alone_turns_no_measuring_on() {
    let turn = reporting();
    turn.runtime
        .load(&request("set", COUNT, "counted"))
        .unwrap();
    let request = sending(
        "heart",
        "stats_report/heartbeat",
        "report_stats",
        "heartbeats",
    );
    turn.runtime.load(&request).unwrap();
    let beats: Receiver<Heartbeat> = turn.runtime.output(STREAM).unwrap();
    let is_measured = || {
        let statistics = turn.runtime.statistics();
        statistics.hook("counted").unwrap().measured.is_some()
    };
    assert!(!is_measured());
    let first = wait_for("a heartbeat", || beats.try_iter().next());
    assert_eq!(first.region, 68_616, "the report is passed all the same");
    turn.runtime.unload("heart").unwrap();
    let reports = load_report(&turn);
    assert!(is_measured());
    drop(reports);
    turn.runtime.unload("report").unwrap();
    assert!(!is_measured());
}

#[test]
fn hooks_that_get_codelets_later_are_reported_and_those_that_lose_them_to_the_end() {
    let turn = reporting();
    let reports = load_report(&turn);
    turn.runtime
        .load(&request("one", COUNT, "counted"))
        .unwrap();
    turn.runtime
        .load(&request("two", COUNT, "also_counted"))
        .unwrap();
    fire(counted, 100);
    fire(also_counted, 200);
    turn.runtime.unload("one").unwrap();
    turn.runtime
        .load(&request("one", COUNT, "counted"))
        .unwrap();
    fire(counted, 10);
    turn.runtime.unload("one").unwrap();
    let mut reported = BTreeMap::new();
    wait_for("both hooks", || {
        add_up(&reports, &mut reported);
        (reported.get("counted") == Some(&110) && reported.get("also_counted") == Some(&200))
            .then_some(())
    });
    let first_quiet = wait_for("a report without the hook that lost its codelet", || {
        reports.try_iter().find(|report| report.hooks == 1)
    });
    assert_eq!(first_quiet.name(), "also_counted");
}

#[test]
fn the_shipped_summary_loads_and_reports() {
    #[jbpf_data]
    #[derive(Debug, Clone, Copy)]
    struct HookSummary {
        #[jbpf(text)]
        hook_name: [u8; 256],
        calls: u64,
        min_ns: u64,
        max_ns: u64,
        median_ns: u64,
    }
    #[jbpf_data]
    #[derive(Debug, Clone, Copy)]
    struct Summary {
        timestamp_ns: u64,
        period_us: u32,
        hooks: u32,
        hook: [HookSummary; 16],
    }
    let turn = reporting();
    turn.runtime
        .load(&request("set", COUNT, "counted"))
        .unwrap();
    let request = sending(
        "report",
        "stats_report/stats_report",
        "report_stats",
        "summaries",
    );
    turn.runtime.load(&request).unwrap();
    let summaries: Receiver<Summary> = turn.runtime.output(STREAM).unwrap();
    fire(counted, 1000);
    let mut calls = 0;
    wait_for("the calls", || {
        for summary in summaries.try_iter() {
            assert_eq!(summary.hooks, 1);
            let hook = &summary.hook[0];
            assert!(hook.hook_name.starts_with(b"counted\0"));
            assert!(hook.calls == 0 || hook.median_ns <= hook.max_ns);
            calls += hook.calls;
        }
        (calls == 1000).then_some(())
    });
}

#[test]
fn the_heart_beats_at_multiples_of_its_period() {
    let turn = reporting();
    let began = Instant::now();
    let heartbeats = load_heartbeat(&turn);
    let mut seen = 0;
    let mut periods = Duration::ZERO;
    wait_for("ten heartbeats", || {
        for beat in heartbeats.try_iter() {
            seen += 1;
            assert_eq!((beat.number, beat.region), (seen, 0));
            assert!(beat.period_us >= 20_000 && beat.period_us % 20_000 == 0);
            periods += Duration::from_micros(beat.period_us.into());
        }
        (seen >= 10).then_some(())
    });
    assert!(
        periods <= began.elapsed(),
        "{periods:?} have passed, and no more"
    );
}

#[test]
fn the_thread_lives_as_long_as_a_codelet_needs_it() {
    let turn = reporting();
    turn.runtime
        .load(&request("set", COUNT, "counted"))
        .unwrap();
    assert_eq!(threads("jbpf-timer"), 0);
    drop(load_report(&turn));
    // A thread takes its name itself.
    wait_for("the thread", || (threads("jbpf-timer") == 1).then_some(()));
    turn.runtime
        .load(&request("beat", "application/any_hook", "periodic_call"))
        .unwrap();
    turn.runtime.unload("report").unwrap();
    assert_eq!(threads("jbpf-timer"), 1);
    turn.runtime.unload("beat").unwrap();
    assert_eq!(threads("jbpf-timer"), 0);
}

#[test]
fn a_load_that_fails_starts_no_thread() {
    let turn = reporting();
    // A program of the statistics type, on a hook of another one.
    let request = sending("report", "stats_report/per_hook", "counted", "hooks");
    let error = turn.runtime.load(&request).unwrap_err();
    assert!(matches!(error, LoadError::ProgramType { .. }), "{error}");
    assert_eq!(threads("jbpf-timer"), 0);
}

#[test]
fn dropping_the_runtime_does_not_wait_for_the_next_period() {
    let hour = Duration::from_secs(3600);
    let turn = Turn::with(|builder| builder.report_period(hour).call_period(hour));
    let _reports = load_report(&turn);
    drop(turn);
    assert_eq!(threads("jbpf-timer"), 0);
}

#[test]
fn slow_codelets_miss_periods_and_hold_up_no_load() {
    let turn = reporting();
    let (asleep, go_on) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let (asleep_there, go_on_there) = (Arc::clone(&asleep), Arc::clone(&go_on));
    answer(move || {
        asleep_there.store(true, Ordering::Release);
        let deadline = Instant::now() + Duration::from_secs(30);
        while !go_on_there.load(Ordering::Acquire) && Instant::now() < deadline {
            std::thread::yield_now();
        }
    });
    let heartbeats = load_heartbeat(&turn);
    turn.runtime
        .load(&request("slow", "stress/asks", "report_stats"))
        .unwrap();
    wait_for("the slow codelet", || {
        asleep.load(Ordering::Acquire).then_some(())
    });
    // Replacing waits for calls of the version that it replaces; others come and go.
    turn.runtime
        .load(&request("set", COUNT, "counted"))
        .unwrap_or_else(|error| panic!("{error}"));
    heartbeats.try_iter().for_each(drop);
    let late = Instant::now();
    while late.elapsed() < 4 * PERIOD {
        std::thread::yield_now();
    }
    assert_eq!(heartbeats.try_iter().count(), 0, "one thread calls both");
    go_on.store(true, Ordering::Release);
    let beat = wait_for("the next heartbeat", || heartbeats.try_iter().next());
    assert!(
        beat.period_us >= 60_000,
        "the missed periods are in it: {beat:?}"
    );
}

#[test]
fn a_built_in_hooks_codelet_cannot_unload_itself() {
    let turn = reporting();
    let runtime = Arc::new(turn.runtime);
    let (there, seen) = (Arc::downgrade(&runtime), Arc::new(AtomicU64::new(0)));
    let seen_there = Arc::clone(&seen);
    answer(move || {
        let Some(runtime) = there.upgrade() else {
            return;
        };
        let refused = runtime.unload("asks").unwrap_err();
        assert!(matches!(
            refused,
            UnloadError::Place(WrongPlace::InsideCodelet)
        ));
        seen_there.fetch_add(1, Ordering::AcqRel);
    });
    runtime
        .load(&request("asks", "stress/asks", "periodic_call"))
        .unwrap();
    wait_for("two refusals", || {
        (seen.load(Ordering::Acquire) >= 2).then_some(())
    });
    runtime.unload("asks").unwrap();
    assert_eq!(threads("jbpf-timer"), 0);
}

#[test]
fn periods_that_make_no_sense_are_refused() {
    let _turn = super::turn();
    for period in [
        Duration::ZERO,
        Duration::from_micros(999),
        Duration::from_secs(3601),
    ] {
        let error = jbpf::Runtime::builder()
            .report_period(period)
            .build()
            .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("the period of a built-in hook must be"),
            "{error}"
        );
    }
}
