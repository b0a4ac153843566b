//! Maps under threads that share keys: known totals, and nothing lost.
#![allow(
    unsafe_code,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::multiple_unsafe_ops_per_block
)]

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use jbpf_core::map::{Map, MapOptions, MapView, Status, Storage};
use jbpf_hooks::reclaim;
use jbpf_verifier::types::{MapDef, MapKind};

const THREADS: u64 = 8;
/// How often each thread does its thing.
const ROUNDS: u64 = if cfg!(debug_assertions) {
    20_000
} else {
    200_000
};

fn map(kind: MapKind, key_size: u32, value_size: u32, max_entries: u32) -> Arc<Map> {
    let def = MapDef {
        name: "shared".to_owned(),
        kind,
        key_size,
        value_size,
        max_entries,
        parameters: Default::default(),
        section: None,
    };
    Arc::new(Map::new(&def, &MapOptions::default()).unwrap())
}

fn lookup<K>(map: &Map, mut key: K, slot: u32) -> Option<&AtomicU64> {
    assert!(size_of::<K>() == map.def().key_size as usize && map.def().value_size >= 8);
    // SAFETY: the key has the size of the map's.
    let value = unsafe { map.lookup(std::ptr::from_mut(&mut key).cast(), slot) };
    // SAFETY: the first word of a value, aligned, and living as long as the map.
    (!value.is_null()).then(|| unsafe { AtomicU64::from_ptr(value.cast()) })
}

fn update<K, V>(map: &Map, mut key: K, mut value: V) -> Status {
    assert_eq!(size_of::<K>(), map.def().key_size as usize);
    assert_eq!(size_of::<V>(), map.def().value_size as usize);
    // SAFETY: key and value have the sizes of the map.
    patiently(|| unsafe {
        map.update(
            std::ptr::from_mut(&mut key).cast(),
            std::ptr::from_mut(&mut value).cast(),
            0,
        )
    })
}

/// Tries again while a thread that does not run has the bucket.
fn patiently(mut attempt: impl FnMut() -> Status) -> Status {
    loop {
        match attempt() {
            Status::Busy => thread::yield_now(),
            status => return status,
        }
    }
}

fn delete<K>(map: &Map, mut key: K) -> Status {
    assert_eq!(size_of::<K>(), map.def().key_size as usize);
    // SAFETY: the key has the size of the map's.
    patiently(|| unsafe { map.delete(std::ptr::from_mut(&mut key).cast(), 0) })
}

/// Sets the flag when it is dropped, on unwinding too: a thread that waits for it does not wait
/// for ever.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Runs `work` on all threads, with their numbers.
fn on_threads(work: impl Fn(u64) + Sync) {
    thread::scope(|scope| {
        for number in 0..THREADS {
            let work = &work;
            scope.spawn(move || work(number));
        }
    });
}

#[test]
fn atomic_counts_in_values_that_threads_share_add_up() {
    for kind in [MapKind::Array, MapKind::Hash] {
        let map = map(kind, 4, 8, 4);
        for key in 0..4_u32 {
            assert_eq!(update(&map, key, 0_u64), Status::Success);
        }
        on_threads(|_| {
            for round in 0..ROUNDS {
                let key = (round % 4) as u32;
                lookup(&map, key, 0)
                    .unwrap()
                    .fetch_add(1, Ordering::Relaxed);
            }
        });
        let view = MapView::<u32, u64>::new(map).unwrap();
        for key in 0..4 {
            assert_eq!(
                view.get(&key).unwrap(),
                Some(THREADS * ROUNDS / 4),
                "{kind:?}"
            );
        }
    }
}

#[test]
fn plain_counts_in_a_threads_own_copy_add_up() {
    for kind in [MapKind::PerThreadArray, MapKind::PerThreadHash] {
        let map = map(kind, 4, 8, 4);
        let view = MapView::<u32, u64>::new(Arc::clone(&map)).unwrap();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut last = 0;
                while !done.load(Ordering::Relaxed) {
                    let sum = view.sum(&1).unwrap();
                    assert!(sum >= last, "{kind:?}: a sum fell from {last} to {sum}");
                    last = sum;
                    thread::yield_now();
                }
            });
            let _done = Done(&done);
            on_threads(|_| {
                reclaim::with_record(|thread| {
                    let slot = thread.slot();
                    for round in 0..ROUNDS {
                        let mut key = 1_u32;
                        let count = match lookup(&map, key, slot) {
                            Some(count) => count,
                            None => {
                                let mut zero = 0_u64;
                                // SAFETY: key and value have the sizes of the map.
                                let status = unsafe {
                                    map.update(
                                        std::ptr::from_mut(&mut key).cast(),
                                        std::ptr::from_mut(&mut zero).cast(),
                                        slot,
                                    )
                                };
                                assert_eq!((status, round), (Status::Success, 0));
                                lookup(&map, key, slot).unwrap()
                            }
                        };
                        // Nobody else writes it: no read-modify-write is needed.
                        count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
                    }
                })
                .unwrap();
            });
        });
        assert_eq!(view.sum(&1).unwrap(), THREADS * ROUNDS, "{kind:?}");
    }
}

