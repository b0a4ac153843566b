//! Map types of the application's own, as codelets and the application see them.
#![allow(
    unsafe_code,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jbpf_core::map::{ApplicationKind, Map, MapError, MapOptions, MapView, Status};
use jbpf_hooks::helper::MapRef;
use jbpf_verifier::types::{MapDef, MapKind};

#[path = "support/last_seen.rs"]
mod last_seen;
use last_seen::last_seen;

fn options() -> MapOptions {
    let mut options = MapOptions::default();
    options.kinds = vec![last_seen()];
    options
}

fn def(number: u32, value_size: u32, max_entries: u32) -> MapDef {
    MapDef {
        name: "last".to_owned(),
        kind: MapKind::Application(number),
        key_size: 4,
        value_size,
        max_entries,
        parameters: Default::default(),
        section: None,
    }
}

/// The operations of codelets, with keys and values as numbers.
struct Codelet(Arc<Map>);

impl Codelet {
    fn lookup(&self, mut key: u32) -> *mut u8 {
        // SAFETY: a key of the map's size.
        unsafe { self.0.lookup(ptr::from_mut(&mut key).cast(), 0) }
    }

    fn value(&self, key: u32) -> Option<u64> {
        let value = self.lookup(key);
        // SAFETY: null or the address of a value, which is an atomic.
        (!value.is_null())
            .then(|| unsafe { AtomicU64::from_ptr(value.cast()) }.load(Ordering::Relaxed))
    }

    fn update(&self, mut key: u32, mut value: u64) -> Status {
        let (key, value) = (ptr::from_mut(&mut key), ptr::from_mut(&mut value));
        // SAFETY: key and value of the map's sizes.
        unsafe { self.0.update(key.cast(), value.cast(), 0) }
    }

    fn dump(&self, size: usize) -> Result<u32, Status> {
        let mut out = vec![0_u8; size];
        // SAFETY: the vector has that size.
        unsafe { self.0.dump(out.as_mut_ptr(), size, 0) }
    }
}

#[test]
fn codelets_use_it_like_a_built_in_map() {
    let codelet = Codelet(Arc::new(Map::new(&def(20, 8, 4), &options()).unwrap()));
    assert_eq!(codelet.value(5), None);
    assert_eq!(codelet.update(5, 50), Status::Success);
    assert_eq!(codelet.value(5), Some(50));
    let at = codelet.lookup(5).addr();
    assert!(codelet.0.contains(at, 8, 0));
    assert!(!codelet.0.contains(at, 9, 0));
    assert_eq!(codelet.update(9, 90), Status::Success, "in the place of 5");
    assert_eq!((codelet.value(5), codelet.value(9)), (None, Some(90)));
    let mut key = 9_u32;
    let key = ptr::from_mut(&mut key).cast::<u8>();
    // SAFETY: a key of the map's size.
    let reset = unsafe { codelet.0.lookup_reset(key, 0) };
    assert_eq!((reset.addr(), codelet.value(9)), (at, Some(0)));
    // SAFETY: a key of the map's size.
    assert_eq!(unsafe { codelet.0.delete(key, 0) }, Status::UNSUPPORTED);
    assert_eq!(codelet.0.clear(0), Status::UNSUPPORTED);
    assert_eq!(codelet.update(2, 20), Status::Success);
    assert_eq!(codelet.dump(24), Ok(2));
    assert_eq!(codelet.dump(23), Ok(0));
    assert_eq!(codelet.0.memory(), 64);
}

#[test]
fn the_application_uses_it_by_type_and_its_helpers_by_reference() {
    let map = Arc::new(Map::new(&def(20, 8, 4), &options()).unwrap());
    let view = MapView::<u32, u64>::new(Arc::clone(&map)).unwrap();
    view.set(&1, &10).unwrap();
    assert_eq!(view.get(&1).unwrap(), Some(10));
    assert_eq!(view.get(&2).unwrap(), None);
    assert_eq!(view.iter().unwrap().collect::<Vec<_>>(), [(1, 10)]);
    assert_eq!((view.len(), view.sum(&1).unwrap()), (1, 10));
    let reference = MapRef::new(&*map);
    assert_eq!(reference.kind(), 20);
    reference.update(&3_u32, &30_u64).unwrap();
    assert_eq!(reference.lookup::<u32, u64>(&3).unwrap(), Some(30));
}

#[test]
fn a_panic_in_it_is_contained() {
    let codelet = Codelet(Arc::new(Map::new(&def(20, 8, 4), &options()).unwrap()));
    assert!(codelet.lookup(666).is_null());
    assert_eq!(codelet.update(666, 1), Status::Error);
    assert_eq!(codelet.update(1, 1), Status::Success);
}

#[test]
fn a_map_that_cannot_be_made_is_an_error_with_the_reason() {
    let refused = |number, value_size, max_entries| {
        Map::new(&def(number, value_size, max_entries), &options())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        refused(20, 4, 1),
        "map `last`: the application's map type 20 refuses it: it takes keys of 4 bytes and values of 8"
    );
    assert_eq!(
        refused(20, 8, 13),
        "map `last`: the application's map type 20 refuses it: its constructor panicked"
    );
    assert_eq!(
        refused(21, 8, 1),
        "map `last`: nobody provides maps of type 21"
    );
    assert!(matches!(
        Map::new(&def(20, 0, 1), &options()),
        Err(MapError::Zero {
            field: "value_size",
            ..
        })
    ));
}

#[test]
fn numbers_of_built_in_kinds_cannot_be_taken() {
    let none = |_: &MapDef| Err("never made".to_owned());
    assert!(ApplicationKind::new(15, none).is_none());
    assert_eq!(ApplicationKind::new(16, none).unwrap().number(), 16);
}
