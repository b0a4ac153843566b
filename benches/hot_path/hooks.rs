//! `hook/*` and `clock/*`: the call itself.

use std::hint::black_box;
use std::ops::Range;
use std::time::Instant;

use criterion::Criterion;
use jbpf::request::CodeletBuilder;
use jbpf::{LoadRequest, Runtime, jbpf_data, jbpf_hook};

use crate::{load, object};

#[jbpf_data]
pub struct Count {
    pub value: u64,
}

#[jbpf_data]
struct Fields {
    a: u32,
    b: u16,
    c: u16,
    d: u64,
}

#[jbpf_hook]
fn idle(count: &mut Count) {}

#[jbpf_hook]
pub fn armed(count: &mut Count) {}

#[jbpf_hook]
fn armed_x4(count: &mut Count) {}

#[jbpf_hook(control)]
fn control(count: &Count) -> u64 {
    0
}

#[jbpf_hook(control)]
fn read_fields(fields: &Fields) -> u64 {
    0
}

#[jbpf_hook]
fn clock(count: &mut Count) {}

/// The floor: the work of the codelet of `hook/armed`, as a Rust function behind a pointer.
#[inline(never)]
fn count_up(count: &mut Count) {
    count.value += 1;
}

/// The work of four codelets, in Rust: each counts in a word of its own.
#[inline(never)]
fn count_up_four(counts: &mut [u64; 4]) {
    for count in counts {
        *count += 1;
    }
}

pub fn benches(criterion: &mut Criterion, runtime: &Runtime) {
    let mut group = criterion.benchmark_group("hook");

    group.bench_function("idle", |bencher| {
        let mut count = Count { value: 0 };
        bencher.iter(|| idle(black_box(&mut count)));
        assert_eq!(count.value, 0);
    });

    group.bench_function("native_fn_pointer", |bencher| {
        let (mut count, mut calls) = (Count { value: 0 }, 0);
        let function: fn(&mut Count) = black_box(count_up);
        bencher.iter(|| {
            calls += 1;
            black_box(function)(black_box(&mut count));
        });
        assert_eq!(count.value, calls);
    });

    group.bench_function("native_x4", |bencher| {
        let (mut counts, mut calls) = ([0; 4], 0);
        let function: fn(&mut [u64; 4]) = black_box(count_up_four);
        bencher.iter(|| {
            calls += 1;
            black_box(function)(black_box(&mut counts));
        });
        assert_eq!(counts, [calls; 4]);
    });

    let set = load(runtime, "count_region", "armed");
    group.bench_function("armed", |bencher| {
        let (mut count, mut calls) = (Count { value: 0 }, 0);
        bencher.iter(|| {
            calls += 1;
            armed(black_box(&mut count));
        });
        assert_eq!(count.value, calls);
    });
    let measuring = runtime.measure("armed").unwrap();
    group.bench_function("measured", |bencher| {
        let counted = || {
            let statistics = runtime.statistics();
            let hook = statistics.hook("armed").unwrap();
            hook.measured.as_ref().unwrap().calls
        };
        let (mut count, mut calls, before) = (Count { value: 0 }, 0, counted());
        bencher.iter(|| {
            calls += 1;
            armed(black_box(&mut count));
        });
        assert_eq!((count.value, counted() - before), (calls, calls));
    });
    drop(measuring);
    runtime.unload(set.id()).unwrap();

    let set = runtime.load(&counting("four", 0..4, "armed_x4")).unwrap();
    group.bench_function("armed_x4", |bencher| {
        let before: Vec<u64> = (0..4).map(|index| counted(&set, index)).collect();
        let (mut count, mut calls) = (Count { value: 0 }, 0);
        bencher.iter(|| {
            calls += 1;
            armed_x4(black_box(&mut count));
        });
        for (index, before) in before.into_iter().enumerate() {
            assert_eq!(counted(&set, index) - before, calls);
        }
    });
    runtime.unload(set.id()).unwrap();

    let set = load(runtime, "control", "control");
    group.bench_function("control", |bencher| {
        let (mut count, mut sum) = (Count { value: 0 }, 0);
        bencher.iter(|| {
            sum += control(black_box(&count));
            count.value += 1;
        });
        assert_eq!(sum, count.value * (count.value + 1) / 2);
    });
    runtime.unload(set.id()).unwrap();

    let set = load(runtime, "read_fields", "read_fields");
    group.bench_function("read_fields", |bencher| {
        let fields = Fields {
            a: 1,
            b: 2,
            c: 3,
            d: 4,
        };
        let (mut sum, mut calls) = (0, 0);
        bencher.iter(|| {
            calls += 1;
            sum += read_fields(black_box(&fields));
        });
        assert_eq!(sum, calls * 10);
    });
    runtime.unload(set.id()).unwrap();
    group.finish();

    let set = load(runtime, "clock", "clock");
    criterion.bench_function("clock/time_get_ns", |bencher| {
        let mut count = Count { value: 0 };
        bencher.iter(|| {
            let before = count.value;
            clock(black_box(&mut count));
            assert!(count.value >= before);
        });
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        assert!(now.as_nanos().abs_diff(u128::from(count.value)) < 60_000_000_000);
    });
    runtime.unload(set.id()).unwrap();

    let set = load(runtime, "ticks", "clock");
    criterion.bench_function("clock/ticks", |bencher| {
        let mut count = Count { value: 0 };
        let start = Instant::now();
        bencher.iter(|| clock(black_box(&mut count)));
        // Times within the calls add up to less than all of them took.
        assert!(count.value > 0 && u128::from(count.value) <= start.elapsed().as_nanos());
    });
    runtime.unload(set.id()).unwrap();
}

/// A codeletset of codelets `c0`, `c1` and so on, each of which counts calls in a map of its own.
pub fn counting(set: &str, codelets: Range<usize>, hook: &str) -> LoadRequest {
    codelets
        .fold(LoadRequest::builder(set), |set, index| {
            let name = format!("c{index}");
            set.codelet(CodeletBuilder::from_path(name, object("count_array"), hook))
        })
        .build()
        .unwrap()
}

/// Calls that codelet `index` of such a set has counted.
pub fn counted(set: &jbpf::Codeletset, index: usize) -> u64 {
    set.map::<u32, u64>(&format!("c{index}/counts"))
        .unwrap()
        .get(&0)
        .unwrap()
        .unwrap()
}
