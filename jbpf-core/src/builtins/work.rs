//! Tests that compare the verifier's count for a call with the bytes that the call reads and
//! writes.

#![expect(
    unsafe_code,
    reason = "calls what machine code calls, with addresses of its own"
)]
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "an address is computed and used under one proof"
)]

use jbpf_verifier::types::{HelperProto, HelperTable, MapDef, MapKind};
use proptest::prelude::*;

use super::hash::hashlittle;
use crate::map::{Map, MapOptions, touched};

/// Bytes that one counted instruction may stand for: eight at both ends of a copy, and the words
/// read around them.
const OF_AN_INSTRUCTION: u64 = 24;
/// Bytes that a call may touch whatever it is given: some cache lines.
const OF_A_CALL: u64 = 512;
/// A key counts once, and is read, hashed, compared and written.
const OF_A_KEY: u64 = 6;
/// A key that was chosen to meet others is compared with as many of them as a chain holds.
const MET_KEYS: u64 = 32;

const SLOT: u32 = 0;

/// Memory for keys and values, as aligned as codelets may have it.
struct Bytes {
    words: Vec<u64>,
    offset: usize,
}

impl Bytes {
    fn new(len: usize, offset: usize, fill: u64) -> Self {
        Self {
            words: vec![fill; (len + offset).div_ceil(8) + 1],
            offset,
        }
    }

    fn at(&mut self) -> *mut u8 {
        self.words
            .as_mut_ptr()
            .cast::<u8>()
            .wrapping_add(self.offset)
    }
}

fn helper(id: u32) -> HelperProto {
    HelperTable::builtin().get(id).unwrap().clone()
}

/// Compares the bytes that a call touches with the instructions counted for it.
#[track_caller]
fn hold(id: u32, map: &Map, size: usize, run: impl FnOnce()) {
    hold_among(0, id, map, size, run);
}

/// As [`hold`], if `met` keys of the map have the tag of the key.
#[track_caller]
fn hold_among(met: u64, id: u32, map: &Map, size: usize, run: impl FnOnce()) {
    let (proto, def) = (helper(id), map.def());
    let counted = proto.work_instructions(Some(def), size as u64).unwrap();
    let touched = touched::during(run);
    let key = u64::from(def.key_size).next_multiple_of(8);
    let allowed = OF_A_CALL + OF_AN_INSTRUCTION * counted + (OF_A_KEY + met) * key;
    assert!(
        touched <= allowed,
        "{} touches {touched} bytes and counts {counted} instructions: {def:?}, {size}",
        proto.name
    );
}

fn map(kind: MapKind, key_size: u32, value_size: u32, max_entries: u32) -> Map {
    let def = MapDef {
        name: "held".to_owned(),
        kind,
        key_size,
        value_size,
        max_entries,
        parameters: Default::default(),
        section: None,
    };
    let map = Map::new(&def, &MapOptions::default()).unwrap();
    map.prepare(SLOT).unwrap();
    map
}

/// Keys that differ, in their first bytes.
fn key(number: u32, size: usize, offset: usize) -> Bytes {
    let mut key = Bytes::new(size, offset, 0x0101_0101_0101_0101);
    for (at, byte) in number.to_le_bytes().iter().enumerate().take(size) {
        // SAFETY: below the size of the key.
        unsafe { key.at().add(at).write(*byte) };
    }
    key
}

fn hold_all(map: &Map, filled: u32, offset: usize, room: usize) {
    let def = map.def().clone();
    let (key_size, value_size) = (def.key_size as usize, def.value_size as usize);
    let mut value = Bytes::new(value_size, offset, 7);
    for number in 0..filled {
        let mut key = key(number, key_size, offset);
        // SAFETY: key and value have the sizes of the map.
        hold(3, map, 0, || unsafe {
            map.update(key.at(), value.at(), SLOT);
        });
    }
    // A key of the map, and a key that it does not have.
    for number in [0, u32::MAX / 2] {
        let mut key = key(number, key_size, offset);
        // SAFETY: as above.
        unsafe {
            hold(1, map, 0, || {
                map.lookup(key.at(), SLOT);
            });
            hold(2, map, 0, || {
                map.lookup_reset(key.at(), SLOT);
            });
            hold(3, map, 0, || {
                map.update(key.at(), value.at(), SLOT);
            });
        }
    }
    let mut out = Bytes::new(room, offset, 0);
    hold(6, map, room, || {
        // SAFETY: there is room for as much.
        let _ = unsafe { map.dump(out.at(), room, SLOT) };
    });
    let mut first = key(0, key_size, offset);
    hold(4, map, 0, || {
        // SAFETY: as above.
        unsafe { map.delete(first.at(), SLOT) };
    });
    hold(5, map, 0, || {
        map.clear(SLOT);
    });
}

