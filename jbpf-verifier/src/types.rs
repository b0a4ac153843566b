//! The types around a program: maps, contexts and helpers, as the verifier sees them.
//!
//! They are plain owned values, so that they can come from a running process, a socket or a test
//! alike. The runtime builds its maps and helper bindings from the same values.

mod table;

use std::fmt;
use std::sync::Arc;

use jbpf_abi::{context, helper, map};
use serde::{Deserialize, Serialize};

use crate::work::{self, Given};
pub use crate::work::{BYTES_OF_AN_INSTRUCTION, PRINTF_BYTES, Work};
pub use table::{HelperTable, SenselessHelper, SenselessPart};

/// The most instructions that one call may execute, unless the application sets another limit.
/// Work of helpers counts as well, see [`Work`].
pub const MAX_CALL_INSTRUCTIONS: u64 = 1_000_000;

/// The kind of a map, by the number in its definition (ABI: map types).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MapKind {
    /// 1: values by index.
    Array,
    /// 2: values by key.
    Hash,
    /// 3: output channel, copying.
    RingBuf,
    /// 4: input channel.
    ControlInput,
    /// 5: values by index, one copy a thread.
    PerThreadArray,
    /// 6: values by key, one copy a thread.
    PerThreadHash,
    /// 7: output channel, reserve and send.
    Output,
    /// 16 and up: a kind of the application's own.
    Application(u32),
}

impl MapKind {
    /// The kind of a number in a map definition. `None` for undefined numbers.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            map::ARRAY => Self::Array,
            map::HASHMAP => Self::Hash,
            map::RINGBUF => Self::RingBuf,
            map::CONTROL_INPUT => Self::ControlInput,
            map::PER_THREAD_ARRAY => Self::PerThreadArray,
            map::PER_THREAD_HASHMAP => Self::PerThreadHash,
            map::OUTPUT => Self::Output,
            map::FIRST_OF_APPLICATION.. => Self::Application(number),
            _ => return None,
        })
    }

    /// The number of a map definition.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Array => map::ARRAY,
            Self::Hash => map::HASHMAP,
            Self::RingBuf => map::RINGBUF,
            Self::ControlInput => map::CONTROL_INPUT,
            Self::PerThreadArray => map::PER_THREAD_ARRAY,
            Self::PerThreadHash => map::PER_THREAD_HASHMAP,
            Self::Output => map::OUTPUT,
            Self::Application(number) => number,
        }
    }

    /// Whether lookups give pointers to values, by key.
    #[must_use]
    pub const fn holds_values(self) -> bool {
        matches!(
            self,
            Self::Array
                | Self::Hash
                | Self::PerThreadArray
                | Self::PerThreadHash
                | Self::Application(_)
        )
    }

    /// Whether it takes records out.
    #[must_use]
    pub const fn is_output(self) -> bool {
        matches!(self, Self::RingBuf | Self::Output)
    }

    /// Whether it is a channel of either direction.
    #[must_use]
    pub const fn is_channel(self) -> bool {
        self.is_output() || matches!(self, Self::ControlInput)
    }
}

/// The name as in definitions of maps (`ARRAY`, `HASHMAP`, ...), or the number for a kind of the
/// application's own.
impl fmt::Display for MapKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number();
        match map::NAMES.iter().find(|(known, _)| *known == number) {
            Some((_, name)) => f.pad(name),
            None => f.pad(&number.to_string()),
        }
    }
}

/// A map's definition. Two maps with equal definitions can stand for each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapDef {
    /// The symbol's name, or the section's name for `.rodata`, `.data` and `.bss`.
    pub name: String,
    /// The map's kind.
    pub kind: MapKind,
    /// Size of a key in bytes, or 0 for channels.
    pub key_size: u32,
    /// Size of a value or record in bytes.
    pub value_size: u32,
    /// The most entries it holds.
    pub max_entries: u32,
    /// Further numbers of the definition, for kinds of the application's own.
    #[serde(default)]
    pub parameters: MapParameters,
    /// The initial contents, for a data section.
    pub section: Option<DataSection>,
}

