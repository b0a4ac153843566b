//! The types around a program: maps, contexts and helpers, as the verifier sees them.
//!
//! They are plain owned values, so that they can come from a running process, from a socket or
//! from a test alike. The runtime builds its maps and helper bindings from these same values.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::work::{self, Given};
pub use crate::work::{BYTES_OF_AN_INSTRUCTION, PRINTF_BYTES, Work};

/// The most instructions that one call may execute where the application does not say otherwise. What helpers do with
/// sizes counts as well, see [`Work`].
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
    /// The kind of a number in a map definition; `None` for numbers that nobody defined.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::Array,
            2 => Self::Hash,
            3 => Self::RingBuf,
            4 => Self::ControlInput,
            5 => Self::PerThreadArray,
            6 => Self::PerThreadHash,
            7 => Self::Output,
            16.. => Self::Application(number),
            _ => return None,
        })
    }

    /// The number of a map definition.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Array => 1,
            Self::Hash => 2,
            Self::RingBuf => 3,
            Self::ControlInput => 4,
            Self::PerThreadArray => 5,
            Self::PerThreadHash => 6,
            Self::Output => 7,
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

    /// Whether records leave through it.
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

/// A map's definition. Two maps of equal definition can stand for each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapDef {
    /// The symbol's name; the section's name for `.rodata`, `.data` and `.bss`.
    pub name: String,
    /// What kind of map it is.
    pub kind: MapKind,
    /// Size of a key in bytes; 0 for channels.
    pub key_size: u32,
    /// Size of a value or record in bytes.
    pub value_size: u32,
    /// The most entries it holds.
    pub max_entries: u32,
    /// What else the definition says to a kind of the application's own.
    #[serde(default)]
    pub parameters: MapParameters,
    /// For a data section: its initial contents.
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

/// The last four numbers of a map's definition. Only kinds of the application's own give them a meaning; on
/// built-in kinds they are 0, whatever the definition says.
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
    /// `.rodata*`: never written, so that its bytes are constants to the verifier.
    pub read_only: bool,
}

/// What a codelet receives in r1, and what it may do with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextDef {
    /// The context struct's name.
    pub name: String,
    /// What r1 points at when the program starts.
    #[serde(default)]
    pub entry: EntryKind,
    /// Bytes that may be read; the number in r2 is this rounded up to a multiple of 8.
    pub readable: u32,
    /// What lies between `data` and `data_end`.
    pub region: RegionDef,
    /// The numbers from offset 16 on: `meta_data` (always writable) and the application's fields.
    pub fields: Vec<ContextFieldDef>,
    /// The most instructions one call may execute, if the application says so; else it is
    /// [`MAX_CALL_INSTRUCTIONS`].
    pub max_instructions: Option<u64>,
}

/// What r1 points at when a program starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// The context: what every hook passes.
    #[default]
    Context,
    /// The region itself, with its size in r2: what test vectors of the instruction set expect.
    Memory,
}

/// One number in a context. Any part of it may be read; stores stay inside writable ones.
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
    /// Bytes that are there without any comparison.
    pub known_size: u64,
    /// Whether more may be there, provable by comparing with `data_end`.
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
    /// What r1 to r5 must hold; registers beyond are not read.
    pub args: Vec<ArgKind>,
    /// What r0 holds afterwards.
    pub returns: ReturnKind,
    /// What a call does beside the call itself, all of it, at the most.
    pub work: Vec<Work>,
}

impl HelperProto {
    /// Instructions that count for what a call does beside the call itself: with `map` as its first map, and sizes of
    /// `bytes` in all. `None` if its work is about a map, and there is none.
    #[must_use]
    pub fn work_instructions(&self, map: Option<&MapDef>, bytes: u64) -> Option<u64> {
        work::instructions(&self.work, Given { map, bytes })
    }

    /// Whether two helpers differ in nothing but their names, so that a call of one may be a call of the other.
    #[must_use]
    pub fn same_shape(&self, other: &Self) -> bool {
        let renamed = Self {
            name: other.name.clone(),
            ..self.clone()
        };
        renamed == *other
    }
}

/// What one argument register must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArgKind {
    /// A number. Pointers are refused.
    Number,
    /// Anything initialised, never looked at: the ignored `flags` of map updates.
    Ignored,
    /// A map of one of these kinds.
    Map(MapKinds),
    /// Pointer to `key_size` readable bytes of the map in the nearest earlier [`ArgKind::Map`].
    MapKey,
    /// Pointer to `value_size` readable bytes of that map.
    MapValue,
    /// Pointer to readable memory whose size the next register gives ([`ArgKind::Size`]).
    Readable,
    /// Pointer to writable memory whose size the next register gives; the helper may write it, and
    /// bytes of the stack not written before count as zeroed.
    Writable,
    /// Pointer to this many readable bytes.
    ReadableFixed(u32),
    /// Pointer to this many readable and writable bytes, all initialised.
    WritableFixed(u32),
    /// The size of the memory in the register before; it may be 0.
    Size,
    /// As [`Size`](ArgKind::Size), and at most this number.
    SizeUpTo(u32),
    /// A printf format whose size the next register gives; the registers after that are its arguments.
    Format,
    /// An argument of the format: a number, or anything when the format is known not to use it.
    FormatArg,
}

