//! The hash map against the standard library's, and its guarantees of room.

use std::collections::HashMap as Oracle;

use jbpf_verifier::types::{MapDef, MapKind};
use proptest::prelude::*;

use super::*;

fn table(key_size: u32, value_size: u32, max_entries: u32) -> HashTable {
    let def = MapDef {
        name: "flows".to_owned(),
        kind: MapKind::Hash,
        key_size,
        value_size,
        max_entries,
        parameters: Default::default(),
        section: None,
    };
    HashTable::new(HashLayout::new(&def).unwrap(), &MapOptions::default()).unwrap()
}

/// The table with keys and values as byte strings.
struct Bytes(HashTable);

impl Bytes {
    fn update(&self, key: &[u8], value: &[u8]) -> Status {
        let (mut key, mut value) = (key.to_vec(), value.to_vec());
        assert_eq!(key.len(), self.0.layout.key_size);
        assert_eq!(value.len(), self.0.layout.value_size);
        // SAFETY: both have the sizes of the map.
        unsafe {
            self.0
                .update(key.as_mut_ptr(), value.as_mut_ptr().cast_const())
        }
    }

    fn lookup(&self, key: &[u8]) -> Option<Vec<u8>> {
        let mut key = key.to_vec();
        // SAFETY: the key has the size of the map's.
        let value = unsafe { self.0.lookup(key.as_mut_ptr()) }.unwrap();
        self.copy(value)
    }

    fn lookup_reset(&self, key: &[u8]) -> Option<Vec<u8>> {
        let mut key = key.to_vec();
        // SAFETY: the key has the size of the map's.
        let value = unsafe { self.0.lookup_reset(key.as_mut_ptr()) }.unwrap();
        self.copy(value)
    }

    fn copy(&self, value: *mut u8) -> Option<Vec<u8>> {
        if value.is_null() {
            return None;
        }
        assert!(value.addr().is_multiple_of(8));
        assert!(self.0.contains(value.addr(), self.0.layout.value_size));
        let mut copy = vec![0; self.0.layout.value_size];
        // SAFETY: the address of a whole value.
        unsafe { payload::copy(value, copy.as_mut_ptr(), copy.len()) };
        Some(copy)
    }

    fn read(&self, key: &[u8]) -> Option<Vec<u8>> {
        let mut key = key.to_vec();
        let mut copy = vec![0; self.0.layout.value_size];
        // SAFETY: both have the sizes of the map.
        unsafe { self.0.read(key.as_mut_ptr(), copy.as_mut_ptr()) }
            .unwrap()
            .then_some(copy)
    }

    fn delete(&self, key: &[u8]) -> Status {
        let mut key = key.to_vec();
        // SAFETY: the key has the size of the map's.
        unsafe { self.0.delete(key.as_mut_ptr()) }
    }

    fn dump(&self, size: usize) -> (u32, Vec<u8>) {
        let mut out = vec![0; size];
        // SAFETY: the vector has that size.
        let elements = unsafe { self.0.dump(out.as_mut_ptr(), size) }.unwrap();
        (elements, out)
    }

    fn dumped(&self) -> Oracle<Vec<u8>, Vec<u8>> {
        let element = self.0.layout.key_size + self.0.layout.value_size;
        let (elements, bytes) = self.dump(self.0.len() * element);
        let pairs: Oracle<_, _> = bytes
            .chunks_exact(element)
            .map(|pair| {
                let (key, value) = pair.split_at(self.0.layout.key_size);
                (key.to_vec(), value.to_vec())
            })
            .collect();
        assert_eq!(pairs.len(), elements as usize);
        let chains = (0..self.0.chains()).map(|chain| self.0.elements(chain).unwrap());
        assert_eq!(chains.collect::<Vec<_>>().concat(), bytes);
        pairs
    }
}

#[derive(Debug, Clone)]
enum Step {
    Update(u8, u8),
    Delete(u8),
    Lookup(u8),
    LookupReset(u8),
    Dump,
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (any::<u8>(), any::<u8>()).prop_map(|(key, value)| Step::Update(key, value)),
        5 => any::<u8>().prop_map(Step::Delete),
        3 => any::<u8>().prop_map(Step::Lookup),
        1 => any::<u8>().prop_map(Step::LookupReset),
        1 => Just(Step::Dump),
        1 => Just(Step::Clear),
    ]
}

