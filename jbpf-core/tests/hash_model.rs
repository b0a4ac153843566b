//! The hash map's index under a model checker: the very source that ships, with loom's atomics,
//! buckets of two entries instead of eight, and keys and values as words of the model.
#![allow(
    unsafe_code,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::multiple_unsafe_ops_per_block,
    dead_code
)]

mod primitives {
    pub(crate) use loom::hint::spin_loop;
    pub(crate) use loom::sync::atomic::{Ordering, fence};

    pub(crate) const LANES: usize = 2;

    /// Bytes are counted in unit tests alone.
    pub(crate) mod touched {
        pub(crate) fn add(_bytes: usize) {}
    }

    pub(crate) const SPIN_LIMIT: u32 = 100;
    pub(crate) const LOOKUP_ATTEMPTS: u32 = 100;

    /// An atomic of loom's. The model may switch threads at each access.
    ///
    /// Loom 0.7 remembers one last access to an atomic. A thread that loads and then stores hides
    /// from it that another thread had loaded, too, and the model never tries the other order; all
    /// of this index works like that. A read-modify-write of a neighbour before each access brings
    /// the order back, and being relaxed it lets loads be as stale as before.
    macro_rules! modelled {
        ($name:ident, $number:ty) => {
            #[derive(Debug)]
            pub(crate) struct $name {
                neighbour: loom::sync::atomic::AtomicBool,
                value: loom::sync::atomic::$name,
            }

            impl $name {
                pub(crate) fn new(value: $number) -> Self {
                    Self {
                        neighbour: loom::sync::atomic::AtomicBool::new(false),
                        value: loom::sync::atomic::$name::new(value),
                    }
                }

                fn value(&self) -> &loom::sync::atomic::$name {
                    self.neighbour.fetch_or(false, Ordering::Relaxed);
                    &self.value
                }

                pub(crate) fn load(&self, ordering: Ordering) -> $number {
                    self.value().load(ordering)
                }

                pub(crate) fn store(&self, value: $number, ordering: Ordering) {
                    self.value().store(value, ordering);
                }

                pub(crate) fn compare_exchange(
                    &self,
                    current: $number,
                    new: $number,
                    success: Ordering,
                    failure: Ordering,
                ) -> Result<$number, $number> {
                    self.value()
                        .compare_exchange(current, new, success, failure)
                }

                pub(crate) fn compare_exchange_weak(
                    &self,
                    current: $number,
                    new: $number,
                    success: Ordering,
                    failure: Ordering,
                ) -> Result<$number, $number> {
                    self.compare_exchange(current, new, success, failure)
                }
            }
        };
    }

    modelled!(AtomicU32, u32);
    modelled!(AtomicU64, u64);
}

#[path = "../src/map/hash/cells.rs"]
mod cells;
#[path = "../src/map/hash/free_list.rs"]
mod free_list;
#[path = "../src/map/hash/index.rs"]
mod index;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::ptr::NonNull;
use std::sync::Arc;

use self::cells::Cells;
use self::index::{Bucket, Hash, Index, Walker};
use self::primitives::{AtomicU32, AtomicU64, Ordering};

/// A key of two words.
type Key = (u64, u64);

/// A map with all keys in one or two buckets, with one tag.
struct Map {
    index: Index,
    /// Key and value of each slot.
    slots: Vec<[AtomicU64; 3]>,
}

fn cells<T>(values: impl Iterator<Item = T>) -> Cells<T> {
    let leaked = Box::leak(values.collect::<Box<[T]>>());
    let len = u32::try_from(leaked.len()).unwrap();
    // SAFETY: leaked, so it lives for ever.
    unsafe { Cells::new(NonNull::new(leaked.as_mut_ptr()).unwrap(), len) }
}

/// Two homes by the size of the first word; one tag.
fn hash((first, _): Key) -> Hash {
    Hash(0x4200_0000_0000_0000 + first / 100)
}

impl Map {
    fn new(entries: usize) -> Self {
        Self::with_homes(1, entries)
    }

    fn with_homes(homes: u32, entries: usize) -> Self {
        let overflow = entries / primitives::LANES;
        let links = |count| cells((0..count).map(|_| AtomicU32::new(0)));
        Self {
            index: Index::new(
                cells((0..overflow + homes as usize).map(|_| Bucket::new())),
                homes,
                links(overflow),
                links(entries),
            ),
            slots: (0..entries)
                .map(|_| std::array::from_fn(|_| AtomicU64::new(0)))
                .collect(),
        }
    }