fn kinds() -> impl Strategy<Value = MapKind> {
    prop_oneof![
        Just(MapKind::Array),
        Just(MapKind::Hash),
        Just(MapKind::PerThreadArray),
        Just(MapKind::PerThreadHash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn helpers_touch_what_counts_for_them(
        kind in kinds(),
        key_size in prop_oneof![4..=40_u32, Just(512)],
        value_size in prop_oneof![1..=64_u32, 4000..=4200_u32, Just(1 << 18)],
        entries in prop_oneof![1..=40_u32, Just(3000)],
        fill in 0..=4_u32,
        offset in 0..8_usize,
        room in prop_oneof![Just(0_usize), 1..=64_usize, 0..=100_000_usize],
    ) {
        let small = value_size < 1 << 12 || entries < 100;
        let entries = if small { entries } else { 16 };
        let map = map(kind, key_size, value_size, entries);
        hold_all(&map, entries * fill / 4, offset, room);
    }

    #[test]
    fn a_hash_touches_what_counts_for_it(len in 0..10_000_usize, offset in 0..8_usize) {
        let mut bytes = Bytes::new(len, offset, 3);
        let counted = helper(10).work_instructions(None, len as u64).unwrap();
        let touched = touched::during(|| {
            // SAFETY: so many bytes are there.
            unsafe { hashlittle(bytes.at(), len as u64) };
        });
        prop_assert!(touched <= OF_A_CALL + OF_AN_INSTRUCTION * counted, "{touched}, {counted}");
        prop_assert!(len < 8 || touched >= len as u64, "{touched} of {len} are counted");
    }
}

/// The extremes: an empty map of many buckets, and a value that is larger than all others
/// together.
#[test]
fn an_empty_map_of_many_buckets_is_walked_and_cleared_bucket_by_bucket() {
    for kind in [MapKind::Hash, MapKind::PerThreadHash] {
        let map = map(kind, 8, 8, 1 << 18);
        hold_all(&map, 0, 0, 64);
        let walk = touched::during(|| {
            let mut out = Bytes::new(64, 0, 0);
            // SAFETY: there is room for as much.
            let _ = unsafe { map.dump(out.at(), 64, SLOT) };
        });
        // One cache line for each home bucket: the probe sees the reads.
        assert!(walk >= (1 << 16) * 64, "{walk}");
    }
}

/// Keys that meet in one chain, and have one tag, as a codelet may choose them: all operations on
/// keys that are there and are not, while the chain grows to its full length and shrinks.
#[test]
fn the_longest_chain_touches_what_a_call_may() {
    for key_size in [4, 8, 24, 40, 512] {
        let map = map(MapKind::Hash, key_size, 8, 400).with_keys_that_meet();
        let mut value = Bytes::new(8, 0, 7);
        let hold = |id, run: &mut dyn FnMut()| hold_among(MET_KEYS, id, &map, 0, run);
        let mut entries = 0;
        for number in 0..100 {
            // The last bytes differ: a comparison looks at all of the key.
            let mut key = Bytes::new(key_size as usize, 0, 0);
            // SAFETY: the last four bytes of the key.
            unsafe {
                let last = key.at().add(key_size as usize - 4);
                last.cast::<u32>().write_unaligned(number);
            }
            // SAFETY: key and value have the sizes of the map.
            unsafe {
                hold(1, &mut || {
                    map.lookup(key.at(), SLOT);
                });
                hold(2, &mut || {
                    map.lookup_reset(key.at(), SLOT);
                });
                hold(3, &mut || {
                    map.update(key.at(), value.at(), SLOT);
                });
                entries += u64::from(!map.lookup(key.at(), SLOT).is_null());
                if number == 50 {
                    hold(4, &mut || {
                        map.delete(key.at(), SLOT);
                    });
                }
            }
        }
        assert_eq!(entries, MET_KEYS, "a chain holds as many");
    }
}
