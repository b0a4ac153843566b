//! The operations on the runtime that codelets, through helpers of the application, and output
//! callbacks may do.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use jbpf::operator::Operator;
use jbpf::{LoadError, MeasureError, Runtime, UnloadError, WrongPlace};

use super::{Turn, answer, asked, counted, fire, request, sending, turn, wait_for};

const COUNT: &str = "bench/count_region";

fn inside(place: &WrongPlace) -> bool {
    matches!(place, WrongPlace::InsideCodelet)
}

#[test]
fn changes_from_inside_are_refused_and_change_nothing() {
    let turn = Turn::start();
    turn.runtime
        .load(&request("set", COUNT, "counted"))
        .unwrap();
    turn.runtime
        .load(&request("asks", "stress/asks", "asked"))
        .unwrap();
    let runtime = Arc::new(turn.runtime);
    let there = Arc::clone(&runtime);
    let (said, hear) = mpsc::channel();
    answer(move || {
        let load = there.load(&request("new", COUNT, "counted"));
        let replace = there.replace(&request("set", COUNT, "counted"));
        let unload = there.unload("set");
        let measure = there.measure("counted").map(drop);
        said.send((load.map(drop), replace.map(drop), unload, measure))
            .unwrap();
    });
    asked();
    let (load, replace, unload, measure) = hear.try_recv().unwrap();
    assert!(matches!(load, Err(LoadError::Place(place)) if inside(&place)));
    assert!(matches!(replace, Err(LoadError::Place(place)) if inside(&place)));
    assert!(matches!(unload, Err(UnloadError::Place(place)) if inside(&place)));
    assert!(matches!(measure, Err(MeasureError::Place(place)) if inside(&place)));
    answer(|| {});
    let ids: Vec<String> = runtime.list().into_iter().map(|set| set.id).collect();
    assert_eq!(ids, ["asks", "set"]);
    runtime.unload("set").unwrap();
}

#[test]
fn measuring_that_is_dropped_inside_ends_soon_after() {
    let turn = Turn::start();
    turn.runtime
        .load(&request("asks", "stress/asks", "asked"))
        .unwrap();
    let mut measuring = Some(turn.runtime.measure("asked").unwrap());
    answer(move || drop(measuring.take()));
    asked();
    wait_for("the measuring to end", || {
        let statistics = turn.runtime.statistics();
        statistics
            .hook("asked")
            .unwrap()
            .measured
            .is_none()
            .then_some(())
    });
    answer(|| {});
}

/// Builds a runtime once the last one is gone, which may be a moment after it was dropped inside.
fn next_runtime() -> Runtime {
    wait_for("the runtime to be gone", || {
        Runtime::builder().name("statistics").build().ok()
    })
}

#[test]
fn a_runtime_dropped_inside_a_codelet_is_gone_soon_after() {
    let _turn = turn();
    for _ in 0..20 {
        let runtime = next_runtime();
        runtime
            .load(&request("asks", "stress/asks", "asked"))
            .unwrap();
        runtime.load(&request("set", COUNT, "counted")).unwrap();
        let mut runtime = Some(runtime);
        answer(move || drop(runtime.take()));
        asked();
        drop(next_runtime());
        assert!(!jbpf::registry::hook("asked").unwrap().is_armed());
        assert!(!jbpf::registry::hook("counted").unwrap().is_armed());
    }
}