    fn holds(&self, key: Key) -> impl Fn(u32) -> bool {
        move |slot| self.key(slot) == key
    }

    fn key(&self, slot: u32) -> Key {
        let [first, second, _] = &self.slots[slot as usize];
        (
            first.load(Ordering::Relaxed),
            second.load(Ordering::Relaxed),
        )
    }

    fn find(&self, key: Key) -> Option<u32> {
        self.index.find(hash(key), self.holds(key)).unwrap()
    }

    fn value(&self, slot: u32) -> u64 {
        self.slots[slot as usize][2].load(Ordering::Relaxed)
    }

    /// As the map's update; false when it is full.
    fn update(&self, key: Key, value: u64) -> bool {
        let locked = self.index.lock(hash(key)).unwrap();
        if let Some(place) = locked.find(self.holds(key)) {
            self.slots[place.slot as usize][2].store(value, Ordering::Relaxed);
            return true;
        }
        let Some(slot) = self.index.take_slot() else {
            return false;
        };
        let words = &self.slots[slot as usize];
        words[0].store(key.0, Ordering::Relaxed);
        words[1].store(key.1, Ordering::Relaxed);
        words[2].store(value, Ordering::Relaxed);
        locked.insert(slot).unwrap();
        true
    }

    /// As the map's delete.
    fn delete(&self, key: Key) -> bool {
        let locked = self.index.lock(hash(key)).unwrap();
        let Some(place) = locked.find(self.holds(key)) else {
            return false;
        };
        locked.remove(place);
        drop(locked);
        self.index.release_slot(place.slot);
        true
    }

    /// How often a walk shows each key.
    fn walk(&self) -> BTreeMap<Key, usize> {
        struct Shown<'a>(&'a Map, BTreeMap<Key, usize>);
        impl Walker for Shown<'_> {
            fn begin(&mut self) {
                self.1.clear();
            }
            fn slot(&mut self, slot: u32) -> ControlFlow<()> {
                *self.1.entry(self.0.key(slot)).or_default() += 1;
                ControlFlow::Continue(())
            }
        }
        let mut shown = Shown(self, BTreeMap::new());
        assert!(self.index.walk(0, &mut shown).unwrap().is_continue());
        shown.1
    }
}

fn model(preemptions: usize, run: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 50_000;
    builder.check(run);
}

const A: Key = (1, 1);
const B: Key = (2, 2);
const C: Key = (3, 3);
const D: Key = (4, 4);
/// Keys of another home.
const E: Key = (101, 1);
const F: Key = (102, 2);
const G: Key = (103, 3);

#[test]
fn a_lookup_never_finds_a_key_made_of_two() {
    model(2, || {
        let map = Arc::new(Map::new(1));
        assert!(map.update(A, 10));
        let writer = loom::thread::spawn({
            let map = Arc::clone(&map);
            move || {
                assert!(map.delete(A));
                assert!(map.update(B, 20));
            }
        });
        assert_eq!(map.find((1, 2)), None);
        assert_eq!(map.find((2, 1)), None);
        if let Some(slot) = map.find(B) {
            assert_eq!(map.value(slot), 20, "published before its value");
        }
        writer.join().unwrap();
        assert_eq!(map.find(A), None);
        assert!(map.find(B).is_some());
    });
}

#[test]
fn a_key_once_gone_does_not_come_back() {
    model(2, || {
        let map = Arc::new(Map::new(2));
        assert!(map.update(A, 10));
        let writer = loom::thread::spawn({
            let map = Arc::clone(&map);
            move || {
                assert!(map.delete(A));
                assert!(map.update(B, 20));
            }
        });
        let first = map.find(A).is_some();
        let second = map.find(A).is_some();
        assert!(first || !second);
        let first = map.find(B).is_some();
        let second = map.find(B).is_some();
        assert!(!first || second, "found, and not found later");
        writer.join().unwrap();
    });
}

