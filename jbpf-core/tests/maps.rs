//! Maps as the application sees them: the definitions that make a map, and the contents by bytes
//! and types.
#![allow(
    unsafe_code,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::multiple_unsafe_ops_per_block
)]

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use jbpf_core::map::{
    AccessError, Map, MapError, MapOptions, MapView, MemoryBudget, PagesError, Storage,
};
use jbpf_hooks::helper::{MapError as OperationError, MapRef};
use jbpf_hooks::reclaim;
use jbpf_verifier::types::{DataSection, MapDef, MapKind};

fn def(kind: MapKind, key_size: u32, value_size: u32, max_entries: u32) -> MapDef {
    MapDef {
        name: "flows".to_owned(),
        kind,
        key_size,
        value_size,
        max_entries,
        parameters: Default::default(),
        section: None,
    }
}

fn make(def: &MapDef) -> Result<Map, MapError> {
    Map::new(def, &MapOptions::default())
}

fn view<K, V>(kind: MapKind, max_entries: u32) -> MapView<K, V>
where
    K: jbpf_core::map::MapKey,
    V: jbpf_core::map::MapValue,
{
    let def = def(
        kind,
        u32::try_from(size_of::<K>()).unwrap(),
        u32::try_from(size_of::<V>()).unwrap(),
        max_entries,
    );
    MapView::new(Arc::new(make(&def).unwrap())).unwrap()
}

#[test]
fn a_definition_that_breaks_a_limit_is_refused_with_map_and_field() {
    use MapKind::{
        Application, Array, ControlInput, Hash, Output, PerThreadArray, PerThreadHash, RingBuf,
    };
    let cases: &[(MapDef, &str)] = &[
        (def(Array, 4, 0, 1), "map `flows`: value_size is 0"),
        (def(Array, 4, 8, 0), "map `flows`: max_entries is 0"),
        (
            def(Array, 3, 8, 1),
            "map `flows`: key_size is 3, and an array's key holds an index of 4 bytes",
        ),
        (
            def(Array, 0, 8, 1),
            "map `flows`: key_size is 0, and an array's key holds an index of 4 bytes",
        ),
        (
            def(PerThreadArray, 2, 8, 1),
            "map `flows`: key_size is 2, and an array's key holds an index of 4 bytes",
        ),
        (def(Hash, 0, 8, 1), "map `flows`: key_size is 0"),
        (def(Hash, 4, 0, 1), "map `flows`: value_size is 0"),
        (def(Hash, 4, 8, 0), "map `flows`: max_entries is 0"),
        (def(PerThreadHash, 0, 8, 1), "map `flows`: key_size is 0"),
        (
            def(Hash, 513, 8, 1),
            "map `flows`: key_size is 513, and at most 512 is allowed",
        ),
        (
            def(Hash, 4, 8, u32::MAX),
            "map `flows`: max_entries is 4294967295, and at most 268435456 is allowed",
        ),
        (
            def(PerThreadHash, 4, 8, (1 << 28) + 1),
            "map `flows`: max_entries is 268435457, and at most 268435456 is allowed",
        ),
        (
            def(Array, 4, u32::MAX, u32::MAX),
            "map `flows`: max_entries 4294967295 times value_size 4294967295 is more memory than there can be",
        ),
        (
            def(PerThreadArray, 4, u32::MAX, u32::MAX),
            "map `flows`: max_entries 4294967295 times value_size 4294967295 is more memory than there can be",
        ),
        (def(RingBuf, 0, 0, 1), "map `flows`: value_size is 0"),
        (def(Output, 0, 8, 0), "map `flows`: max_entries is 0"),
        (def(ControlInput, 0, 8, 0), "map `flows`: max_entries is 0"),
        (
            def(Application(16), 4, 8, 1),
            "map `flows`: nobody provides maps of type 16",
        ),
    ];
    for (def, message) in cases {
        assert_eq!(make(def).unwrap_err().to_string(), *message, "{def:?}");
    }
    for kind in [RingBuf, ControlInput, Output] {
        let error = make(&def(kind, 0, u32::MAX, u32::MAX))
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("map `flows`: "), "{error}");
    }
}

