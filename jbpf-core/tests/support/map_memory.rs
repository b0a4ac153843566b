//! Maps take the memory that they report and that the budget is charged. The tests compare both
//! with the memory that the system has given, for definitions of all kinds and sizes.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::os::linux::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jbpf_core::map::{Map, MapOptions, MemoryBudget, Storage};
use jbpf_verifier::types::{DataSection, MapDef, MapKind};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{alone, heap};

/// Maps of each definition: uncounted memory, names and the like, must stay below a page for each.
const MAPS: usize = 16;
const PAGE: usize = 4096;

/// A definition, and the use that is made of its map.
#[derive(Debug, Clone)]
struct Case {
    def: MapDef,
    shared: bool,
    /// Thread slots that use it.
    slots: u32,
    /// Senders in other processes.
    senders: usize,
}

fn cases() -> impl Strategy<Value = Case> {
    use MapKind::{Array, ControlInput, Hash, Output, PerThreadArray, PerThreadHash, RingBuf};
    let kinds = [
        Array,
        Hash,
        PerThreadArray,
        PerThreadHash,
        RingBuf,
        ControlInput,
        Output,
    ];
    let sizes = (1_u32..64, 1_u32..600, 1_u32..200);
    let place = (any::<bool>(), 0_u32..40, 0_usize..4);
    (proptest::sample::select(kinds.to_vec()), sizes, place).prop_map(
        |(kind, (key_size, value_size, max_entries), (shared, slots, senders))| {
            let key_size = match kind {
                Array | PerThreadArray => 4,
                _ if kind.is_channel() => 0,
                _ => key_size,
            };
            Case {
                def: MapDef {
                    name: "measured".to_owned(),
                    kind,
                    key_size,
                    value_size,
                    max_entries,
                    parameters: Default::default(),
                    section: None,
                },
                shared,
                slots,
                senders,
            }
        },
    )
}

/// Bytes that the system has given this process, outside of the heap: anonymous pages that are
/// there, and files without names.
fn mapped() -> usize {
    let on_heap = Box::new(0_u8);
    // There is one heap, with a name in the list. Some allocators give threads heaps of their own,
    // of 64 MiB each, aligned.
    let heap = std::ptr::from_ref(&*on_heap).addr() >> 26;
    let mut bytes = 0;
    let mut counts = false;
    // The place for the text is there from the first time on: one that grew while it is read would
    // be counted itself.
    static TEXT: Mutex<Vec<u8>> = Mutex::new(Vec::new());
    let mut text = TEXT.lock().unwrap_or_else(PoisonError::into_inner);
    if text.is_empty() {
        text.resize(8 << 20, 1);
    }
    let mut len = 0;
    let mut smaps = fs::File::open("/proc/self/smaps").unwrap();
    loop {
        match smaps.read(&mut text[len..]).unwrap() {
            0 => break,
            read => len += read,
        }
    }
    for line in std::str::from_utf8(&text[..len]).unwrap().lines() {
        let mut words = line.split_ascii_whitespace();
        let first = words.next().unwrap();
        if let Some((start, _)) = first.split_once('-') {
            let start = usize::from_str_radix(start, 16).unwrap();
            counts = start >> 26 != heap && line.split_ascii_whitespace().count() == 5;
        } else if counts && first == "Rss:" {
            bytes += words.next().unwrap().parse::<usize>().unwrap() << 10;
        }
    }
    bytes + files()
}

/// Bytes of the files that channels are shared through, each once.
fn files() -> usize {
    let mut seen = BTreeSet::new();
    let mut blocks = 0;
    for entry in fs::read_dir("/proc/self/fd").unwrap() {
        let path = entry.unwrap().path();
        let is_ours = |target: &Path| target.to_string_lossy().starts_with("/memfd:jbpf");
        if fs::read_link(&path).is_ok_and(|target| is_ours(&target)) {
            let file = fs::metadata(&path).unwrap();
            if seen.insert(file.st_ino()) {
                blocks += file.st_blocks();
            }
        }
    }
    usize::try_from(blocks).unwrap() * 512
}