impl MapDef {
    /// Whether two maps differ in nothing but their names, so that one can stand for the other.
    #[must_use]
    pub fn same_shape(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.key_size == other.key_size
            && self.value_size == other.value_size
            && self.max_entries == other.max_entries
            && self.parameters == other.parameters
            && self.section == other.section
    }
}

/// The last four numbers of a map's definition. They mean something only to kinds of the
/// application's own. For built-in kinds they are 0, whatever the definition says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MapParameters {
    /// `map_flags`.
    pub flags: u32,
    /// `inner_map_idx`.
    pub inner_map: u32,
    /// `numa_node`.
    pub numa_node: u32,
    /// `nb_hash_functions`.
    pub hash_functions: u32,
}

/// The contents of a data section, which codelets address directly as the one value of an array.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSection {
    /// `value_size` bytes.
    pub contents: Arc<[u8]>,
    /// Whether it is `.rodata*`, which is never written, so that its bytes are constants to the
    /// verifier.
    pub read_only: bool,
}

/// The argument that a codelet receives in r1, and the rights that it has on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextDef {
    /// The context struct's name.
    pub name: String,
    /// The target of r1 when the program starts.
    #[serde(default)]
    pub entry: EntryKind,
    /// The number of bytes that may be read. r2 holds this number, rounded up to a multiple of 8.
    pub readable: u32,
    /// The memory between `data` and `data_end`.
    pub region: RegionDef,
    /// The numbers from offset 16 on: `meta_data` (always writable) and the application's fields.
    pub fields: Vec<ContextFieldDef>,
    /// The most instructions that one call may execute, if the application sets a limit.
    /// Otherwise, the limit is [`MAX_CALL_INSTRUCTIONS`].
    pub max_instructions: Option<u64>,
}

impl ContextDef {
    /// The context that stands for every hook if none is at hand (ABI: `jbpf_generic_ctx`).
    #[must_use]
    pub fn generic() -> Self {
        Self::offline("jbpf_generic_ctx", "ctx_id")
    }

    /// The same for statistics hooks (ABI: `jbpf_stats_ctx`).
    #[must_use]
    pub fn stats() -> Self {
        Self::offline("jbpf_stats_ctx", "meas_period")
    }

    /// No context: r1 points at `len` writable bytes, 8-byte aligned, and r2 is `len`. Test
    /// vectors of the instruction set are written for this.
    #[must_use]
    pub fn memory(len: u64) -> Self {
        Self {
            name: "memory".to_owned(),
            entry: EntryKind::Memory,
            readable: 0,
            region: RegionDef {
                known_size: len,
                sized_by_end: false,
                writable: true,
                align: 8,
            },
            fields: Vec::new(),
            max_instructions: None,
        }
    }

    fn offline(name: &str, field: &str) -> Self {
        Self {
            name: name.to_owned(),
            entry: EntryKind::Context,
            readable: context::STANDARD_READABLE,
            region: RegionDef {
                known_size: 0,
                sized_by_end: true,
                writable: true,
                align: 8,
            },
            fields: vec![
                ContextFieldDef::meta_data(),
                ContextFieldDef {
                    name: field.to_owned(),
                    offset: context::FIELDS,
                    size: 4,
                    writable: false,
                },
            ],
            max_instructions: None,
        }
    }
}

impl ContextFieldDef {
    /// The word of every context that the codelets of one call share (ABI: contexts).
    #[must_use]
    pub fn meta_data() -> Self {
        Self {
            name: "meta_data".to_owned(),
            offset: context::META_DATA,
            size: 8,
            writable: true,
        }
    }
}