#[test]
fn sizes_at_the_limit_are_accepted() {
    for (kind, key_size) in [
        (MapKind::Array, 4),
        (MapKind::Hash, 1),
        (MapKind::Hash, 512),
        (MapKind::PerThreadArray, 4),
        (MapKind::PerThreadHash, 512),
        (MapKind::RingBuf, 0),
        (MapKind::ControlInput, 0),
        (MapKind::Output, 0),
    ] {
        let map = make(&def(kind, key_size, 1, 1)).unwrap();
        assert_eq!(map.def().kind, kind);
    }
}

#[test]
fn a_map_beyond_the_budget_is_refused_and_gives_back_what_it_took() {
    let budget = MemoryBudget::new(1 << 20);
    let mut options = MapOptions::default();
    options.budget = Some(Arc::clone(&budget));
    for kind in [
        MapKind::Array,
        MapKind::Hash,
        MapKind::RingBuf,
        MapKind::ControlInput,
        MapKind::Output,
    ] {
        let key_size = if kind.is_channel() { 0 } else { 4 };
        let error = Map::new(&def(kind, key_size, 64, 1 << 20), &options).unwrap_err();
        assert!(
            matches!(
                &error,
                MapError::Memory { map, source: PagesError::OverBudget { limit, .. } }
                    if map == "flows" && *limit == 1 << 20
            ),
            "{kind:?}: {error}"
        );
        assert_eq!(budget.used(), 0);
        let map = Map::new(&def(kind, key_size, 64, 16), &options).unwrap();
        assert_eq!(budget.used(), map.memory(), "{kind:?}");
        assert!(map.memory() >= 64 * 16);
        drop(map);
        assert_eq!(budget.used(), 0, "{kind:?}");
    }
}

#[test]
fn a_copy_beyond_the_budget_is_not_there_and_nothing_breaks() {
    let budget = MemoryBudget::new(8192);
    let mut options = MapOptions::default();
    options.budget = Some(Arc::clone(&budget));
    let map = Map::new(&def(MapKind::PerThreadArray, 4, 4096, 1), &options);
    // Threads of other tests may have taken slots: then not even the map can be made.
    let Ok(map) = map else { return };
    let first_new = reclaim::slots();
    let mut key = 0_u32;
    let address = std::ptr::from_mut(&mut key).cast::<u8>();
    let mut found = 0;
    for slot in first_new..first_new + 4 {
        // The tests of other threads may have prepared it, and so may this one.
        let prepared = map.prepare(slot).is_ok();
        // SAFETY: a key of four bytes.
        let value = unsafe { map.lookup(address, slot) };
        found += usize::from(!value.is_null());
        assert_eq!(prepared, !value.is_null());
    }
    assert!(found <= 2);
    assert!(budget.used() <= budget.limit());
}

#[test]
fn locked_memory_is_had_or_refused_with_what_to_do() {
    let mut options = MapOptions::default();
    options.lock_memory = true;
    if let Err(error) = Map::new(&def(MapKind::Array, 4, 8, 16), &options) {
        assert!(error.to_string().contains("RLIMIT_MEMLOCK"), "{error}");
    }
}

#[test]
fn huge_pages_are_had_or_refused_with_what_to_do() {
    let mut options = MapOptions::default();
    options.huge_pages = true;
    let small = Map::new(&def(MapKind::Array, 4, 8, 16), &options).unwrap();
    assert_eq!(small.memory(), 4096, "no huge page for a small map");
    match Map::new(&def(MapKind::Array, 4, 8, 1 << 20), &options) {
        Ok(map) => {
            let mut value = [1; 8];
            assert!(map.get(&[0xff, 0xff, 0xf, 0], &mut value).unwrap());
            assert_eq!(value, [0; 8]);
        }
        Err(error) => assert!(error.to_string().contains("huge_pages"), "{error}"),
    }
}

fn section(contents: &[u8], read_only: bool) -> MapDef {
    MapDef {
        name: ".data".to_owned(),
        parameters: Default::default(),
        section: Some(DataSection {
            contents: contents.into(),
            read_only,
        }),
        ..def(MapKind::Array, 4, u32::try_from(contents.len()).unwrap(), 1)
    }
}

