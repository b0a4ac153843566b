//! The work of helpers besides their calls. It grows with a size or a map, and each prototype has
//! a formula for it.
//!
//! Work is counted in bytes that are read or written. Eight bytes count as one instruction, which
//! is the least that a loop of the codelet would take for them. A copy counts once, not for both
//! ends. Work that does not depend on the arguments is the one instruction that the call itself
//! counts.

use serde::{Deserialize, Serialize};

use crate::types::{MapDef, MapKind};

/// Bytes that count as one instruction.
pub const BYTES_OF_AN_INSTRUCTION: u64 = 8;

/// Bytes of the longest format, and of the longest message, of `printf`.
pub const PRINTF_BYTES: u32 = 1024;

/// Entries that a bucket of a hash map holds, and entries that it is meant to hold at most.
const BUCKET_ENTRIES: u64 = 8;
const BUCKET_LOAD: u64 = 4;
/// Bytes of a bucket.
const BUCKET_BYTES: u64 = 64;
/// Bytes that are written for each removed entry.
const ENTRY_BYTES: u64 = 8;

/// A part of a helper's work besides the call itself, at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Work {
    /// This many bytes, whatever the arguments are.
    Bytes(u32),
    /// As many bytes as the size arguments say.
    Given,
    /// As many bytes as they say, up to a limit.
    GivenUpTo(u32),
    /// The key of the first map.
    Key,
    /// A value or a record of the first map.
    Value,
    /// All bytes that are touched when every key of the first map is removed, or every value is
    /// set to zero.
    Clear,
    /// All bytes that are touched when every entry of the first map is looked at, and the entries
    /// that fit into the given memory.
    Dump,
}

/// The arguments of a call that its work depends on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Given<'a> {
    /// The first map.
    pub(crate) map: Option<&'a MapDef>,
    /// The sum of all sizes, each as large as it may be.
    pub(crate) bytes: u64,
}

impl Work {
    /// The bytes of the work, or `None` if it is about a map and there is none.
    pub(crate) fn bytes(self, given: Given<'_>) -> Option<u64> {
        Some(match self {
            Self::Bytes(bytes) => bytes.into(),
            Self::Given => given.bytes,
            Self::GivenUpTo(limit) => given.bytes.min(limit.into()),
            Self::Key => given.map?.key_size.into(),
            Self::Value => given.map?.value_size.into(),
            Self::Clear => clear(given.map?),
            Self::Dump => dump(given.map?, given.bytes),
        })
    }
}

/// The instructions that the work counts as, or `None` if some of it is about a map and there is
/// none.
pub(crate) fn instructions(work: &[Work], given: Given<'_>) -> Option<u64> {
    let bytes = work.iter().try_fold(0_u64, |sum, work| {
        Some(sum.saturating_add(work.bytes(given)?))
    });
    Some(bytes? / BYTES_OF_AN_INSTRUCTION)
}

fn clear(map: &MapDef) -> u64 {
    let entries = u64::from(map.max_entries);
    match map.kind {
        MapKind::Array | MapKind::PerThreadArray => {
            entries.saturating_mul(u64::from(map.value_size).next_multiple_of(8))
        }
        MapKind::Hash | MapKind::PerThreadHash => {
            buckets(entries).saturating_add(entries.saturating_mul(ENTRY_BYTES))
        }
        // The work of an application's map is unknown. It touches every entry at least.
        MapKind::Application(_) => entries.saturating_mul(entry(map)),
        MapKind::RingBuf | MapKind::ControlInput | MapKind::Output => 0,
    }
}

fn dump(map: &MapDef, room: u64) -> u64 {
    let entries = u64::from(map.max_entries);
    let all = entries.saturating_mul(entry(map));
    match map.kind {
        MapKind::Hash | MapKind::PerThreadHash => buckets(entries).saturating_add(room.min(all)),
        MapKind::Application(_) => all.saturating_add(room.min(all)),
        // Other kinds are refused when the helper is called.
        _ => 0,
    }
}

/// A key and its value.
fn entry(map: &MapDef) -> u64 {
    u64::from(map.key_size) + u64::from(map.value_size)
}

/// Bytes of the buckets of a hash map.
fn buckets(entries: u64) -> u64 {
    let homes = entries.div_ceil(BUCKET_LOAD).next_power_of_two();
    let overflow = entries / BUCKET_ENTRIES;
    (homes + overflow) * BUCKET_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(kind: MapKind, key_size: u32, value_size: u32, max_entries: u32) -> MapDef {
        MapDef {
            name: "m".to_owned(),
            kind,
            key_size,
            value_size,
            max_entries,
            parameters: Default::default(),
            section: None,
        }
    }

    #[test]
    fn work_grows_with_what_it_is_about() {
        let hash = map(MapKind::Hash, 8, 24, 16);
        let given = Given {
            map: Some(&hash),
            bytes: 100,
        };
        let of = |work: &[Work]| instructions(work, given);
        assert_eq!(of(&[]), Some(0));
        assert_eq!(of(&[Work::Given]), Some(12));
        assert_eq!(of(&[Work::GivenUpTo(64), Work::Bytes(8)]), Some(9));
        assert_eq!(of(&[Work::Key, Work::Value]), Some(4));
        // Four home buckets and two more are read. Three elements fit.
        assert_eq!(of(&[Work::Clear]), Some(6 * 8 + 16));
        assert_eq!(of(&[Work::Dump]), Some(6 * 8 + 12));
        let array = map(MapKind::Array, 4, 20, 10);
        let given = Given {
            map: Some(&array),
            bytes: 0,
        };
        assert_eq!(instructions(&[Work::Clear], given), Some(10 * 3));
        assert_eq!(instructions(&[Work::Dump], given), Some(0));
    }

    #[test]
    fn work_about_a_map_without_one_is_not_nothing() {
        for work in [Work::Key, Work::Value, Work::Clear, Work::Dump] {
            assert_eq!(instructions(&[work], Given::default()), None);
        }
    }

    #[test]
    fn the_largest_sizes_do_not_overflow() {
        for kind in [MapKind::Array, MapKind::Hash, MapKind::Application(16)] {
            let map = map(kind, u32::MAX, u32::MAX, u32::MAX);
            let given = Given {
                map: Some(&map),
                bytes: u64::MAX,
            };
            let all = [Work::Given, Work::Key, Work::Value, Work::Clear, Work::Dump];
            assert_eq!(instructions(&all, given), Some(u64::MAX / 8));
        }
    }
}