/// The target of r1 when a program starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// The context, as every hook passes it.
    #[default]
    Context,
    /// The region itself, with its size in r2, as test vectors of the instruction set expect it.
    Memory,
}

/// One number in a context. A codelet may read any part of it, and store inside writable ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextFieldDef {
    /// The field's name.
    pub name: String,
    /// Offset from the start of the context, in bytes.
    pub offset: u32,
    /// Size in bytes.
    pub size: u32,
    /// Whether it may be stored to.
    pub writable: bool,
}

/// The data region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionDef {
    /// The number of bytes that are there without any comparison.
    pub known_size: u64,
    /// Whether more bytes may be there, as comparisons with `data_end` can prove.
    pub sized_by_end: bool,
    /// Whether it may be stored to.
    pub writable: bool,
    /// Alignment of its start in bytes, a power of two.
    pub align: u64,
}

/// A helper function as the verifier checks calls to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelperProto {
    /// The number in the call instruction.
    pub id: u32,
    /// Its name, for reports.
    pub name: String,
    /// The values that r1 to r5 must hold. Registers beyond the list are not read.
    pub args: Vec<ArgKind>,
    /// The value of r0 after the call.
    pub returns: ReturnKind,
    /// All the work of a call besides the call itself, at most.
    pub work: Vec<Work>,
}

impl HelperProto {
    /// The prototype of a built-in helper, with its work besides the call itself.
    fn builtin(id: u32, name: &str) -> Option<Self> {
        use ArgKind::{
            Format, FormatArg, Ignored, Map, MapKey, MapValue, Number, Readable, Size, Writable,
        };
        let only = |kind| Map(MapKinds::Only(vec![kind]));
        let values = Map(MapKinds::Values);
        let number = |min, max| ReturnKind::Number { min, max };
        let status = number(i32::MIN.into(), i32::MAX.into());
        let (args, returns, work) = match id {
            helper::MAP_LOOKUP_ELEM => (
                vec![values, MapKey],
                ReturnKind::MapValueOrNull,
                vec![Work::Key],
            ),
            helper::MAP_LOOKUP_RESET_ELEM => (
                vec![values, MapKey],
                ReturnKind::MapValueOrNull,
                vec![Work::Key, Work::Value],
            ),
            helper::MAP_UPDATE_ELEM => (
                vec![values, MapKey, MapValue, Ignored],
                status,
                vec![Work::Key, Work::Value],
            ),
            helper::MAP_DELETE_ELEM => (vec![values, MapKey], status, vec![Work::Key]),
            helper::MAP_CLEAR => (vec![values], status, vec![Work::Clear]),
            helper::MAP_DUMP => (
                vec![values, Writable, Size, Ignored],
                status,
                vec![Work::Dump],
            ),
            helper::TIME_GET_NS => (vec![], ReturnKind::AnyNumber, vec![]),
            helper::GET_SYS_TIME => (vec![Number], ReturnKind::AnyNumber, vec![]),
            helper::GET_SYS_TIME_DIFF_NS => (vec![Number, Number], ReturnKind::AnyNumber, vec![]),
            helper::HASH => (
                vec![Readable, Size],
                number(0, u32::MAX.into()),
                vec![Work::Given],
            ),
            helper::PRINTF => (
                vec![Format, Size, FormatArg, FormatArg, FormatArg],
                status,
                vec![Work::GivenUpTo(PRINTF_BYTES), Work::Bytes(PRINTF_BYTES)],
            ),
            helper::RINGBUF_OUTPUT => (
                vec![only(MapKind::RingBuf), Readable, Size],
                status,
                vec![Work::Value],
            ),
            helper::MARK_RUNTIME_INIT => (vec![], number(0, 0), vec![]),
            helper::RUNTIME_LIMIT_EXCEEDED => (vec![], number(0, 1), vec![]),
            helper::RAND => (vec![], number(0, i32::MAX.into()), vec![]),
            helper::CONTROL_INPUT_RECEIVE => (
                vec![only(MapKind::ControlInput), Writable, Size],
                number(-1, 1),
                vec![Work::Value],
            ),
            helper::GET_OUTPUT_BUF => (
                vec![only(MapKind::Output)],
                ReturnKind::OutputBufferOrNull,
                vec![],
            ),
            helper::SEND_OUTPUT => (vec![only(MapKind::Output)], ReturnKind::SentOutput, vec![]),
            helper::ABORT => (vec![Number], ReturnKind::Never, vec![]),
            _ => return None,
        };
        Some(Self {
            id,
            name: name.to_owned(),
            args,
            returns,
            work,
        })
    }