#[test]
fn a_data_section_starts_with_its_contents() {
    let contents: Vec<u8> = (0..200).collect();
    let map = make(&section(&contents, false)).unwrap();
    let mut value = vec![0; 200];
    assert!(map.get(&[0; 4], &mut value).unwrap());
    assert_eq!(value, contents);
    value.fill(9);
    map.set(&[0; 4], &value).unwrap();
    let mut again = vec![0; 200];
    assert!(map.get(&[0; 4], &mut again).unwrap());
    assert_eq!(again, value);
}

#[test]
fn constants_are_never_written() {
    let map = make(&section(b"constant", true)).unwrap();
    let read_only = AccessError::ReadOnly {
        map: ".data".to_owned(),
    };
    assert_eq!(map.set(&[0; 4], &[0; 8]).unwrap_err(), read_only);
    assert_eq!(map.clear_all().unwrap_err(), read_only);
    let mut key = 0_u32;
    let key = std::ptr::from_mut(&mut key).cast::<u8>();
    let mut value = 0_u64;
    let value = std::ptr::from_mut(&mut value).cast::<u8>();
    // SAFETY: a key of four bytes and a value of eight.
    unsafe {
        assert!(!map.lookup(key, 0).is_null());
        assert!(map.lookup_reset(key, 0).is_null());
        assert_ne!(map.update(key, value, 0) as i32, 0);
    }
    assert_ne!(map.clear(0) as i32, 0);
    let mut bytes = [0; 8];
    assert!(map.get(&[0; 4], &mut bytes).unwrap());
    assert_eq!(&bytes, b"constant");
}

#[test]
fn only_an_array_of_one_entry_can_be_a_section() {
    let good = section(b"12345678", false);
    let hash = MapDef {
        kind: MapKind::Hash,
        ..good.clone()
    };
    let two = MapDef {
        max_entries: 2,
        ..good.clone()
    };
    let longer = MapDef {
        value_size: 9,
        ..good
    };
    assert!(matches!(make(&hash), Err(MapError::NoSection { .. })));
    assert!(matches!(make(&two), Err(MapError::NoSection { .. })));
    assert_eq!(
        make(&longer).unwrap_err().to_string(),
        "map `.data`: its contents are 8 bytes and its value_size is 9"
    );
}

#[test]
fn an_array_is_read_and_set_by_type() {
    let view = view::<u32, [u16; 3]>(MapKind::Array, 4);
    assert_eq!(view.get(&3).unwrap(), Some([0; 3]));
    view.set(&3, &[1, 2, 3]).unwrap();
    assert_eq!(view.get(&3).unwrap(), Some([1, 2, 3]));
    let out_of_range = AccessError::OutOfRange {
        map: "flows".to_owned(),
        index: 4,
        max_entries: 4,
    };
    assert_eq!(view.get(&4).unwrap_err(), out_of_range);
    assert_eq!(view.set(&4, &[0; 3]).unwrap_err(), out_of_range);
    assert!(matches!(
        view.remove(&3),
        Err(AccessError::Unsupported { .. })
    ));
    assert_eq!(view.len(), 4);
    let all: Vec<_> = view.iter().unwrap().collect();
    assert_eq!(all, [(0, [0; 3]), (1, [0; 3]), (2, [0; 3]), (3, [1, 2, 3])]);
    view.clear().unwrap();
    assert_eq!(view.get(&3).unwrap(), Some([0; 3]));
}

#[test]
fn a_hash_map_is_read_and_set_by_type() {
    let view = view::<[u8; 6], u64>(MapKind::Hash, 3);
    assert!(view.is_empty());
    assert_eq!(view.get(&[1; 6]).unwrap(), None);
    for n in 1..=3 {
        view.set(&[n; 6], &u64::from(n)).unwrap();
    }
    assert_eq!(
        view.set(&[4; 6], &4).unwrap_err(),
        AccessError::Full {
            map: "flows".to_owned(),
            max_entries: 3
        }
    );
    view.set(&[3; 6], &33).unwrap();
    let all: HashMap<_, _> = view.iter().unwrap().collect();
    assert_eq!(all, HashMap::from([([1; 6], 1), ([2; 6], 2), ([3; 6], 33)]));
    assert!(view.remove(&[2; 6]).unwrap());
    assert!(!view.remove(&[2; 6]).unwrap());
    assert_eq!(view.get(&[2; 6]).unwrap(), None);
    assert_eq!((view.len(), view.sum(&[3; 6]).unwrap()), (2, 33));
    view.clear().unwrap();
    assert!(view.is_empty());
}