/// Which kinds of map a helper takes.
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

/// What r0 holds after a helper call.
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

/// The helpers that a program may call, by id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelperTable {
    protos: Vec<HelperProto>,
}

impl HelperTable {
    /// A table of these prototypes; of two with one id the later one counts.
    #[must_use]
    pub fn new(protos: impl IntoIterator<Item = HelperProto>) -> Self {
        let mut table = Self::default();
        for proto in protos {
            table.insert(proto);
        }
        table
    }

    /// Adds a prototype, replacing the one with its id.
    pub fn insert(&mut self, proto: HelperProto) {
        match self.protos.binary_search_by_key(&proto.id, |p| p.id) {
            Ok(at) => {
                if let Some(slot) = self.protos.get_mut(at) {
                    *slot = proto;
                }
            }
            Err(at) => self.protos.insert(at, proto),
        }
    }

    /// The prototype of a helper.
    #[must_use]
    pub fn get(&self, id: u32) -> Option<&HelperProto> {
        self.protos
            .binary_search_by_key(&id, |p| p.id)
            .ok()
            .and_then(|at| self.protos.get(at))
    }

    /// All prototypes, by ascending id.
    pub fn iter(&self) -> impl Iterator<Item = &HelperProto> {
        self.protos.iter()
    }

    /// The nineteen built-in helpers (ABI: helpers).
    #[must_use]
    pub fn builtin() -> Self {
        use ArgKind::{
            Format, FormatArg, Ignored, Map, MapKey, MapValue, Number, Readable, Size, Writable,
        };
        let proto = |id, name: &str, args: &[ArgKind], returns, work: &[Work]| HelperProto {
            id,
            name: name.to_owned(),
            args: args.to_vec(),
            returns,
            work: work.to_vec(),
        };
        let only = |kinds: &[MapKind]| Map(MapKinds::Only(kinds.to_vec()));
        let values = Map(MapKinds::Values);
        let status = ReturnKind::Number {
            min: i32::MIN as i64,
            max: i32::MAX as i64,
        };
        let bit = ReturnKind::Number { min: 0, max: 1 };
        let u32_number = ReturnKind::Number {
            min: 0,
            max: u32::MAX as i64,
        };
        Self::new([
            proto(
                1,
                "map_lookup_elem",
                &[values.clone(), MapKey],
                ReturnKind::MapValueOrNull,
                &[Work::Key],
            ),
            proto(
                2,
                "map_lookup_reset_elem",
                &[values.clone(), MapKey],
                ReturnKind::MapValueOrNull,
                &[Work::Key, Work::Value],
            ),
            proto(
                3,
                "map_update_elem",
                &[values.clone(), MapKey, MapValue, Ignored],
                status,
                &[Work::Key, Work::Value],
            ),
            proto(
                4,
                "map_delete_elem",
                &[values.clone(), MapKey],
                status,
                &[Work::Key],
            ),
            proto(
                5,
                "map_clear",
                std::slice::from_ref(&values),
                status,
                &[Work::Clear],
            ),
            proto(
                6,
                "map_dump",
                &[values, Writable, Size, Ignored],
                status,
                &[Work::Dump],
            ),
            proto(7, "time_get_ns", &[], ReturnKind::AnyNumber, &[]),
            proto(8, "get_sys_time", &[Number], ReturnKind::AnyNumber, &[]),
            proto(
                9,
                "get_sys_time_diff_ns",
                &[Number, Number],
                ReturnKind::AnyNumber,
                &[],
            ),
            proto(10, "hash", &[Readable, Size], u32_number, &[Work::Given]),
            proto(
                11,
                "printf",
                &[Format, Size, FormatArg, FormatArg, FormatArg],
                status,
                &[Work::GivenUpTo(PRINTF_BYTES), Work::Bytes(PRINTF_BYTES)],
            ),
            proto(
                12,
                "ringbuf_output",
                &[only(&[MapKind::RingBuf]), Readable, Size],
                status,
                &[Work::Value],
            ),
            proto(
                13,
                "mark_runtime_init",
                &[],
                ReturnKind::Number { min: 0, max: 0 },
                &[],
            ),
            proto(14, "runtime_limit_exceeded", &[], bit, &[]),
            proto(
                15,
                "rand",
                &[],
                ReturnKind::Number {
                    min: 0,
                    max: i32::MAX as i64,
                },
                &[],
            ),
            proto(
                16,
                "control_input_receive",
                &[only(&[MapKind::ControlInput]), Writable, Size],
                ReturnKind::Number { min: -1, max: 1 },
                &[Work::Value],
            ),
            proto(
                17,
                "get_output_buf",
                &[only(&[MapKind::Output])],
                ReturnKind::OutputBufferOrNull,
                &[],
            ),
            proto(
                18,
                "send_output",
                &[only(&[MapKind::Output])],
                ReturnKind::SentOutput,
                &[],
            ),
            proto(31, "abort", &[Number], ReturnKind::Never, &[]),
        ])
    }
}