/// A key of `size` bytes that differs from others in its last byte.
fn key_of(size: u32, number: u8) -> Vec<u8> {
    let mut key = vec![0x5a; size as usize];
    *key.last_mut().unwrap() = number;
    key
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 4 } else { 128 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn behaves_like_the_standard_map_with_a_limit(
        key_size in prop::sample::select(vec![1_u32, 3, 4, 5, 8, 12, 16, 17, 40, 512]),
        value_size in 1_u32..20,
        max_entries in 1_u32..120,
        steps in prop::collection::vec(step(), if cfg!(miri) { 1..60 } else { 1..800 }),
    ) {
        let map = Bytes(table(key_size, value_size, max_entries));
        let mut oracle: Oracle<Vec<u8>, Vec<u8>> = Oracle::new();
        for step in steps {
            match step {
                Step::Update(key, value) => {
                    let key = key_of(key_size, key);
                    let value = vec![value; value_size as usize];
                    let fits = oracle.contains_key(&key) || oracle.len() < max_entries as usize;
                    let status = map.update(&key, &value);
                    prop_assert_eq!(status, if fits { Status::Success } else { Status::Full });
                    if fits {
                        oracle.insert(key, value);
                    }
                }
                Step::Delete(key) => {
                    let key = key_of(key_size, key);
                    let there = oracle.remove(&key).is_some();
                    let status = map.delete(&key);
                    prop_assert_eq!(status, if there { Status::Success } else { Status::Error });
                }
                Step::Lookup(key) => {
                    let key = key_of(key_size, key);
                    prop_assert_eq!(map.lookup(&key), oracle.get(&key).cloned());
                    prop_assert_eq!(map.read(&key), oracle.get(&key).cloned());
                }
                Step::LookupReset(key) => {
                    let key = key_of(key_size, key);
                    if let Some(value) = oracle.get_mut(&key) {
                        value.fill(0);
                    }
                    prop_assert_eq!(map.lookup_reset(&key), oracle.get(&key).cloned());
                }
                Step::Dump => prop_assert_eq!(&map.dumped(), &oracle),
                Step::Clear => {
                    prop_assert_eq!(map.0.clear(), Status::Success);
                    oracle.clear();
                }
            }
            prop_assert_eq!(map.0.len(), oracle.len());
        }
        prop_assert_eq!(&map.dumped(), &oracle);
    }
}

#[test]
fn exactly_max_entries_fit_even_when_all_keys_meet_in_one_bucket() {
    let sizes: &[u32] = if cfg!(miri) {
        &[1, 9, 20]
    } else {
        &[1, 2, 7, 8, 9, 31, 32]
    };
    for &max_entries in sizes {
        let mut map = table(8, 8, max_entries);
        // A second factor of zero sends every key to one bucket, with one tag.
        map.let_keys_meet();
        let map = Bytes(map);
        for round in 0..if cfg!(miri) { 2 } else { 5_u64 } {
            let key = |n: u32| (u64::from(n) + round * 1000).to_ne_bytes();
            for n in 0..max_entries {
                assert_eq!(map.update(&key(n), &key(n)), Status::Success);
            }
            assert_eq!(map.update(&key(max_entries), &key(0)), Status::Full);
            assert_eq!(map.update(&key(0), &key(0)), Status::Success);
            for n in 0..max_entries {
                assert_eq!(map.lookup(&key(n)).unwrap(), key(n));
            }
            assert_eq!(map.dumped().len(), max_entries as usize);
            // Out of order, so that entries of the last bucket move all over the chain.
            for n in (0..max_entries).step_by(3).chain((0..max_entries).rev()) {
                let there = map.lookup(&key(n)).is_some();
                let expected = if there {
                    Status::Success
                } else {
                    Status::Error
                };
                assert_eq!(map.delete(&key(n)), expected);
            }
            assert!(map.0.is_empty());
        }
    }
}

#[test]
fn keys_that_meet_in_one_bucket_make_no_long_chain() {
    let places = 32;
    let mut map = table(8, 8, 4 * places);
    map.let_keys_meet();
    let map = Bytes(map);
    let key = |n: u32| u64::from(n).to_ne_bytes();
    for n in 0..places {
        assert_eq!(map.update(&key(n), &key(n)), Status::Success);
    }
    for n in places..4 * places {
        assert_eq!(map.update(&key(n), &key(n)), Status::Full);
    }
    assert_eq!(map.0.len(), places as usize);
    // Nothing of the refused ones is kept: the slots serve again, one for each that goes.
    for n in 0..4 * places {
        assert_eq!(map.update(&key(n % places), &key(n)), Status::Success);
    }
    assert_eq!(map.delete(&key(5)), Status::Success);
    assert_eq!(map.update(&key(places), &key(0)), Status::Success);
    assert_eq!(map.update(&key(places + 1), &key(0)), Status::Full);
}

#[test]
fn a_million_changes_leave_a_full_map_as_roomy_as_new() {
    let rounds: u64 = if cfg!(miri) { 20 } else { 10_000 };
    let map = Bytes(table(8, 8, 100));
    for round in 0..rounds {
        let first = round * 100;
        for n in first..first + 100 {
            assert_eq!(
                map.update(&n.to_ne_bytes(), &n.to_ne_bytes()),
                Status::Success
            );
        }
        assert_eq!(map.0.len(), 100);
        if round % 2 == 0 {
            for n in first..first + 100 {
                assert_eq!(map.delete(&n.to_ne_bytes()), Status::Success);
            }
        } else {
            assert_eq!(map.0.clear(), Status::Success);
        }
        assert!(map.0.is_empty());
    }
}