    /// The instructions that count for a call's work besides the call itself, if `map` is its
    /// first map and its sizes are `bytes` in all. `None` if its work is about a map, and there is
    /// none.
    #[must_use]
    pub fn work_instructions(&self, map: Option<&MapDef>, bytes: u64) -> Option<u64> {
        work::instructions(&self.work, Given { map, bytes })
    }

    /// Whether two helpers differ only in their names, so that a call of one may be a call of the
    /// other.
    #[must_use]
    pub fn same_shape(&self, other: &Self) -> bool {
        let renamed = Self {
            name: other.name.clone(),
            ..self.clone()
        };
        renamed == *other
    }
}

/// The value that one argument register must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArgKind {
    /// A number. Pointers are refused.
    Number,
    /// Any initialised value, which is never looked at: the ignored `flags` of map updates.
    Ignored,
    /// A map of one of these kinds.
    Map(MapKinds),
    /// Pointer to `key_size` readable bytes of the map in the nearest earlier [`ArgKind::Map`].
    MapKey,
    /// Pointer to `value_size` readable bytes of that map.
    MapValue,
    /// Pointer to readable memory. The next register holds its size ([`ArgKind::Size`]).
    Readable,
    /// Pointer to writable memory. The next register holds its size. The helper may write it, and
    /// bytes of the stack that were not written before count as zeroed.
    Writable,
    /// Pointer to this many readable bytes.
    ReadableFixed(u32),
    /// Pointer to this many readable and writable bytes, all initialised.
    WritableFixed(u32),
    /// The size of the memory in the previous register. It may be 0.
    Size,
    /// Like [`Size`](ArgKind::Size), and at most this number.
    SizeUpTo(u32),
    /// A printf format. The next register holds its size, and the registers after that are its
    /// arguments.
    Format,
    /// An argument of the format: a number, or any value if the format is known not to use it.
    FormatArg,
}

/// The kinds of map that a helper takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MapKinds {
    /// Every kind.
    Any,
    /// Kinds that hold values by key, the application's own included.
    Values,
    /// Exactly these.
    Only(Vec<MapKind>),
}

/// The value of r0 after a helper call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnKind {
    /// A number between these bounds, as signed 64-bit.
    Number {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// Any 64-bit number.
    AnyNumber,
    /// A pointer to a value of the map in r1, or null.
    MapValueOrNull,
    /// A pointer to a record of the OUTPUT map in r1, valid until `send_output`, or null.
    OutputBufferOrNull,
    /// After `send_output`: 0 or negative; the record of the map in r1 is gone.
    SentOutput,
    /// Nothing: the call leaves the codelet and never comes back.
    Never,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_maps_have_the_numbers_of_the_abi() {
        for (number, name) in map::NAMES {
            let kind = MapKind::from_number(number);
            assert_eq!(kind.map(MapKind::number), Some(number));
            assert_eq!(kind.map(|kind| kind.to_string()).as_deref(), Some(name));
        }
        assert_eq!(MapKind::from_number(map::FIRST_OF_APPLICATION - 1), None);
        let own = MapKind::from_number(map::FIRST_OF_APPLICATION);
        assert_eq!(own, Some(MapKind::Application(map::FIRST_OF_APPLICATION)));
    }
}
