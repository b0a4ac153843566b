//! `map/*`: lookups and updates from codelets.

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use jbpf::{Codeletset, Runtime, jbpf_data, jbpf_hook};

use crate::hooks::Count;
use crate::load;

/// Keys of the filled maps, out of 1024 entries.
pub const KEYS: u64 = 1000;

/// A key for the codelet to look up, and the result.
#[jbpf_data]
pub struct Keyed {
    pub key: u64,
    pub result: u64,
}

#[jbpf_hook]
fn count_in_map(count: &mut Count) {}

#[jbpf_hook]
fn look_up(keyed: &mut Keyed) {}

/// Keys in an order that a prefetcher does not guess.
pub fn key(call: u64) -> u64 {
    call.wrapping_mul(0x9e37_79b9) % KEYS
}

pub type Group<'c> = BenchmarkGroup<'c, WallTime>;

/// One call of a codelet that counts in map `counts`.
pub fn count(group: &mut Group<'_>, id: &str, runtime: &Runtime, codelet: &str) {
    let set = load(runtime, codelet, "count_in_map");
    let map = set.map::<u32, u64>("counts").unwrap();
    group.bench_function(id, |bencher| {
        let before = map.sum(&0).unwrap();
        let (mut count, mut calls) = (Count { value: 0 }, 0);
        bencher.iter(|| {
            calls += 1;
            count_in_map(black_box(&mut count));
        });
        assert_eq!(map.sum(&0).unwrap() - before, calls);
    });
    runtime.unload(set.id()).unwrap();
}

/// One lookup of a key that is there.
pub fn hash_hit(group: &mut Group<'_>, id: &str, set: &Codeletset) {
    let map = set.map::<u64, u64>("counts").unwrap();
    (0..KEYS).for_each(|key| map.set(&key, &0).unwrap());
    group.bench_function(id, |bencher| {
        let before: u64 = map.iter().unwrap().map(|(_, count)| count).sum();
        let (mut keyed, mut calls) = (Keyed { key: 0, result: 0 }, 0);
        bencher.iter(|| {
            calls += 1;
            keyed.key = key(calls);
            look_up(black_box(&mut keyed));
        });
        let after: u64 = map.iter().unwrap().map(|(_, count)| count).sum();
        assert_eq!((after - before, keyed.result), (calls, 0));
    });
}

pub fn benches(criterion: &mut Criterion, runtime: &Runtime) {
    let mut group = criterion.benchmark_group("map");
    for (id, codelet) in [
        ("array_increment", "count_array"),
        ("per_thread_array", "count_per_thread"),
    ] {
        count(&mut group, id, runtime, codelet);
    }

    let set = load(runtime, "hash_hit", "look_up");
    hash_hit(&mut group, "hash_hit_1k", &set);
    group.bench_function("hash_miss", |bencher| {
        let (mut keyed, mut calls) = (Keyed { key: 0, result: 0 }, 0);
        bencher.iter(|| {
            calls += 1;
            keyed.key = KEYS + key(calls);
            look_up(black_box(&mut keyed));
        });
        assert_eq!(keyed.result, calls);
    });
    runtime.unload(set.id()).unwrap();

    let set = load(runtime, "hash_update", "look_up");
    let map = set.map::<u64, u64>("counts").unwrap();
    (0..KEYS).for_each(|key| map.set(&key, &0).unwrap());
    group.bench_function("hash_update", |bencher| {
        let (mut keyed, mut calls) = (Keyed { key: 0, result: 0 }, 0);
        bencher.iter(|| {
            calls += 1;
            keyed.key = key(calls);
            look_up(black_box(&mut keyed));
        });
        // A refused update would show in the upper half.
        assert_eq!(keyed.result, calls);
        assert_eq!(map.get(&keyed.key).unwrap(), Some(calls));
    });
    runtime.unload(set.id()).unwrap();

    let set = load(runtime, "per_thread_hash_hit", "look_up");
    let map = set.map::<u64, u64>("counts").unwrap();
    group.bench_function("per_thread_hash_hit_1k", |bencher| {
        let mut keyed = Keyed { key: 0, result: 0 };
        for key in 0..KEYS {
            keyed.key = key;
            look_up(&mut keyed);
        }
        let before: u64 = map.sums().unwrap().map(|(_, count)| count).sum();
        let mut calls = 0;
        bencher.iter(|| {
            calls += 1;
            keyed.key = key(calls);
            look_up(black_box(&mut keyed));
        });
        let after: u64 = map.sums().unwrap().map(|(_, count)| count).sum();
        assert_eq!(after - before, calls);
    });
    runtime.unload(set.id()).unwrap();
    group.finish();
}
