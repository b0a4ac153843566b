//! Codelets that leave their calls: the hook's answer, and the reports of it.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use jbpf::stats::{AbortKind, AbortPlace, AbortStatistics};
use jbpf::{Engine, Runtime, jbpf_hook};

use super::{COUNTED_HOOK, CountedContext, Turn, counted, fire, request};

/// The codelet adds the second number to the total of the first one's, if there are both, there is
/// such a total, and the sum fits. The total is its answer.
#[jbpf_hook(control)]
fn decided(numbers: &[u64]) -> u64 {
    5
}

#[jbpf_hook]
fn watched(numbers: &[u64]) {}

const OBJECT: &str = "tests/v3/abort";

/// The line in `codelets/tests/abort.c` that has this text.
fn line_of(text: &str) -> u32 {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../codelets/tests/abort.c");
    let source = std::fs::read_to_string(source).unwrap();
    let lines: Vec<usize> = source
        .lines()
        .enumerate()
        .filter(|(_, line)| line.contains(text))
        .map(|(at, _)| at + 1)
        .collect();
    assert_eq!(lines.len(), 1, "{text}");
    lines[0].try_into().unwrap()
}

fn of_statistics(runtime: &Runtime, hook: &str) -> AbortStatistics {
    let statistics = runtime.statistics();
    statistics.hook(hook).unwrap().codelets[0].aborts.clone()
}

fn last(aborts: &AbortStatistics) -> AbortPlace {
    aborts.last.clone().unwrap()
}

#[test]
fn a_control_hook_decides_itself_where_its_codelet_leaves() {
    for engine in [Engine::Native, Engine::Interpreter] {
        for measured in [false, true] {
            let turn = Turn::with(|builder| builder.engine(engine));
            let runtime = &turn.runtime;
            let _measuring = measured.then(|| runtime.measure("decided").unwrap());
            assert_eq!(decided(&[1, 10]), 5, "nothing is loaded");
            runtime.load(&request("set", OBJECT, "decided")).unwrap();
            assert_eq!(decided(&[1, 10]), 10);
            assert_eq!(decided(&[1, 10]), 20);
            assert_eq!(
                of_statistics(runtime, "decided"),
                AbortStatistics::default()
            );

            let before = SystemTime::now();
            assert_eq!(decided(&[1]), 5);
            assert_eq!(decided(&[]), 5);
            let aborts = of_statistics(runtime, "decided");
            assert_eq!((aborts.count, aborts.faults), (2, 0));
            let place = last(&aborts);
            assert_eq!(place.kind, AbortKind::Assertion);
            assert_eq!(place.function.as_deref(), Some("jbpf_main"));
            assert_eq!(place.file.as_deref(), Some("./tests/abort.c"));
            assert_eq!(place.line, Some(line_of("jbpf_assert(")));
            let after = SystemTime::now() + Duration::from_millis(2);
            assert!((before - Duration::from_millis(2)..after).contains(&place.at));

            assert_eq!(decided(&[4, 10]), 5);
            let place = last(&of_statistics(runtime, "decided"));
            assert_eq!(
                (place.kind.clone(), place.function.as_deref()),
                (AbortKind::Index, Some("add"))
            );
            assert_eq!(place.line, Some(line_of("jbpf_abort(JBPF_ABORT_INDEX)")));

            // The codelet's writes before the abort stay: the total was set to 0.
            assert_eq!(decided(&[1, u64::MAX]), 5);
            assert_eq!(decided(&[1, 3]), 3);
            let aborts = runtime.list()[0].codelets[0].aborts.clone();
            assert_eq!(aborts.count, 4);
            let place = last(&aborts);
            assert_eq!(
                (place.kind.clone(), place.function.as_deref()),
                (AbortKind::Overflow, Some("fail"))
            );
            assert_eq!(
                place.to_string(),
                format!(
                    "overflow at ./tests/abort.c:{}",
                    line_of("jbpf_abort(kind)")
                )
            );

            runtime.replace(&request("set", OBJECT, "decided")).unwrap();
            assert_eq!(
                of_statistics(runtime, "decided").count,
                0,
                "another codelet"
            );
            runtime.unload("set").unwrap();
            assert_eq!(decided(&[1, 10]), 5);
        }
    }
}

