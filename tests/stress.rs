//! Loading, unloading and replacing under fire.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jbpf::request::CodeletBuilder;
use jbpf::{LoadRequest, Runtime, jbpf_data, jbpf_hook};

/// One a call: each codelet that runs counts itself in it.
#[jbpf_data]
struct Cell {
    steady: u64,
    passing: u64,
    version: u64,
}

#[jbpf_hook]
fn under_fire(cell: &mut Cell) {}

const THREADS: usize = 16;
const BURST: u64 = 64;
const CHANGES: usize = 1000;
const AT_LEAST: Duration = Duration::from_secs(10);

fn request(set: &str, object: &str) -> LoadRequest {
    let path = format!(
        "{}/../codelets/stress/{object}.o",
        env!("CARGO_MANIFEST_DIR")
    );
    LoadRequest::builder(set)
        .codelet(CodeletBuilder::from_path("codelet", path, "under_fire"))
        .build()
        .unwrap()
}

/// Mappings and resident kilobytes of this process.
fn memory() -> (usize, u64) {
    let mappings = std::fs::read_to_string("/proc/self/maps")
        .unwrap()
        .lines()
        .count();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    (
        mappings,
        resident.trim().trim_end_matches(" kB").parse().unwrap(),
    )
}

/// The sums over all threads.
#[derive(Default)]
struct Totals {
    calls: AtomicU64,
    passing: AtomicU64,
    wrong: AtomicU64,
}

/// Fires until told to stop; a cell must say that the steady codelet ran once and the passing one
/// at most once.
fn fire(stop: &AtomicBool, totals: &Totals) {
    let (mut calls, mut passing, mut wrong) = (0, 0, 0);
    while !stop.load(Ordering::Relaxed) {
        let mut cell = Cell {
            steady: 0,
            passing: 0,
            version: 0,
        };
        under_fire(&mut cell);
        calls += 1;
        passing += cell.passing;
        wrong += u64::from(cell.steady != 1 || cell.passing > 1);
        if calls % BURST == 0 {
            // Two cores and seventeen threads: let the loading thread have its turn.
            std::thread::yield_now();
        }
    }
    totals.calls.fetch_add(calls, Ordering::Relaxed);
    totals.passing.fetch_add(passing, Ordering::Relaxed);
    totals.wrong.fetch_add(wrong, Ordering::Relaxed);
}

#[test]
fn codelets_come_and_go_under_fire() {
    let runtime = Runtime::builder().name("stress").build().unwrap();
    runtime.load(&request("steady", "steady")).unwrap();
    let passing = request("passing", "passing");

    let stop = AtomicBool::new(false);
    let totals = Totals::default();
    let mut counted = 0;
    let mut at_first = None;
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| fire(&stop, &totals));
        }
        let start = Instant::now();
        let mut changes = 0;
        while changes < CHANGES || start.elapsed() < AT_LEAST {
            let set = runtime.load(&passing).unwrap();
            let calls = set.map::<u32, u64>("calls").unwrap();
            runtime.unload(set.id()).unwrap();
            // Nobody runs it any more, so nothing is still being counted.
            counted += calls.get(&0).unwrap().unwrap();
            changes += 1;
            if changes == CHANGES / 10 {
                at_first = Some(memory());
            }
        }
        let (mappings, resident) = memory();
        stop.store(true, Ordering::Relaxed);
        let (mappings_before, resident_before) = at_first.unwrap();
        assert!(
            mappings <= mappings_before + 8,
            "{mappings_before} mappings grew to {mappings}"
        );
        assert!(
            resident <= resident_before + 2048,
            "{resident_before} kB grew to {resident} kB"
        );
    });

    assert_eq!(
        totals.wrong.into_inner(),
        0,
        "of {} calls",
        totals.calls.into_inner()
    );
    assert_eq!(
        totals.passing.into_inner(),
        counted,
        "calls that ran the codelet, and calls that it counted"
    );
    assert!(counted > 0);
}
