//! No page fault, no system call, no allocation: with each kind of map and channel, with helpers
//! that take memory, nested, measured, on threads that came before the load and after it.

use std::process::Command;
use std::sync::mpsc;
use std::thread;

use jbpf::{Runtime, RuntimeBuilder};
use jbpf_channel::Collector;

use crate::observation::{Cost, cost_of};
use crate::{COMMANDS, RECORDS, Record, alone, call, everything, start};

/// In release mode, enough for every page of the channels, and for records that find no place.
const CALLS: u64 = if cfg!(debug_assertions) {
    4_000
} else {
    40_000
};

fn calls() {
    let wrong: u64 = (0..CALLS).map(|key| call(key).wrong).sum();
    assert_eq!(wrong, 0, "a thread found nothing in its copy of a map");
}

/// Runs `calls` once on a thread that stays: the process's code is in memory then, and the
/// thread's slot is not given to the next one.
fn with_warm_code<R>(runtime: &Runtime, run: impl FnOnce() -> R) -> R {
    let (tell, hear) = mpsc::channel();
    let (end, until) = mpsc::channel::<()>();
    runtime.load(&everything()).unwrap();
    let warm = thread::spawn(move || {
        calls();
        tell.send(()).unwrap();
        let _ = until.recv();
    });
    hear.recv().unwrap();
    runtime.unload("set").unwrap();
    let result = run();
    drop(end);
    warm.join().unwrap();
    result
}

/// The cost of calls on a thread that comes after the load, and on a thread that exists before it.
fn costs(runtime: &Runtime, meanwhile: impl Fn(&Runtime)) -> [Cost; 2] {
    with_warm_code(runtime, || {
        runtime.load(&everything()).unwrap();
        let later = cost_of(calls, || meanwhile(runtime));
        runtime.unload("set").unwrap();
        let earlier = cost_of(calls, || {
            runtime.load(&everything()).unwrap();
            meanwhile(runtime);
        });
        runtime.unload("set").unwrap();
        [later, earlier]
    })
}

fn nothing() -> [Cost; 2] {
    [Cost::default(), Cost::default()]
}

fn plain(builder: RuntimeBuilder) -> RuntimeBuilder {
    builder
}

#[test]
fn calls_cost_nothing_but_time() {
    let _alone = alone();
    assert_eq!(costs(&start(plain), |_| {}), nothing());
}

#[test]
fn measured_calls_cost_nothing_but_time() {
    let _alone = alone();
    let runtime = start(plain);
    let _measuring = runtime.measure_all().unwrap();
    assert_eq!(costs(&runtime, |_| {}), nothing());
}

#[test]
fn calls_with_shared_channels_cost_nothing_but_time() {
    let _alone = alone();
    let runtime = start(RuntimeBuilder::shared_channels);
    assert_eq!(costs(&runtime, |_| {}), nothing());
}

/// No call does the work that is done once in a process: even the first call makes no system call
/// and allocates nothing. Pages of the program's own file may not be in memory yet, and are not
/// counted.
#[test]
fn the_first_call_of_a_process_calls_nobody() {
    let first = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "costs::first_call", "--ignored"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&first.stdout);
    assert!(
        first.status.success() && said.contains("1 passed"),
        "{first:?}"
    );
}

#[test]
#[ignore = "another test has a process of its own run it"]
fn first_call() {
    let runtime = start(plain);
    runtime.load(&everything()).unwrap();
    let cost = cost_of(|| _ = call(1), || {});
    assert_eq!((cost.allocations, cost.system_calls), (0, Vec::new()));
}

/// It is lent memory that calls look at from then on, and it does not sleep: waking it would be a
/// call of the system.
#[test]
fn calls_after_a_collector_has_opened_channels_cost_nothing_but_time() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("calls.sock");
    let runtime = start(|builder| builder.shared_channels().socket(&socket));
    let opened = std::cell::RefCell::new(Vec::new());
    let costs = costs(&runtime, |_| {
        let collector = Collector::connect(&socket).unwrap();
        let records = collector.output::<Record>(RECORDS).unwrap();
        let commands = collector.input::<Record>(COMMANDS).unwrap();
        for key in 0..100 {
            commands.send(&Record { key, words: [0; 7] }).unwrap();
        }
        opened.borrow_mut().push((records, commands));
    });
    assert_eq!(costs, nothing());
}
