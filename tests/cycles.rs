//! Codeletsets that come and go very often leave nothing behind.
//!
//! A million times, in the background of a quiet machine:
//! `cargo test --release -p jbpf-tests --test cycles -- --ignored --nocapture`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::time::Instant;

use jbpf::request::CodeletBuilder;
use jbpf::{LoadRequest, Runtime, jbpf_data, jbpf_hook};

/// As in `codelets/under_fire/cell.h`.
#[jbpf_data]
#[derive(Default)]
struct Cell {
    key: u64,
    first: u64,
    second: u64,
    failed: u64,
}

#[jbpf_hook]
fn cycle(cell: &mut Cell, ctx_id: u32) {}

/// Resources of a process that a cycle could leave behind.
#[derive(Debug, Clone, Copy)]
struct Holdings {
    mappings: usize,
    descriptors: usize,
    threads: usize,
    resident_kb: usize,
}

fn holdings() -> Holdings {
    let count = |folder: &str| std::fs::read_dir(folder).unwrap().count();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    Holdings {
        mappings: std::fs::read_to_string("/proc/self/maps")
            .unwrap()
            .lines()
            .count(),
        descriptors: count("/proc/self/fd"),
        threads: count("/proc/self/task"),
        resident_kb: resident.trim().trim_end_matches(" kB").parse().unwrap(),
    }
}

impl Holdings {
    /// The allocator keeps and merges pages as it likes, so that memory moves by a few of them.
    fn is_no_more_than(&self, before: &Self) {
        assert!(
            self.descriptors <= before.descriptors,
            "{before:?} to {self:?}"
        );
        assert!(self.threads <= before.threads, "{before:?} to {self:?}");
        assert!(
            self.mappings <= before.mappings + 8,
            "{before:?} to {self:?}"
        );
        assert!(
            self.resident_kb <= before.resident_kb + 2048,
            "{before:?} to {self:?}"
        );
    }
}

/// Requests with every kind of map between them, objects in memory.
fn requests() -> Vec<LoadRequest> {
    let codelet = |object: &str| {
        let path = format!(
            "{}/../codelets/under_fire/{object}.o",
            env!("CARGO_MANIFEST_DIR")
        );
        CodeletBuilder::from_bytes(object, std::fs::read(path).unwrap(), "cycle")
    };
    let set = |codelets: Vec<CodeletBuilder>| {
        codelets
            .into_iter()
            .fold(LoadRequest::builder("set"), |set, codelet| {
                set.codelet(codelet)
            })
            .build()
            .unwrap()
    };
    vec![
        set(vec![codelet("array_1")]),
        set(vec![codelet("output_1").output_derived("records")]),
        set(vec![codelet("thread_array_1"), codelet("thread_hash_1")]),
        set(vec![codelet("input").input_derived("commands")]),
        set(vec![
            codelet("churn"),
            codelet("ringbuf").output_derived("records"),
        ]),
    ]
}

/// Loads, calls and unloads; looks at the process after a tenth, and prints its resources after
/// each.
fn cycles(times: usize) {
    let runtime = Runtime::builder().name("cycles").build().unwrap();
    let requests = requests();
    let start = Instant::now();
    let mut at_first = None;
    for time in 1..=times {
        let request = &requests[time % requests.len()];
        runtime.load(request).unwrap();
        let mut cell = Cell::default();
        cycle(&mut cell, 0);
        assert!(
            cell.first > 0 || time % requests.len() == 3,
            "the codelets ran"
        );
        runtime.unload("set").unwrap();
        if time % (times / 10) == 0 {
            let now = holdings();
            println!("{time:>9} cycles in {:>6.1?}: {now:?}", start.elapsed());
            now.is_no_more_than(at_first.get_or_insert(now));
        }
    }
}

#[test]
fn codeletsets_come_and_go_ten_thousand_times() {
    cycles(10_000);
}

#[test]
#[ignore = "takes a quarter of an hour"]
fn codeletsets_come_and_go_a_million_times() {
    cycles(1_000_000);
}