#[test]
fn a_view_has_the_types_of_its_map() {
    let map = Arc::new(make(&def(MapKind::Hash, 4, 8, 1)).unwrap());
    assert_eq!(
        MapView::<u64, u64>::new(Arc::clone(&map))
            .unwrap_err()
            .to_string(),
        "map `flows` has keys of 4 bytes, and 8 were given"
    );
    assert_eq!(
        MapView::<u32, u16>::new(Arc::clone(&map))
            .unwrap_err()
            .to_string(),
        "map `flows` has values of 8 bytes, and 2 were given"
    );
    assert!(matches!(
        map.get(&[0; 5], &mut [0; 8]),
        Err(AccessError::KeySize {
            expected: 4,
            given: 5,
            ..
        })
    ));
    let channel = Arc::new(make(&def(MapKind::RingBuf, 0, 8, 4)).unwrap());
    assert!(matches!(
        MapView::<[u8; 0], u64>::new(channel),
        Err(AccessError::Unsupported { .. })
    ));
}

#[test]
fn copies_of_threads_are_seen_one_by_one_and_as_sums() {
    for kind in [MapKind::PerThreadArray, MapKind::PerThreadHash] {
        let def = def(kind, 4, 8, 4);
        let map = Arc::new(make(&def).unwrap());
        let view = MapView::<u32, u64>::new(Arc::clone(&map)).unwrap();
        // Slots as four threads would have them.
        for slot in 0..4 {
            map.prepare(slot).unwrap();
            let (mut key, mut value) = (2_u32, u64::from(slot) + 1);
            // SAFETY: a key and a value of the map's sizes.
            let status = unsafe {
                map.update(
                    std::ptr::from_mut(&mut key).cast(),
                    std::ptr::from_mut(&mut value).cast(),
                    slot,
                )
            };
            assert_eq!(status as i32, 0);
        }
        assert!(matches!(view.get(&2), Err(AccessError::PerThread { .. })));
        assert!(matches!(
            view.set(&2, &1),
            Err(AccessError::PerThread { .. })
        ));
        let each: Vec<_> = view
            .get_each(&2)
            .unwrap()
            .into_iter()
            .filter(|(_, n)| *n != 0)
            .collect();
        assert_eq!(each, [(0, 1), (1, 2), (2, 3), (3, 4)]);
        assert_eq!(view.sum(&2).unwrap(), 10);
        assert_eq!(view.sum(&1).unwrap(), 0);
        let sums: HashMap<u32, u64> = view.sums().unwrap().filter(|(_, n)| *n != 0).collect();
        assert_eq!(sums, HashMap::from([(2, 10)]));
        let after = |skip| {
            let mut elements = Vec::new();
            let shown = map.for_each_after(skip, |slot, key, value| {
                elements.push((slot, key.to_vec(), value.to_vec()));
                ControlFlow::Continue(())
            });
            shown.unwrap();
            elements
        };
        let all = after(0);
        assert!(all.len() >= 4);
        for skip in 0..=all.len() + 1 {
            assert_eq!(after(skip as u64), all[skip.min(all.len())..], "{skip}");
        }
        assert!(after(u64::MAX).is_empty());
        view.clear().unwrap();
        assert_eq!(view.sum(&2).unwrap(), 0);
    }
    let array = view::<u32, u64>(MapKind::PerThreadArray, 4);
    assert!(matches!(
        array.sum(&4),
        Err(AccessError::OutOfRange { index: 4, .. })
    ));
}

