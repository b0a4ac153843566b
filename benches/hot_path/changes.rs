//! `load/*`, `unload/*`, `attach/*`, `detach/*` and `runtime/*`: the cost of changes, away from
//! the hot path.

use std::time::{Duration, Instant};

use criterion::Criterion;
use jbpf::{LoadRequest, Runtime, StreamId, jbpf_data, jbpf_hook};

use crate::hooks::{Count, counted, counting};

#[jbpf_data]
struct Packet {
    seq_no: i32,
    value: i32,
    name: [u8; 32],
}

#[jbpf_hook]
fn example(packet: &Packet, ctx_id: u32) {}

#[jbpf_hook]
fn crowded(count: &mut Count) {}

/// The codelets of the crowded hook, the one that comes and goes included.
const CODELETS: usize = 16;

/// A load of the first example reads, verifies, compiles and attaches it; an unload takes it out
/// again.
pub fn benches(criterion: &mut Criterion) {
    attaching(criterion);
    let runtime = Runtime::builder().name("hot_path").build().unwrap();
    let request = LoadRequest::from_yaml_file(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../codelets/first_example/load.yaml"
    ))
    .unwrap();
    let stream: StreamId = "00112233445566778899AABBCCDDEEFF".parse().unwrap();
    let packet = Packet {
        seq_no: 1,
        value: -1,
        name: [0; 32],
    };
    // Times the load and the unload of each round apart.
    let round = |timed_load: bool| {
        let start = Instant::now();
        let set = runtime.load(&request).unwrap();
        let loaded = start.elapsed();
        let records = runtime.output::<Packet>(stream).unwrap();
        example(&packet, 0);
        assert_eq!(records.try_iter().count(), 1);
        drop(records);
        let start = Instant::now();
        runtime.unload(set.id()).unwrap();
        drop(set);
        let unloaded = start.elapsed();
        if timed_load { loaded } else { unloaded }
    };
    for (name, timed_load) in [
        ("load/first_example", true),
        ("unload/first_example", false),
    ] {
        criterion.bench_function(name, |bencher| {
            bencher.iter_custom(|rounds| (0..rounds).map(|_| round(timed_load)).sum::<Duration>());
        });
    }
    drop(runtime);
    criterion.bench_function("runtime/start_and_stop", |bencher| {
        bencher.iter(|| drop(Runtime::builder().name("hot_path").build().unwrap()));
    });
}

/// The sixteenth codelet of a hook comes and goes, while fifteen others stay.
fn attaching(criterion: &mut Criterion) {
    let runtime = Runtime::builder().name("hot_path").build().unwrap();
    let others = runtime
        .load(&counting("others", 0..CODELETS - 1, "crowded"))
        .unwrap();
    let request = counting("last", CODELETS - 1..CODELETS, "crowded");
    let mut count = Count { value: 0 };
    let mut calls = 0;
    let mut round = |timed_attach: bool| {
        let start = Instant::now();
        let last = runtime.load(&request).unwrap();
        let attached = start.elapsed();
        crowded(&mut count);
        calls += 1;
        assert_eq!(counted(&last, CODELETS - 1), 1);
        let start = Instant::now();
        runtime.unload(last.id()).unwrap();
        let detached = start.elapsed();
        if timed_attach { attached } else { detached }
    };
    for (name, timed_attach) in [("attach/sixteenth", true), ("detach/sixteenth", false)] {
        criterion.bench_function(name, |bencher| {
            bencher
                .iter_custom(|rounds| (0..rounds).map(|_| round(timed_attach)).sum::<Duration>());
        });
    }
    for index in 0..CODELETS - 1 {
        assert_eq!(counted(&others, index), calls);
    }
}