#[test]
fn no_update_is_lost_or_refused_for_being_busy() {
    // Every thread writes its own keys, all of them in a map with few buckets.
    let map = map(MapKind::Hash, 8, 8, 64);
    on_threads(|thread| {
        for round in 0..ROUNDS {
            let key = thread * 8 + round % 8;
            assert_eq!(update(&map, key, round), Status::Success);
        }
    });
    let view = MapView::<u64, u64>::new(map).unwrap();
    assert_eq!(view.len(), 64);
    for thread in 0..THREADS {
        for rest in 0..8 {
            let last = (0..ROUNDS).rev().find(|round| round % 8 == rest);
            assert_eq!(view.get(&(thread * 8 + rest)).unwrap(), last);
        }
    }
}

#[test]
fn inserts_and_deletes_of_threads_end_where_they_began() {
    let map = map(MapKind::Hash, 8, 8, 128);
    on_threads(|thread| {
        for round in 0..ROUNDS / 16 {
            let keys = (0..16).map(|n| thread << 32 | round << 8 | n);
            for key in keys.clone() {
                assert_eq!(
                    update(&map, key, key),
                    Status::Success,
                    "there are slots for all"
                );
            }
            for key in keys.clone() {
                assert_eq!(lookup(&map, key, 0).unwrap().load(Ordering::Relaxed), key);
            }
            for key in keys {
                assert_eq!(delete(&map, key), Status::Success);
                assert!(lookup(&map, key, 0).is_none());
            }
        }
    });
    let view = MapView::<u64, u64>::new(Arc::clone(&map)).unwrap();
    assert!(view.is_empty());
    for key in 0..128_u64 {
        assert_eq!(update(&map, key, key), Status::Success, "no slot was lost");
    }
    assert_eq!(update(&map, 128_u64, 0_u64), Status::Full);
}

#[test]
fn of_many_that_insert_one_key_nobody_makes_a_second_element() {
    let map = map(MapKind::Hash, 8, 8, 32);
    on_threads(|thread| {
        for round in 0..ROUNDS / 4 {
            let key = round % 16;
            match thread % 2 {
                0 => assert_eq!(update(&map, key, key), Status::Success),
                _ => _ = delete(&map, key),
            }
        }
    });
    let view = MapView::<u64, u64>::new(map).unwrap();
    let keys: Vec<u64> = view.iter().unwrap().map(|(key, _)| key).collect();
    let distinct: HashSet<u64> = keys.iter().copied().collect();
    assert_eq!(distinct.len(), keys.len());
    assert_eq!(view.len(), keys.len());
}

/// Three words that belong together: the key, and two of its making.
fn value_of(key: u64, version: u64) -> [u64; 3] {
    [key, version, key.wrapping_mul(31)]
}

#[test]
fn a_read_never_gives_the_value_of_another_key() {
    let map = map(MapKind::Hash, 16, 24, 24);
    let key = |n: u64| [n, n.wrapping_mul(0x9e37_79b9)];
    // Four keys stay; the others come and go all the time, in the same few buckets.
    for n in 0..4 {
        assert_eq!(update(&map, key(n), value_of(n, 0)), Status::Success);
    }
    let done = AtomicBool::new(false);
    let view = MapView::<[u64; 2], [u64; 3]>::new(Arc::clone(&map)).unwrap();
    thread::scope(|scope| {
        for reader in 0..4 {
            let (view, done) = (&view, &done);
            scope.spawn(move || {
                let mut n = reader;
                while !done.load(Ordering::Relaxed) {
                    n = (n + 1) % 40;
                    let found = view.get(&key(n)).unwrap();
                    assert!(found.is_some() || n >= 4, "{n} was there all the while");
                    if let Some([of, _, made]) = found {
                        assert_eq!((of, made), (n, n.wrapping_mul(31)));
                    }
                    // Made of two keys: never inserted.
                    assert_eq!(view.get(&[key(n)[0], key(n + 1)[1]]).unwrap(), None);
                }
            });
        }
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let elements: Vec<_> = view.iter().unwrap().collect();
                let distinct: HashSet<u64> = elements.iter().map(|(key, _)| key[0]).collect();
                assert!((0..4).all(|n| distinct.contains(&n)));
                for n in 0..4 {
                    let times = elements.iter().filter(|(key, _)| key[0] == n).count();
                    assert_eq!(times, 1, "{n} was there once all the while");
                }
                for ([of, _], value) in elements {
                    assert_eq!((value[0], value[2]), (of, of.wrapping_mul(31)));
                }
            }
        });
        let _done = Done(&done);
        thread::scope(|writers| {
            for writer in 0..4_u64 {
                let map = &map;
                writers.spawn(move || {
                    for round in 0..ROUNDS {
                        let n = 4 + writer * 9 + round % 9;
                        let status = update(map, key(n), value_of(n, round));
                        assert!(matches!(status, Status::Success | Status::Full));
                        assert_eq!(
                            update(map, key(writer), value_of(writer, round)),
                            Status::Success
                        );
                        if status == Status::Success {
                            assert_eq!(delete(map, key(n)), Status::Success);
                        }
                    }
                });
            }
        });
    });
    assert_eq!(view.len(), 4);
}