fn check(case: &Case) -> Result<(), TestCaseError> {
    let budget = MemoryBudget::new(usize::MAX);
    let mut options = MapOptions::default();
    options.budget = Some(Arc::clone(&budget));
    options.shared_channels = case.shared;
    let mut maps = Vec::with_capacity(MAPS);
    let mut lent = Vec::with_capacity(MAPS * case.senders);
    let before = mapped();
    let heap = heap::peak(|| {
        for _ in 0..MAPS {
            let map = Map::new(&case.def, &options).unwrap();
            for slot in 0..case.slots {
                map.prepare(slot).unwrap();
            }
            if let (Storage::ControlInput(input), true) = (map.storage(), case.shared) {
                for _ in 0..case.senders {
                    lent.push(input.ring().share().unwrap());
                }
            }
            maps.push(map);
        }
    });
    let taken = mapped() - before + heap;
    let said: usize = maps.iter().map(Map::memory).sum();
    prop_assert_eq!(said, budget.used());
    prop_assert!(
        (said..said + MAPS * PAGE).contains(&taken),
        "{} bytes are charged, and {} taken, {} of them of the heap",
        said,
        taken,
        heap
    );
    if case.slots <= 1 && case.senders == 0 {
        let alone = Map::memory_of(&case.def).unwrap() * MAPS;
        let copies = if case.slots == 0 {
            said..=alone
        } else {
            said..=said
        };
        prop_assert!(copies.contains(&alone), "{said} and {alone}");
    }
    drop(lent);
    drop(maps);
    prop_assert_eq!(budget.used(), 0);
    prop_assert_eq!(files(), 0);
    Ok(())
}

#[test]
fn maps_take_the_memory_that_the_budget_is_charged() {
    if !alone("map_memory::maps_take_the_memory_that_the_budget_is_charged") {
        return;
    }
    let config = Config {
        cases: 96,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&cases(), |case| check(&case))
        .unwrap_or_else(|error| panic!("{error}"));
}

/// These were once charged as the definition asks: one byte an entry. They take forty.
#[test]
fn the_smallest_entries_are_charged_what_they_take() {
    if !alone("map_memory::the_smallest_entries_are_charged_what_they_take") {
        return;
    }
    let def = |kind, key_size| MapDef {
        name: "tiny".to_owned(),
        kind,
        key_size,
        value_size: 1,
        max_entries: 1 << 16,
        parameters: Default::default(),
        section: None,
    };
    for (def, least) in [
        (def(MapKind::Array, 4), 8 << 16),
        (def(MapKind::Hash, 1), 36 << 16),
    ] {
        let case = Case {
            def,
            shared: false,
            slots: 1,
            senders: 0,
        };
        assert!(Map::memory_of(&case.def).unwrap() >= least);
        check(&case).unwrap();
    }
    let section = MapDef {
        section: Some(DataSection {
            contents: vec![1; 9000].into(),
            read_only: true,
        }),
        value_size: 9000,
        max_entries: 1,
        ..def(MapKind::Array, 4)
    };
    let map = Map::new(&section, &MapOptions::default()).unwrap();
    assert_eq!(map.memory(), 3 * PAGE);
    assert_eq!(Map::memory_of(&section).unwrap(), 3 * PAGE);
}

/// Senders in other processes may keep the files of their lanes open. They keep what one of them
/// had, however often senders come.
#[test]
fn senders_that_come_and_go_gather_no_memory() {
    if !alone("map_memory::senders_that_come_and_go_gather_no_memory") {
        return;
    }
    let budget = MemoryBudget::new(1 << 20);
    let mut options = MapOptions::default();
    options.budget = Some(Arc::clone(&budget));
    options.shared_channels = true;
    let def = MapDef {
        name: "lanes".to_owned(),
        kind: MapKind::ControlInput,
        key_size: 0,
        value_size: 1024,
        max_entries: 256,
        parameters: Default::default(),
        section: None,
    };
    let map = Map::new(&def, &options).unwrap();
    let Storage::ControlInput(input) = map.storage() else {
        panic!("no input channel");
    };
    let alone = budget.used();
    assert!(alone >= 256 * 1024);
    let mut kept = Vec::new();
    for _ in 0..20 {
        let (lent, _, descriptors) = input.ring().share().unwrap();
        assert_eq!(budget.used(), map.memory());
        assert!(budget.used() >= alone + 256 * 1024);
        // The files stay open, as a sender may keep them.
        kept.extend(descriptors);
        drop(lent);
    }
    // Both halves of the one lane stay, for the next sender.
    let once = alone + (256 * 1024)..alone + (300 << 10);
    assert!(once.contains(&budget.used()), "{}", budget.used());
    assert_eq!(budget.used(), map.memory());
    assert!(files() < 300 << 10, "{} bytes", files());

    let (first, second) = (input.ring().share().unwrap(), input.ring().share().unwrap());
    let refused = input.ring().share().unwrap_err();
    assert_eq!(refused.code(), "channel-over-budget");
    assert!(
        refused
            .to_string()
            .contains("of the memory budget of 1048576 bytes are left")
    );
    drop((first, second));
    input.ring().share().unwrap();
}