#[test]
fn other_codelets_of_a_monitoring_hook_go_on() {
    for engine in [Engine::Native, Engine::Interpreter] {
        let turn = Turn::with(|builder| builder.engine(engine));
        let runtime = &turn.runtime;
        for set in ["first", "second"] {
            runtime.load(&request(set, OBJECT, "watched")).unwrap();
        }
        for numbers in [&[1, 1][..], &[1], &[7, 1], &[2, 2]] {
            watched(numbers);
        }
        let hook = runtime.statistics().hook("watched").unwrap().clone();
        let counts: Vec<u64> = hook.codelets.iter().map(|own| own.aborts.count).collect();
        assert_eq!(counts, [2, 2], "{engine:?}");
    }
}

/// Fires hook `counted` on a region in which nothing is, at the address of a number that must
/// stay.
#[expect(unsafe_code, reason = "breaks the hook's contract")]
fn fire_on_nothing() -> u64 {
    let number = Box::leak(Box::new(41_u64));
    let data = std::ptr::from_mut(number) as u64;
    let mut context = CountedContext {
        data,
        data_end: data,
        meta_data: 0,
        __padding0: [],
    };
    // SAFETY: this breaks the hook's contract on purpose: its layout promises eight bytes, and the
    // codelets were verified against it. No access goes wrong: the codelets are guarded, and there
    // are eight bytes at that address all the same.
    unsafe { COUNTED_HOOK.fire(&mut context) };
    *number
}

#[test]
fn a_guard_that_fires_ends_the_call_before_the_access_and_is_told() {
    let turn = Turn::with(|builder| builder.engine(Engine::Native).guard_accesses(true));
    let runtime = &turn.runtime;
    let log = Log::default();
    tracing::subscriber::with_default(log.subscriber(), || {
        let set = request("set", "bench/count_region", "counted");
        runtime.load(&set).unwrap();
        assert_eq!(fire_on_nothing(), 41, "nothing was written");
        let _measuring = runtime.measure("counted").unwrap();
        assert_eq!(fire_on_nothing(), 41);
        let aborts = of_statistics(runtime, "counted");
        assert_eq!((aborts.count, aborts.faults), (2, 2));
        let place = last(&aborts);
        assert_eq!(place.kind, AbortKind::Guard);
        assert_eq!(place.file.as_deref(), Some("./bench/count_region.c"));
        fire(counted, 3);
        assert_eq!(of_statistics(runtime, "counted").count, 2, "none of those");
        let told = log.take();
        for part in [
            "ERROR",
            "calls=2",
            "guard at ./bench/count_region.c:",
            "please report it",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
    });
}

/// The text that was written to a log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn subscriber(&self) -> impl tracing::Subscriber + use<> {
        let to = self.clone();
        tracing_subscriber::fmt()
            .with_writer(move || to.clone())
            .with_ansi(false)
            .finish()
    }

    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut self.0.lock().unwrap())).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_log_is_told_by_whoever_looks_and_not_by_the_call() {
    // Before there is a subscriber: another thread that comes to an event first would find none,
    // for all.
    let turn = Turn::start();
    let runtime = &turn.runtime;
    let log = Log::default();
    tracing::subscriber::with_default(log.subscriber(), || {
        runtime.load(&request("set", OBJECT, "decided")).unwrap();
        log.take();
        decided(&[]);
        decided(&[]);
        assert_eq!(log.take(), "");
        assert_eq!(runtime.list().len(), 1);
        let told = log.take();
        let place = format!("assertion at ./tests/abort.c:{}", line_of("jbpf_assert("));
        for part in ["WARN", "set", "codelet", "calls=2", &place] {
            assert!(told.contains(part), "{part}: {told}");
        }
        // Once, and not again at every look.
        assert_eq!(of_statistics(runtime, "decided").count, 2);
        decided(&[]);
        assert_eq!(of_statistics(runtime, "decided").count, 3);
        assert_eq!(log.take(), "");
        // All of it at the end.
        runtime.unload("set").unwrap();
        let told = log.take();
        assert!(told.contains("calls=1"), "{told}");
    });
}