#[test]
fn a_key_that_stays_is_found_while_it_moves() {
    model(2, || {
        let map = Arc::new(Map::new(3));
        for (key, value) in [(A, 10), (B, 20), (C, 30)] {
            assert!(map.update(key, value));
        }
        let (slot_b, slot_c) = (map.find(B).unwrap(), map.find(C).unwrap());
        let writer = loom::thread::spawn({
            let map = Arc::clone(&map);
            move || {
                // C moves from the overflow bucket into the home.
                assert!(map.delete(A));
            }
        });
        assert_eq!(map.find(C), Some(slot_c));
        assert_eq!(map.find(B), Some(slot_b));
        writer.join().unwrap();
        assert_eq!(map.find(C), Some(slot_c));
    });
}

#[test]
fn a_key_that_stays_is_found_while_overflow_buckets_change_hands() {
    model(2, || {
        let map = Arc::new(Map::with_homes(2, 6));
        for key in [A, B, C, E, F] {
            assert!(map.update(key, key.0 * 10));
        }
        let slot_c = map.find(C).unwrap();
        let writer = loom::thread::spawn({
            let map = Arc::clone(&map);
            move || {
                // C moves home, and its overflow bucket goes to the chain of E and F.
                assert!(map.delete(A));
                assert!(map.update(G, 70));
            }
        });
        assert_eq!(map.find(C), Some(slot_c));
        writer.join().unwrap();
        assert_eq!(map.value(map.find(G).unwrap()), 70);
    });
}

#[test]
fn a_walk_shows_what_stays_exactly_once() {
    model(2, || {
        let map = Arc::new(Map::new(3));
        for (key, value) in [(A, 10), (B, 20), (C, 30)] {
            assert!(map.update(key, value));
        }
        let writer = loom::thread::spawn({
            let map = Arc::clone(&map);
            move || {
                assert!(map.delete(A));
                assert!(map.update(D, 40));
            }
        });
        let shown = map.walk();
        assert_eq!((shown.get(&B), shown.get(&C)), (Some(&1), Some(&1)));
        assert!(shown.values().all(|times| *times == 1));
        assert!(shown.keys().all(|key| [A, B, C, D].contains(key)));
        writer.join().unwrap();
    });
}

#[test]
fn two_writers_share_the_last_slots() {
    model(2, || {
        let map = Arc::new(Map::new(2));
        let writer = loom::thread::spawn({
            let map = Arc::clone(&map);
            move || map.update(A, 10) && map.delete(A) && map.update(C, 30)
        });
        assert!(map.update(B, 20));
        assert!(writer.join().unwrap(), "there was room for both");
        assert_eq!(map.index.len(), 2);
        let (b, c) = (map.find(B).unwrap(), map.find(C).unwrap());
        assert_ne!(b, c);
        assert_eq!((map.value(b), map.value(c)), (20, 30));
        assert!(!map.update(D, 40));
    });
}

#[test]
fn slots_are_given_to_one_taker_at_a_time() {
    model(2, || {
        let map = Arc::new(Map::new(3));
        let taker = loom::thread::spawn({
            let map = Arc::clone(&map);
            move || {
                let first = map.index.take_slot().unwrap();
                map.index.release_slot(first);
                map.index.take_slot().unwrap()
            }
        });
        let (first, second) = (map.index.take_slot(), map.index.take_slot());
        let theirs = taker.join().unwrap();
        let mut taken: Vec<_> = [first, second]
            .into_iter()
            .flatten()
            .chain([theirs])
            .collect();
        while let Some(slot) = map.index.take_slot() {
            taken.push(slot);
        }
        taken.sort_unstable();
        assert_eq!(taken, [0, 1, 2]);
    });
}

#[test]
fn a_clear_and_an_insert_leave_nothing_half_done() {
    model(2, || {
        let map = Arc::new(Map::new(3));
        for (key, value) in [(A, 10), (B, 20), (C, 30)] {
            assert!(map.update(key, value));
        }
        let clearer = loom::thread::spawn({
            let map = Arc::clone(&map);
            move || map.index.clear().unwrap()
        });
        let inserted = map.update(D, 40);
        if let Some(slot) = map.find(D) {
            assert_eq!(map.value(slot), 40);
        }
        clearer.join().unwrap();
        let left = map.walk();
        assert!(left.keys().all(|key| *key == D && inserted));
        assert_eq!(left.len(), map.index.len());
        for key in [A, B, C] {
            assert!(map.update(key, 1) || left.len() == 1, "a slot was lost");
        }
    });
}