#[test]
fn clearing_and_dumping_meet_inserts_without_losing_a_slot() {
    let map = map(MapKind::Hash, 8, 8, 64);
    on_threads(|thread| {
        let mut buffer = vec![0_u64; 2 * 64];
        for round in 0..ROUNDS / 50 {
            match thread {
                0 => assert_eq!(patiently(|| map.clear(0)), Status::Success),
                1 => {
                    // SAFETY: the buffer has 1024 bytes.
                    let elements = unsafe { map.dump(buffer.as_mut_ptr().cast(), 1024, 0) };
                    let Ok(elements) = elements else {
                        assert_eq!(elements, Err(Status::Busy));
                        continue;
                    };
                    assert!(elements <= 64);
                    let mut keys = HashSet::new();
                    for [key, value] in buffer.as_chunks::<2>().0.iter().take(elements as usize) {
                        assert_eq!(key, value);
                        keys.insert(key);
                    }
                    assert_eq!(keys.len(), elements as usize, "a key twice");
                }
                _ => {
                    for n in 0..10 {
                        let key = (thread * 1000 + round * 10 + n) % 500;
                        update(&map, key, key);
                    }
                }
            }
        }
    });
    assert_eq!(map.clear(0), Status::Success);
    for key in 0..64_u64 {
        assert_eq!(update(&map, key, key), Status::Success, "no slot was lost");
    }
}

#[test]
fn output_records_of_threads_are_received_or_counted_as_dropped() {
    let map = map(MapKind::Output, 0, 16, 64);
    let Storage::Output(output) = map.storage() else {
        panic!("{map:?}");
    };
    let ring = output.ring();
    let reader = ring.primary().unwrap();
    let done = AtomicBool::new(false);
    let (sent, full) = (AtomicU64::new(0), AtomicU64::new(0));
    let received = thread::scope(|scope| {
        let receiver = scope.spawn({
            let done = &done;
            move || {
                let mut received = 0;
                let mut record = [0_u8; 16];
                loop {
                    let stop = done.load(Ordering::Acquire);
                    while reader.try_recv(&mut record).is_some() {
                        let (first, second) = record.split_at(8);
                        assert_eq!(first, second, "filled by one thread");
                        received += 1;
                    }
                    if stop {
                        return received;
                    }
                    thread::yield_now();
                }
            }
        });
        let finished = Done(&done);
        on_threads(|number| {
            reclaim::with_record(|thread| {
                for round in 0..ROUNDS / 4 {
                    let buffer = ring.reserve(thread.slot()).cast::<u64>();
                    if buffer.is_null() {
                        full.fetch_add(1, Ordering::Relaxed);
                        continue;
                    }
                    // SAFETY: this thread's buffer of sixteen bytes, aligned to 8.
                    unsafe {
                        buffer.write(number << 32 | round);
                        buffer.add(1).write(number << 32 | round);
                    }
                    match ring.commit(thread.slot()) {
                        Ok(()) => sent.fetch_add(1, Ordering::Relaxed),
                        Err(_) => full.fetch_add(1, Ordering::Relaxed),
                    };
                }
            })
            .unwrap();
        });
        drop(finished);
        receiver.join().unwrap()
    });
    let (sent, full) = (sent.into_inner(), full.into_inner());
    assert_eq!(sent + full, THREADS * (ROUNDS / 4));
    assert_eq!(received, sent);
    assert_eq!(ring.dropped(), full);
}
