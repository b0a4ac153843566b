//! Entries of maps, decoded as far as possible.

use jbpf_channel::record::{FieldType, NumberKind, RecordField, RecordType};
use jbpf_operator::client::Operator;
use jbpf_operator::info::CodeletsetInfo;
use jbpf_operator::protocol::{MapBody, MapPage};
use jbpf_verifier::types::MapKind;
use serde::Serialize;

use crate::output::Failure;
use crate::record::{Record, only_field};
use crate::total;

/// The most bins of a histogram.
const MOST_BINS: u32 = 256;

/// The map whose entries are shown.
#[derive(Clone, Copy)]
pub(crate) struct MapTypes<'a> {
    pub(crate) kind: MapKind,
    pub(crate) key: Option<&'a RecordType>,
    pub(crate) value: Option<&'a RecordType>,
}

/// A key and its value; serializes as their fields.
#[derive(Serialize)]
pub(crate) struct Entry<'a> {
    /// The thread whose copy it is, for kinds with a copy for each thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) thread: Option<u32>,
    pub(crate) key: Record<'a>,
    pub(crate) value: Record<'a>,
}

impl MapTypes<'_> {
    /// Whether keys are indexes.
    pub(crate) fn is_array(&self) -> bool {
        matches!(self.kind, MapKind::Array | MapKind::PerThreadArray)
    }

    /// Whether the copies of threads can be added up.
    pub(crate) fn is_sum(&self) -> bool {
        self.value.is_some_and(total::is_sum)
    }

    /// Whether this is an array of a few counts.
    pub(crate) fn is_histogram(&self, max_entries: u32) -> bool {
        let count = |field: &RecordField| {
            matches!(
                field.ty,
                FieldType::Number {
                    kind: NumberKind::Unsigned,
                    size: 4 | 8,
                }
            )
        };
        self.is_array()
            && (2..=MOST_BINS).contains(&max_entries)
            && self.value.and_then(only_field).is_some_and(count)
    }

    /// Whether each thread has a copy.
    pub(crate) fn is_per_thread(&self) -> bool {
        matches!(self.kind, MapKind::PerThreadArray | MapKind::PerThreadHash)
    }

    /// Entries of arrays are always there; those that hold nothing but zeros are as good as
    /// absent.
    pub(crate) fn is_absent(&self, value: &[u8]) -> bool {
        self.is_array() && value.iter().all(|byte| *byte == 0)
    }
}

impl<'a> MapTypes<'a> {
    /// An entry that stands for the copies of all threads.
    pub(crate) fn total(&self, key: &'a [u8], value: &'a [u8]) -> Entry<'a> {
        Entry {
            thread: None,
            ..self.entry(0, key, value)
        }
    }

    /// An entry of this map.
    pub(crate) fn entry(&self, thread: u32, key: &'a [u8], value: &'a [u8]) -> Entry<'a> {
        Entry {
            thread: self.is_per_thread().then_some(thread),
            key: match key.first_chunk() {
                Some(index) if self.is_array() => Record::Index(u32::from_le_bytes(*index)),
                _ => Record::new(self.key, key),
            },
            value: Record::new(self.value, value),
        }
    }
}

/// Entries of a map as records of one layout: the thread, the key, the value.
pub(crate) struct EntryRecords {
    pub(crate) layout: RecordType,
}

impl EntryRecords {
    /// Those of the map that the page is of.
    pub(crate) fn of(page: &MapPage) -> Self {
        let types = MapTypes::from(page);
        let mut fields = Vec::new();
        if types.is_per_thread() {
            fields.push(field("thread", 0, index()));
        }
        let (key, value) = (page.map.key_size, page.map.value_size);
        let key_type = if types.is_array() {
            index()
        } else {
            type_of(types.key, key)
        };
        fields.push(field("key", THREAD, key_type));
        let value_at = THREAD.saturating_add(key);
        fields.push(field("value", value_at, type_of(types.value, value)));
        Self {
            layout: RecordType {
                name: format!("{}_entry", page.map.name),
                size: value_at.saturating_add(value),
                fields,
            },
        }
    }

    /// An entry's record.
    pub(crate) fn bytes(&self, thread: u32, key: &[u8], value: &[u8]) -> Vec<u8> {
        [&thread.to_le_bytes(), key, value].concat()
    }
}

/// Size of the thread's number in bytes.
const THREAD: u32 = 4;

fn field(name: &str, offset: u32, ty: FieldType) -> RecordField {
    RecordField {
        name: name.to_owned(),
        offset,
        ty,
    }
}

fn index() -> FieldType {
    FieldType::Number {
        kind: NumberKind::Unsigned,
        size: 4,
    }
}

fn type_of(known: Option<&RecordType>, size: u32) -> FieldType {
    match known {
        Some(layout) => match only_field(layout) {
            Some(field) => field.ty.clone(),
            None => FieldType::Struct(layout.clone()),
        },
        None => FieldType::Opaque { size },
    }
}

impl<'a> From<&'a MapPage> for MapTypes<'a> {
    fn from(page: &'a MapPage) -> Self {
        Self {
            kind: page.map.kind,
            key: page.key_type.as_ref(),
            value: page.value_type.as_ref(),
        }
    }
}

/// The maps of a codeletset that hold values, each with its codelet: all of them, or those that
/// are called `map` or `codelet/map`.
pub(crate) fn maps<'a>(
    set: &'a CodeletsetInfo,
    name: Option<&str>,
) -> Result<Vec<(&'a str, &'a str)>, Failure> {
    let maps = set.codelets.iter().flat_map(|codelet| {
        let maps = codelet.maps.iter().filter(|map| map.kind.holds_values());
        maps.map(move |map| (codelet.name.as_str(), map.name.as_str()))
    });
    let Some(wanted) = name else {
        return Ok(maps.collect());
    };
    let is_wanted = |codelet: &str, map: &str| match wanted.split_once('/') {
        Some(parts) => parts == (codelet, map),
        None => wanted == map,
    };
    let found = maps
        .clone()
        .filter(|(codelet, map)| is_wanted(codelet, map));
    let found: Vec<_> = found.collect();
    if found.is_empty() {
        return Err(Failure::NoMap {
            id: set.id.clone(),
            wanted: wanted.to_owned(),
            existing: maps.map(|(_, map)| map.to_owned()).collect(),
        });
    }
    Ok(found)
}

/// The only one of these maps, where a format takes one layout.
pub(crate) fn only<'a>(
    set: &CodeletsetInfo,
    maps: &[(&'a str, &'a str)],
) -> Result<(&'a str, &'a str), Failure> {
    match maps {
        [only] => Ok(*only),
        several => Err(Failure::SeveralMaps {
            id: set.id.clone(),
            existing: several
                .iter()
                .map(|(codelet, map)| format!("{codelet}/{map}"))
                .collect(),
        }),
    }
}

/// The layout of a map's entries, as records.
pub(crate) fn layout_of(
    operator: &mut Operator,
    id: &str,
    name: &str,
) -> Result<RecordType, Failure> {
    let set = operator.show(id)?;
    let (codelet, map) = only(&set, &maps(&set, Some(name))?)?;
    let page = operator.map(&MapBody {
        codeletset: id.to_owned(),
        codelet: codelet.to_owned(),
        map: map.to_owned(),
        skip: 0,
        limit: Some(1),
    })?;
    Ok(EntryRecords::of(&page).layout)
}

impl std::fmt::Display for Entry<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(thread) = self.thread {
            write!(f, "thread {thread}  ")?;
        }
        write!(f, "{}  {}", self.key, self.value)
    }
}