#[test]
fn slots_beyond_the_inline_table_have_copies_too() {
    for kind in [MapKind::PerThreadArray, MapKind::PerThreadHash] {
        let map = Arc::new(make(&def(kind, 4, 8, 1)).unwrap());
        let view = MapView::<u32, u64>::new(Arc::clone(&map)).unwrap();
        let slots = [0, 511, 512, 513, 1023, 1024, 5000];
        for slot in slots {
            let (mut key, mut value) = (0_u32, 1_u64);
            let key = std::ptr::from_mut(&mut key).cast::<u8>();
            // SAFETY: a key of the map's size.
            unsafe {
                if slot >= 512 {
                    assert!(map.lookup(key, slot).is_null(), "a call makes no copy");
                }
            }
            map.prepare(slot).unwrap();
            // SAFETY: a key and a value of the map's sizes.
            unsafe {
                assert_eq!(
                    map.update(key, std::ptr::from_mut(&mut value).cast(), slot) as i32,
                    0
                );
                let found = map.lookup(key, slot);
                assert!(!found.is_null());
                assert_eq!(found, map.lookup(key, slot), "it does not move");
                assert!(map.contains(found.addr(), 8, slot));
                assert!(!map.contains(found.addr(), 8, slot + 1), "another thread's");
            }
        }
        assert_eq!(view.sum(&0).unwrap(), slots.len() as u64);
        let Storage::PerThreadArray(array) = map.storage() else {
            continue;
        };
        // SAFETY: the table has this many entries.
        let table = unsafe { std::slice::from_raw_parts(array.table(), array.table_len()) };
        for slot in [0, 511] {
            let entry = table[slot].load(std::sync::atomic::Ordering::Acquire);
            assert_eq!(entry, array.copy(u32::try_from(slot).unwrap()));
            assert!(
                entry.addr().is_multiple_of(128),
                "no line with another thread's"
            );
        }
    }
}

#[test]
fn sums_never_fall_when_threads_exit() {
    let map = Arc::new(make(&def(MapKind::PerThreadArray, 4, 8, 1)).unwrap());
    let view = MapView::<u32, u64>::new(Arc::clone(&map)).unwrap();
    for calls in 1..=50 {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                reclaim::with_record(|thread| {
                    let mut key = 0_u32;
                    // SAFETY: a key of four bytes; the copy is this thread's.
                    unsafe {
                        let value = map.lookup(std::ptr::from_mut(&mut key).cast(), thread.slot());
                        *value.cast::<u64>() += 1;
                    }
                })
                .unwrap();
            });
        });
        assert_eq!(view.sum(&0).unwrap(), calls);
    }
}

#[test]
fn helpers_of_the_application_use_maps_by_reference() {
    for kind in [
        MapKind::Array,
        MapKind::Hash,
        MapKind::PerThreadArray,
        MapKind::PerThreadHash,
    ] {
        let map = make(&def(kind, 4, 8, 2)).unwrap();
        // SAFETY: the address of a whole map, which outlives the reference.
        let reference = unsafe { MapRef::from_handle((&raw const map).cast()) };
        assert_eq!(reference.name(), "flows");
        assert_eq!(reference.kind(), kind.number());
        assert_eq!(
            (
                reference.key_size(),
                reference.value_size(),
                reference.max_entries()
            ),
            (4, 8, 2)
        );
        reference.update(&1_u32, &5_u64).unwrap();
        assert_eq!(reference.lookup::<u32, u64>(&1).unwrap(), Some(5));
        assert_eq!(
            reference.lookup::<u64, u64>(&1),
            Err(OperationError::WrongSize {
                expected: 4,
                given: 8
            })
        );
        let array = matches!(kind, MapKind::Array | MapKind::PerThreadArray);
        assert_eq!(
            reference.delete(&1_u32),
            if array {
                Err(OperationError::Unsupported)
            } else {
                Ok(())
            }
        );
        if array {
            assert_eq!(
                reference.update(&2_u32, &5_u64),
                Err(OperationError::NotFound)
            );
        } else {
            for key in [7_u32, 8] {
                reference.update(&key, &5_u64).unwrap();
            }
            assert_eq!(reference.update(&9_u32, &5_u64), Err(OperationError::Full));
        }
        reference.clear().unwrap();
        let left = reference.lookup::<u32, u64>(&1).unwrap();
        assert_eq!(left, array.then_some(0));
    }
    let channel = make(&def(MapKind::RingBuf, 0, 8, 4)).unwrap();
    let reference = MapRef::new(&channel);
    assert_eq!(reference.clear(), Err(OperationError::Unsupported));
}
