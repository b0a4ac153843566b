//! The contexts and maps that programs are verified against: contexts of all sorts, and maps of
//! each kind in several sizes.

use std::sync::Arc;

use jbpf_verifier::types::{ContextDef, DataSection, MapDef, MapKind, MapParameters};

use super::super::choices::Choices;
use super::super::row::{self, APPLICATION, HASHED_KEYS, INDEX_KEYS, Row, VALUES};

/// Indices of the maps.
pub const ARRAY: i32 = 0;
pub const HASH: i32 = 1;
pub const OUT: i32 = 2;
pub const RODATA: i32 = 3;
pub const DATA: i32 = 4;
pub const INPUT: i32 = 5;
pub const RING: i32 = 6;
pub const PTA: i32 = 7;
pub const PTH: i32 = 8;
pub const LAST: i32 = 9;

/// Bytes of a data section.
const SECTION: u32 = 64;

/// The map of a kind.
pub fn map_of(kind: u32) -> i32 {
    match kind {
        1 => ARRAY,
        2 => HASH,
        3 => RING,
        4 => INPUT,
        5 => PTA,
        6 => PTH,
        7 => OUT,
        _ => LAST,
    }
}

/// Key and value sizes of a map in most programs.
fn usual(index: i32) -> (u32, u32) {
    match index {
        ARRAY => (4, 64),
        HASH => (8, 48),
        OUT => (0, 64),
        INPUT | RING => (0, 16),
        PTA => (4, 40),
        PTH => (8, 24),
        LAST => (4, 8),
        _ => (4, SECTION),
    }
}

fn others(index: i32, choices: &mut Choices) -> (u32, u32) {
    let key = match index {
        HASH | PTH => choices.pick(&HASHED_KEYS),
        ARRAY | PTA => choices.pick(&INDEX_KEYS),
        _ => return usual(index),
    };
    (key, choices.pick(&VALUES))
}

/// The maps that most programs have.
pub fn maps() -> Vec<MapDef> {
    (ARRAY..=LAST)
        .map(|index| map(index, usual(index)))
        .collect()
}

/// Maps for a program, which is to meet a row, perhaps.
pub fn maps_for(row: Option<Row>, choices: &mut Choices) -> Vec<MapDef> {
    let mut maps = maps();
    if choices.chance(20) {
        for index in [ARRAY, HASH, PTA, PTH] {
            maps[index as usize] = map(index, others(index, choices));
        }
        for index in [OUT, INPUT, RING] {
            maps[index as usize].value_size = choices.pick(&VALUES);
        }
    }
    match row {
        Some(Row::KeySize { map, size }) => maps[map_of(map) as usize].key_size = size,
        Some(Row::ValueSize { map, size }) => maps[map_of(map) as usize].value_size = size,
        _ => {}
    }
    maps
}

fn map(index: i32, (key_size, value_size): (u32, u32)) -> MapDef {
    let (name, kind) = match index {
        ARRAY => ("array", MapKind::Array),
        HASH => ("hash", MapKind::Hash),
        OUT => ("out", MapKind::Output),
        RODATA => (".rodata", MapKind::Array),
        DATA => (".data", MapKind::Array),
        INPUT => ("in", MapKind::ControlInput),
        RING => ("ring", MapKind::RingBuf),
        PTA => ("pta", MapKind::PerThreadArray),
        PTH => ("pth", MapKind::PerThreadHash),
        _ => ("last", MapKind::Application(APPLICATION)),
    };
    let section = matches!(index, RODATA | DATA).then(|| DataSection {
        // Small numbers, to index with, and large ones.
        contents: (0..SECTION as u8)
            .map(|at| at.wrapping_mul(37) % if at < 32 { 16 } else { 255 })
            .collect::<Arc<[u8]>>(),
        read_only: index == RODATA,
    });
    MapDef {
        name: name.to_owned(),
        kind,
        key_size,
        value_size,
        max_entries: if section.is_some() { 1 } else { 4 },
        parameters: MapParameters {
            // The application's kind deletes and clears.
            flags: u32::from(index == LAST),
            ..MapParameters::default()
        },
        section,
    }
}

/// A context for a program, which is to meet a row, perhaps.
pub fn context_for(row: Option<Row>, choices: &mut Choices) -> ContextDef {
    let mut context = ContextDef::generic();
    match choices.below(6) {
        0 => {
            context.region.known_size = 32;
            context.region.sized_by_end = false;
        }
        1 => context.region.known_size = 16,
        2 => context.region.align = choices.pick(&[1, 2, 4]),
        3 if choices.chance(60) => context.region.writable = false,
        4 => context.fields[1].writable = choices.chance(60),
        _ => {}
    }
    match row.map(wanted) {
        Some(Wanted::ReadOnly) => context.region.writable = false,
        Some(Wanted::Writable) => {
            context.region.writable = true;
            context.region.align = 8;
        }
        Some(Wanted::Field) => context.fields[1].writable = true,
        Some(Wanted::Anything) | None => {}
    }
    context
}

enum Wanted {
    ReadOnly,
    Writable,
    /// The field behind `meta_data` is writable.
    Field,
    Anything,
}

fn wanted(row: Row) -> Wanted {
    match row {
        Row::Accessed { memory, .. }
        | Row::Given {
            given: row::Given::Memory(memory),
            ..
        } => match memory {
            row::Memory::Fixed => Wanted::ReadOnly,
            row::Memory::Region => Wanted::Writable,
            row::Memory::Context => Wanted::Field,
            _ => Wanted::Anything,
        },
        Row::Computed { .. } => Wanted::Writable,
        _ => Wanted::Anything,
    }
}