/// An operator's replacement waits for the codelet to end, with the runtime's lock in hand; the
/// codelet drops the runtime meanwhile.
#[test]
fn a_runtime_dropped_inside_a_codelet_does_not_wait_for_a_load_that_waits_for_it() {
    let _turn = turn();
    drop(next_runtime());
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("app.sock");
    let builder = Runtime::builder().name("statistics").socket(&socket);
    let runtime = builder.build().unwrap();
    runtime
        .load(&request("asks", "stress/asks", "asked"))
        .unwrap();
    let place = Arc::new(Mutex::new(Some(runtime)));

    let (inside, entered) = mpsc::channel();
    let drop_now = Arc::new(AtomicBool::new(false));
    let (now, there) = (Arc::clone(&drop_now), Arc::clone(&place));
    answer(move || {
        inside.send(()).unwrap();
        wait_for("the replacement", || {
            now.load(Ordering::Acquire).then_some(())
        });
        let runtime = there.lock().unwrap().take();
        drop(runtime);
    });
    let caller = std::thread::spawn(asked);
    entered.recv_timeout(Duration::from_secs(30)).unwrap();
    let operator = std::thread::spawn(move || {
        let mut operator = Operator::connect(&socket).unwrap();
        // Its answer may come, or the connection end: the runtime goes.
        let _ = operator.replace(&request("asks", "application/any_hook", "asked"));
    });
    // The new version is listed while the old one still runs.
    wait_for("the new version", || {
        let place = place.lock().unwrap();
        let set = place.as_ref()?.get("asks")?.info();
        (set.codelets[0].worst_case_instructions <= 2).then_some(())
    });
    drop_now.store(true, Ordering::Release);
    wait_for("the codelet to end", || caller.is_finished().then_some(()));
    wait_for("the operator's answer", || {
        operator.is_finished().then_some(())
    });
    answer(|| {});
    drop(next_runtime());
}

#[test]
fn output_callbacks_may_load_unload_and_drop_the_runtime() {
    let _turn = turn();
    let runtime = Arc::new(Mutex::new(Some(next_runtime())));
    let there = Arc::clone(&runtime);
    let records = Arc::new(AtomicU64::new(0));
    let served = Arc::clone(&records);
    let done = Arc::new(AtomicBool::new(false));
    let all_done = Arc::clone(&done);
    {
        let runtime = runtime.lock().unwrap();
        let runtime = runtime.as_ref().unwrap();
        let send = sending("set", "bench/send", "counted", "records");
        runtime.load(&send).unwrap();
        runtime
            .on_output(move |_| {
                let mut place = there.lock().unwrap();
                let Some(runtime) = place.as_ref() else {
                    return;
                };
                match served.fetch_add(1, Ordering::AcqRel) {
                    0 => drop(
                        runtime
                            .load(&request("more", COUNT, "also_counted"))
                            .unwrap(),
                    ),
                    1 => drop(runtime.measure("counted").unwrap()),
                    2 => runtime.unload("more").unwrap(),
                    3 => runtime.unload("set").unwrap(),
                    _ => return,
                }
                if served.load(Ordering::Acquire) == 4 {
                    drop(place.take());
                    all_done.store(true, Ordering::Release);
                }
            })
            .unwrap();
    }
    fire(counted, 10);
    wait_for("the callback", || {
        done.load(Ordering::Acquire).then_some(())
    });
    assert!(runtime.lock().unwrap().is_none());
    drop(next_runtime());
}

/// A payload of a panic that panics when it is dropped.
struct Explosive;

impl Drop for Explosive {
    fn drop(&mut self) {
        std::panic::panic_any("again");
    }
}

#[test]
fn an_output_callback_that_panics_loses_its_record_alone() {
    let turn = Turn::start();
    let send = sending("set", "bench/send", "counted", "records");
    turn.runtime.load(&send).unwrap();
    let (said, hear) = mpsc::channel();
    turn.runtime
        .on_output(move |record| match record.number {
            0 => std::panic::panic_any(Explosive),
            1 => panic!("on purpose"),
            number => said.send(number).unwrap(),
        })
        .unwrap();
    fire(counted, 4);
    let deadline = Duration::from_secs(30);
    assert_eq!(hear.recv_timeout(deadline), Ok(2));
    assert_eq!(hear.recv_timeout(deadline), Ok(3));
    assert_eq!(turn.runtime.output_panics(), 2);
}
