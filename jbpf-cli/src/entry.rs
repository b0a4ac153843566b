//! Entries of maps, decoded as far as possible.

use jbpf_channel::record::RecordType;
use jbpf_verifier::types::MapKind;
use serde::Serialize;

use crate::record::Record;

/// What is known of a map whose entries are shown.
#[derive(Clone, Copy)]
pub(crate) struct MapTypes<'a> {
    pub(crate) kind: MapKind,
    pub(crate) key: Option<&'a RecordType>,
    pub(crate) value: Option<&'a RecordType>,
}

/// A key and its value; serializes as their fields.
#[derive(Serialize)]
pub(crate) struct Entry<'a> {
    /// Whose copy it is, of kinds of which each thread has one.
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

    /// Whether each thread has a copy.
    pub(crate) fn is_per_thread(&self) -> bool {
        matches!(self.kind, MapKind::PerThreadArray | MapKind::PerThreadHash)
    }

    /// Entries of arrays are always there; those that hold nothing but zeros are as good as absent.
    pub(crate) fn is_absent(&self, value: &[u8]) -> bool {
        self.is_array() && value.iter().all(|byte| *byte == 0)
    }
}

impl<'a> MapTypes<'a> {
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

impl std::fmt::Display for Entry<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(thread) = self.thread {
            write!(f, "thread {thread}  ")?;
        }
        write!(f, "{}  {}", self.key, self.value)
    }
}