#[test]
fn a_deleted_slot_is_used_again_at_once() {
    let map = Bytes(table(4, 8, 1));
    for n in 0..100_u32 {
        assert_eq!(map.update(&n.to_ne_bytes(), &[1; 8]), Status::Success);
        assert_eq!(map.delete(&n.to_ne_bytes()), Status::Success);
    }
}

#[test]
fn a_dump_gives_nothing_unless_all_of_it_fits() {
    let map = Bytes(table(4, 3, 10));
    for n in 0..10_u32 {
        assert_eq!(map.update(&n.to_ne_bytes(), &[n as u8; 3]), Status::Success);
    }
    assert_eq!(map.dump(70).0, 10);
    assert_eq!(map.dump(69).0, 0);
    assert_eq!(map.dump(0).0, 0);
    assert_eq!(map.0.clear(), Status::Success);
    assert_eq!(map.dump(0).0, 0);
}

#[test]
fn values_are_the_only_bytes_that_codelets_may_touch() {
    let map = Bytes(table(12, 10, 3));
    let key = [7; 12];
    assert_eq!(map.update(&key, &[1; 10]), Status::Success);
    let mut bytes = key;
    // SAFETY: a key of the map's size.
    let value = unsafe { map.0.lookup(bytes.as_mut_ptr()) }.unwrap().addr();
    assert!(map.0.contains(value, 10));
    assert!(map.0.contains(value + 9, 1));
    assert!(!map.0.contains(value, 11));
    assert!(!map.0.contains(value - 1, 1), "that is the key");
    assert!(!map.0.contains(value + 10, 1), "that is padding");
    assert!(
        !map.0.contains(value + 3 * 32, 1),
        "that is behind the slots"
    );
    assert!(!map.0.contains(value, usize::MAX));
}

/// A thread that has locked a bucket and does not run any more.
#[test]
fn nobody_waits_longer_than_some_looks_for_a_bucket_and_lookups_not_at_all() {
    const MOST_LOOKS: u32 = 100;
    let map = Bytes(table(4, 4, 16));
    let key = 7_u32.to_ne_bytes();
    assert_eq!(map.update(&key, &[1; 4]), Status::Success);
    let mut bytes = key;
    // SAFETY: the array has so many bytes.
    let words = unsafe { WordsKey::<1>::load(bytes.as_mut_ptr(), bytes.len()) };
    let hash = words.hash(&map.0.layout.seed);
    let locked = map.0.index.lock(hash).unwrap();
    let looks = |what: &str, refused: &dyn Fn() -> bool| {
        let before = primitives::LOOKS.get();
        assert!(refused(), "{what} is not refused");
        let looks = primitives::LOOKS.get() - before;
        assert!(looks <= MOST_LOOKS, "{what} looks {looks} times");
        looks
    };
    let looked = looks("update", &|| map.update(&key, &[2; 4]) == Status::Busy);
    assert!(looked > 8, "a thread that runs is waited for");
    looks("delete", &|| map.delete(&key) == Status::Busy);
    looks("clear", &|| map.0.clear() == Status::Busy);
    looks("lookup_reset", &|| {
        let mut key = key;
        // SAFETY: the key has the size of the map's.
        unsafe { map.0.lookup_reset(key.as_mut_ptr()) }.is_err()
    });
    let looked = looks("lookup", &|| map.lookup(&key) == Some(vec![1; 4]));
    assert_eq!(looked, 0, "a lock is no matter of lookups");
    drop(locked);
    assert_eq!(map.update(&key, &[2; 4]), Status::Success);
}

#[test]
fn what_does_not_wait_for_a_bucket_is_counted() {
    use crate::map::{Map, Storage};

    let layout = table(4, 4, 16).layout;
    let def = MapDef {
        name: "flows".to_owned(),
        kind: MapKind::Hash,
        key_size: 4,
        value_size: 4,
        max_entries: layout.entries,
        parameters: Default::default(),
        section: None,
    };
    let map = Map::new(&def, &MapOptions::default()).unwrap();
    let Storage::Hash(own) = map.storage() else {
        panic!("a hash map");
    };
    let (mut key, mut value) = ([7_u8, 0, 0, 0], [1_u8; 4]);
    let (at, from) = (key.as_mut_ptr(), value.as_mut_ptr());
    // SAFETY: the array has so many bytes.
    let words = unsafe { WordsKey::<1>::load(at, 4) };
    let locked = own.index.lock(words.hash(&own.layout.seed)).unwrap();
    // SAFETY: key and value have the sizes of the map.
    unsafe {
        assert_eq!(map.update(at, from, 0), Status::Busy);
        assert_eq!(map.delete(at, 0), Status::Busy);
        assert!(map.lookup_reset(at, 0).is_null());
        assert!(
            map.lookup(at, 0).is_null(),
            "there is none, and nobody waits"
        );
    }
    assert_eq!(map.busy(), 3);
    drop(locked);
    // SAFETY: as above.
    assert_eq!(unsafe { map.update(at, from, 0) }, Status::Success);
    assert_eq!(map.busy(), 3);
}
