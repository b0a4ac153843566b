//! Objects whose maps can be made: the reader knows the file, and this module knows the memory
//! that a map takes.

use jbpf_object::{Object, ObjectError};
use jbpf_verifier::types::MapDef;

use crate::map::{Map, MapError, SPARE_RECORDS, records};

/// Bytes of memory that one map may take, with one thread's copy.
const MAX_MAP_BYTES: usize = 1 << 30;

/// Reads an object, and refuses maps that take more memory than one map may.
///
/// # Errors
/// The bytes are no object that can be loaded.
pub fn read_object(bytes: &[u8]) -> Result<Object, ObjectError> {
    let object = Object::parse(bytes)?;
    for def in &object.maps {
        check_memory(def).map_err(|problem| ObjectError::BadMap {
            map: def.name.clone(),
            problem,
        })?;
    }
    Ok(object)
}

/// The limit holds for the memory that the map takes, and not for the sizes in its definition:
/// entries of one byte take eight, or forty.
fn check_memory(def: &MapDef) -> Result<(), String> {
    let whole = MapDef {
        max_entries: if def.kind.is_channel() {
            records(def, SPARE_RECORDS)
        } else {
            def.max_entries
        },
        ..def.clone()
    };
    let asked = || format!("{} entries of {} bytes", def.max_entries, def.value_size);
    match Map::memory_of(&whole) {
        Ok(bytes) if bytes > MAX_MAP_BYTES => Err(format!(
            "{} take {bytes} bytes of memory; the limit is {MAX_MAP_BYTES}",
            asked()
        )),
        Err(MapError::Overflow { .. }) => Err(format!(
            "{} take more memory than there can be; the limit is {MAX_MAP_BYTES}",
            asked()
        )),
        Err(MapError::TooLarge {
            field,
            value,
            limit,
            ..
        }) => Err(format!("{field} is {value}; the limit is {limit}")),
        // Making the map reports all other mistakes.
        Ok(_) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use jbpf_verifier::types::{MapKind, MapParameters};

    use super::*;

    fn definition(kind: MapKind, key_size: u32, value_size: u32, max_entries: u32) -> MapDef {
        MapDef {
            name: "map".to_owned(),
            kind,
            key_size,
            value_size,
            max_entries,
            parameters: MapParameters::default(),
            section: None,
        }
    }

    /// Entries of a byte or two are charged the eight, or forty, that they take.
    #[test]
    fn what_a_map_takes_is_limited_and_not_what_it_asks_for() {
        // Kind, size of keys, bytes that an entry of one byte takes at least.
        for (kind, key_size, each) in [
            (MapKind::Array, 4, 8),
            (MapKind::Hash, 1, 44),
            (MapKind::RingBuf, 0, 16),
            (MapKind::ControlInput, 0, 24),
            (MapKind::PerThreadArray, 4, 8),
            (MapKind::PerThreadHash, 1, 44),
            (MapKind::Output, 0, 16),
        ] {
            let with = |entries| check_memory(&definition(kind, key_size, 1, entries));
            let most = (1_u32 << 30) / each;
            let error = with(most + 1).unwrap_err();
            assert!(error.contains("; the limit is 1073741824"), "{error}");
            let (_, told) = error.split_once(" take ").unwrap();
            let told: u64 = told.split_once(' ').unwrap().0.parse().unwrap();
            assert!((1 << 30..4 << 30).contains(&told), "{error}");
            with(most / 4).unwrap();
        }
        for (kind, key_size, value_size, entries) in [
            (MapKind::Hash, 4, u32::MAX, u32::MAX),
            (MapKind::Array, 4, u32::MAX, u32::MAX),
            (MapKind::Output, 0, 1 << 20, 1 << 20),
        ] {
            let definition = definition(kind, key_size, value_size, entries);
            let error = check_memory(&definition).unwrap_err();
            assert!(error.contains("entries"), "{error}");
        }
    }
}
