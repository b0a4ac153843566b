//! `guarded/*`: the cost of accesses that machine code checks.

use std::hint::black_box;

use criterion::Criterion;
use jbpf::Runtime;

use crate::hooks::{Count, armed};
use crate::{channels, load, maps};

pub fn benches(criterion: &mut Criterion) {
    let runtime = Runtime::builder()
        .name("hot_path")
        .guard_accesses(true)
        .build()
        .unwrap();
    let mut group = criterion.benchmark_group("guarded");

    let set = load(&runtime, "count_region", "armed");
    group.bench_function("armed", |bencher| {
        let (mut count, mut calls) = (Count { value: 0 }, 0);
        bencher.iter(|| {
            calls += 1;
            armed(black_box(&mut count));
        });
        assert_eq!(count.value, calls);
    });
    runtime.unload(set.id()).unwrap();

    maps::count(&mut group, "array_increment", &runtime, "count_array");
    maps::count(&mut group, "per_thread_array", &runtime, "count_per_thread");
    let set = load(&runtime, "hash_hit", "look_up");
    maps::hash_hit(&mut group, "hash_hit_1k", &set);
    runtime.unload(set.id()).unwrap();
    channels::send_alone(&mut group, "send_32", &runtime);

    let statistics = runtime.statistics();
    let codelets = statistics.hooks.iter().flat_map(|hook| &hook.codelets);
    assert_eq!(codelets.map(|own| own.aborts.count).sum::<u64>(), 0);
    group.finish();
}
