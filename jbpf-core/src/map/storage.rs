//! The storage behind a map, by kind.

use std::sync::Arc;

use jbpf_verifier::types::{MapDef, MapKind};

use super::application::ApplicationStorage;
use super::array::{ArrayLayout, ArrayMap};
use super::channel::{InputMap, OutputMap};
use super::hash::{HashLayout, HashTable};
use super::pages::{MapOptions, PagesError, whole_pages};
use super::per_thread::{PerThreadArray, PerThreadHash};
use super::{MapError, layout_overflow};

/// A map's memory and operations, by kind.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one a map, and shared maps are used without another indirection"
)]
pub enum Storage {
    /// ARRAY, or a data section.
    Array(ArrayMap),
    /// HASHMAP.
    Hash(HashTable),
    /// PER_THREAD_ARRAY.
    PerThreadArray(Arc<PerThreadArray>),
    /// PER_THREAD_HASHMAP.
    PerThreadHash(Arc<PerThreadHash>),
    /// RINGBUF.
    RingBuf(OutputMap),
    /// CONTROL_INPUT.
    ControlInput(InputMap),
    /// OUTPUT.
    Output(OutputMap),
    /// A kind of the application's own.
    Application(ApplicationStorage),
}

impl Storage {
    pub(super) fn new(def: &MapDef, options: &MapOptions) -> Result<Self, MapError> {
        check_fields(def)?;
        let out_of_memory = |source: PagesError| MapError::Memory {
            map: def.name.clone(),
            source,
        };
        if let Some(section) = &def.section {
            let layout = ArrayLayout::new(def)?;
            return ArrayMap::section(layout, section, options)
                .map(Self::Array)
                .map_err(out_of_memory);
        }
        match def.kind {
            MapKind::Array => ArrayMap::new(ArrayLayout::new(def)?, options)
                .map(Self::Array)
                .map_err(out_of_memory),
            MapKind::Hash => HashTable::new(HashLayout::new(def)?, options)
                .map(Self::Hash)
                .map_err(out_of_memory),
            MapKind::PerThreadArray => PerThreadArray::new(ArrayLayout::new(def)?, options)
                .map(|array| Self::PerThreadArray(Arc::new(array)))
                .map_err(out_of_memory),
            MapKind::PerThreadHash => PerThreadHash::new(HashLayout::new(def)?, options)
                .map(|hash| Self::PerThreadHash(Arc::new(hash)))
                .map_err(out_of_memory),
            MapKind::RingBuf => OutputMap::new(def, options).map(Self::RingBuf),
            MapKind::Output => OutputMap::new(def, options).map(Self::Output),
            MapKind::ControlInput => InputMap::new(def, options).map(Self::ControlInput),
            MapKind::Application(number) => {
                ApplicationStorage::new(def, number, options).map(Self::Application)
            }
        }
    }
}

impl Storage {
    /// Bytes of memory that [`new`](Self::new) takes, with one thread's copy.
    pub(super) fn memory_of(def: &MapDef) -> Result<usize, MapError> {
        check_fields(def)?;
        let pages = |bytes| whole_pages(bytes).ok_or_else(|| layout_overflow(def));
        match def.kind {
            MapKind::Array => pages(ArrayLayout::new(def)?.bytes()),
            MapKind::Hash => pages(HashLayout::new(def)?.bytes()),
            MapKind::PerThreadArray => Ok(PerThreadArray::TABLE
                + PerThreadArray::BOOKS
                + pages(ArrayLayout::new(def)?.bytes())?),
            MapKind::PerThreadHash => Ok(PerThreadHash::TABLE
                + PerThreadHash::BOOKS
                + pages(HashLayout::new(def)?.bytes())?),
            MapKind::RingBuf | MapKind::Output => OutputMap::memory_of(def),
            MapKind::ControlInput => InputMap::memory_of(def),
            MapKind::Application(_) => Ok(0),
        }
    }
}

/// Checks the fields of a definition that every kind demands.
fn check_fields(def: &MapDef) -> Result<(), MapError> {
    let map = || def.name.clone();
    for (field, value) in [
        ("value_size", def.value_size),
        ("max_entries", def.max_entries),
    ] {
        if value == 0 {
            return Err(MapError::Zero { map: map(), field });
        }
    }
    match def.kind {
        MapKind::Array | MapKind::PerThreadArray if def.key_size < 4 => {
            return Err(MapError::KeyTooSmall {
                map: map(),
                key_size: def.key_size,
            });
        }
        MapKind::Hash | MapKind::PerThreadHash if def.key_size == 0 => {
            return Err(MapError::Zero {
                map: map(),
                field: "key_size",
            });
        }
        _ => {}
    }
    match &def.section {
        None => Ok(()),
        Some(_) if def.kind != MapKind::Array || def.max_entries != 1 => {
            Err(MapError::NoSection { map: map() })
        }
        Some(section) if section.contents.len() != def.value_size as usize => {
            Err(MapError::SectionSize {
                map: map(),
                contents: section.contents.len(),
                value_size: def.value_size,
            })
        }
        Some(_) => Ok(()),
    }
}
