//! `threads/*`: hook calls with one thread and with two. An iteration is a call of each thread.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use jbpf::{Runtime, jbpf_hook};

use crate::channels::{CAPACITY, Record, STREAM};
use crate::hooks::Count;
use crate::maps::{KEYS, Keyed};
use crate::{load, load_with};

#[jbpf_hook]
fn threads_armed(count: &mut Count) {}

#[jbpf_hook]
fn threads_look_up(keyed: &mut Keyed) {}

/// The time in which each of `threads` threads makes `calls` calls.
fn timed(threads: u64, calls: u64, body: impl Fn(u64, u64) + Sync) -> Duration {
    let barrier = Barrier::new(threads as usize);
    std::thread::scope(|scope| {
        let run = |thread| {
            jbpf::reclaim::prepare_thread();
            barrier.wait();
            let start = Instant::now();
            body(thread, calls);
            start.elapsed()
        };
        let handles: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || run(thread)))
            .collect();
        handles
            .into_iter()
            .map(|handle| handle.join().unwrap())
            .max()
            .unwrap()
    })
}

pub fn benches(criterion: &mut Criterion, runtime: &Runtime) {
    let mut group = criterion.benchmark_group("threads");
    for threads in [1, 2] {
        group.throughput(Throughput::Elements(threads));

        let set = load(runtime, "count_region", "threads_armed");
        group.bench_function(BenchmarkId::new("armed", threads), |bencher| {
            bencher.iter_custom(|calls| {
                timed(threads, calls, |_, calls| {
                    let mut count = Count { value: 0 };
                    for _ in 0..calls {
                        threads_armed(black_box(&mut count));
                    }
                    assert_eq!(count.value, calls);
                })
            });
        });
        runtime.unload(set.id()).unwrap();

        let set = load(runtime, "count_array_shared", "threads_armed");
        let map = set.map::<u32, u64>("counts").unwrap();
        group.bench_function(BenchmarkId::new("array_same_key", threads), |bencher| {
            bencher.iter_custom(|calls| {
                let before = map.get(&0).unwrap().unwrap();
                let time = timed(threads, calls, |_, calls| {
                    let mut count = Count { value: 0 };
                    for _ in 0..calls {
                        threads_armed(black_box(&mut count));
                    }
                });
                assert_eq!(map.get(&0).unwrap().unwrap() - before, calls * threads);
                time
            });
        });
        runtime.unload(set.id()).unwrap();

        let set = load(runtime, "hash_hit", "threads_look_up");
        let map = set.map::<u64, u64>("counts").unwrap();
        (0..KEYS).for_each(|key| map.set(&key, &0).unwrap());
        group.bench_function(BenchmarkId::new("hash_hit", threads), |bencher| {
            bencher.iter_custom(|calls| {
                timed(threads, calls, |thread, calls| {
                    // Each thread has keys of its own, and many slots lie between those of two
                    // threads. A processor fetches memory ahead, and would otherwise take lines
                    // out of the other one's cache.
                    let own = KEYS / 4;
                    let first = thread * (KEYS - own);
                    let mut keyed = Keyed { key: 0, result: 0 };
                    for call in 0..calls {
                        keyed.key = first + call.wrapping_mul(0x9e37_79b9) % own;
                        threads_look_up(black_box(&mut keyed));
                    }
                    assert_eq!(keyed.result, 0);
                })
            });
        });
        runtime.unload(set.id()).unwrap();

        let set = load_with(runtime, "send", "threads_armed", |codelet| {
            codelet.output("records", STREAM)
        });
        let records = runtime.output::<Record>(STREAM).unwrap();
        group.bench_function(BenchmarkId::new("send_32", threads), |bencher| {
            // Each run fits into the ring. The drains between runs are not timed.
            bencher.iter_custom(|calls| {
                let mut time = Duration::ZERO;
                let mut left = calls;
                while left > 0 {
                    let run = left.min(CAPACITY / threads);
                    time += timed(threads, run, |_, calls| {
                        let mut count = Count { value: 0 };
                        for _ in 0..calls {
                            threads_armed(black_box(&mut count));
                        }
                    });
                    assert_eq!(records.try_iter().count() as u64, run * threads);
                    left -= run;
                }
                time
            });
        });
        drop(records);
        runtime.unload(set.id()).unwrap();
    }
    group.finish();
}
