//! Programs before and after verification.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::types::{ContextDef, HelperTable, MapDef};

/// A linked program: one array of instructions, with all references resolved. Nothing about it is
/// trusted.
///
/// Wide loads (`lddw`, opcode 0x18) refer to maps by the source registers of RFC 9669: 5 is "map
/// by index" (the map itself), and 6 is "value of map by index plus the offset in the second
/// immediate" (a data section). Calls between functions have source register 1 and a relative
/// target. The entry is instruction 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Program {
    /// The codelet's name, for reports.
    pub name: String,
    /// The instructions; a wide load takes two slots.
    pub insns: Vec<RawInsn>,
    /// The maps that instructions refer to by index.
    pub maps: Vec<MapDef>,
    /// Names of functions by their first instruction, ascending. It may be empty.
    pub functions: Vec<FunctionName>,
    /// Source lines by instruction, ascending. It is empty if the object has no debug information.
    pub lines: Vec<LineInfo>,
}

impl Program {
    /// The source line that an instruction came from, if the object says.
    #[must_use]
    pub fn line_of(&self, insn: usize) -> Option<&LineInfo> {
        let next = self.lines.partition_point(|line| line.insn <= insn);
        self.lines.get(next.checked_sub(1)?)
    }

    /// The name of the function that an instruction is in, if the object says.
    #[must_use]
    pub fn function_of(&self, insn: usize) -> Option<&str> {
        let next = self
            .functions
            .partition_point(|function| function.start <= insn);
        let function = self.functions.get(next.checked_sub(1)?)?;
        Some(&function.name)
    }
}

/// One 8-byte slot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct RawInsn {
    /// Operation code.
    pub opcode: u8,
    /// Destination register, 0 to 15 as encoded.
    pub dst: u8,
    /// Source register, 0 to 15 as encoded.
    pub src: u8,
    /// Signed offset.
    pub off: i16,
    /// Signed immediate.
    pub imm: i32,
}

impl RawInsn {
    /// Decodes one slot.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        let [opcode, regs, o0, o1, i0, i1, i2, i3] = bytes;
        Self {
            opcode,
            dst: regs & 0xf,
            src: regs >> 4,
            off: i16::from_le_bytes([o0, o1]),
            imm: i32::from_le_bytes([i0, i1, i2, i3]),
        }
    }

    /// Encodes one slot.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        let [o0, o1] = self.off.to_le_bytes();
        let [i0, i1, i2, i3] = self.imm.to_le_bytes();
        [
            self.opcode,
            self.dst & 0xf | self.src << 4,
            o0,
            o1,
            i0,
            i1,
            i2,
            i3,
        ]
    }
}

/// The start and the name of a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionName {
    /// Its first instruction.
    pub start: usize,
    /// Its symbol.
    pub name: String,
}

/// The source line of an instruction, and of all after it up to the next entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineInfo {
    /// The instruction.
    pub insn: usize,
    /// Path as the compiler wrote it.
    pub file: Arc<str>,
    /// Line number, from 1.
    pub line: u32,
    /// Column number, from 1; 0 if unknown.
    pub column: u32,
    /// The line's text as the object carries it.
    pub text: Arc<str>,
}

/// Index of a map in [`Program::maps`].
pub type MapIndex = usize;

/// A program that the verifier accepted, with the facts that it proved.
///
/// Only [`verify`](crate::verify) makes one. It keeps the values that it was verified against; the
/// engine takes them from here and no others.
#[derive(Debug, Clone)]
pub struct VerifiedProgram {
    pub(crate) program: Arc<Program>,
    pub(crate) context: Arc<ContextDef>,
    pub(crate) helpers: Arc<HelperTable>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) objects: BTreeMap<(usize, u8), Objects>,
    pub(crate) functions: Vec<VerifiedFunction>,
    pub(crate) summary: Summary,
}

impl VerifiedProgram {
    /// The program as it was given to the verifier.
    #[must_use]
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// The context that it was verified against.
    #[must_use]
    pub fn context(&self) -> &Arc<ContextDef> {
        &self.context
    }

    /// The helper table that it was verified against.
    #[must_use]
    pub fn helpers(&self) -> &Arc<HelperTable> {
        &self.helpers
    }

    /// The proven fact of each slot of [`Program::insns`], index for index.
    #[must_use]
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// The objects that an operand of an instruction may point into, on all paths. Operand 0 is
    /// the address of a load, store or atomic operation. Operands 1 to 5 are the argument
    /// registers of a helper call. `None` for an operand that is no pointer, and for memory of no
    /// bytes.
    #[must_use]
    pub fn objects(&self, insn: usize, operand: u8) -> Option<&Objects> {
        self.objects.get(&(insn, operand))
    }

    /// Whether some path touches the data region, itself or by a helper.
    #[must_use]
    pub fn touches_region(&self) -> bool {
        self.objects.values().any(|objects| objects.region)
    }

    /// The functions in the order of their first instruction; the first is the entry.
    #[must_use]
    pub fn functions(&self) -> &[VerifiedFunction] {
        &self.functions
    }

    /// Worst case and resources.
    #[must_use]
    pub fn summary(&self) -> &Summary {
        &self.summary
    }
}

/// A fact that holds of one instruction on every path that reaches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fact {
    /// No path reaches it, or it is the second slot of a wide load. No code is needed.
    #[default]
    Unreachable,
    /// Some path reaches it, and nothing more is known.
    Reached,
    /// A load, store or atomic operation on one kind of memory.
    Memory(MemorySpace),
    /// A conditional jump.
    Branch(BranchOutcome),
    /// A call of a helper, with the first map that it is given.
    HelperCall {
        /// The map, if all paths pass the same one.
        map: Option<MapIndex>,
    },
}

/// The kind of memory that an access touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MemorySpace {
    /// The context.
    Context,
    /// A stack frame of this codelet.
    Stack,
    /// The data region.
    Region,
    /// A value of a map, or a data section. Other threads may load and store there at the same
    /// time.
    MapValue,
    /// A value of a per-thread map, or read-only data. No other thread stores there while the
    /// codelet runs.
    PrivateValue,
    /// A record of an OUTPUT map.
    OutputBuffer,
    /// Different kinds on different paths.
    Mixed,
}

impl MemorySpace {
    /// The kind of an access that touches this kind on one path and `other` on another.
    pub(crate) fn or(self, other: Self) -> Self {
        match (self, other) {
            _ if self == other => self,
            (Self::MapValue, Self::PrivateValue) | (Self::PrivateValue, Self::MapValue) => {
                Self::MapValue
            }
            _ => Self::Mixed,
        }
    }
}

/// The objects that a pointer may point into when it is used: all those that it points into on
/// some path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Objects {
    /// The context.
    pub context: bool,
    /// The frame of the function that the instruction is in.
    pub own_frame: bool,
    /// A frame of a caller that waits for the function to return.
    pub caller_frames: bool,
    /// The data region.
    pub region: bool,
    /// A value of one of these maps, or one of these data sections. Ascending.
    pub values: Vec<MapIndex>,
    /// A record of one of these OUTPUT maps, reserved and not sent. Ascending.
    pub records: Vec<MapIndex>,
    /// One of these maps itself, as helpers take it. Ascending.
    pub maps: Vec<MapIndex>,
}

/// The ways that a conditional jump can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BranchOutcome {
    /// Either.
    Both,
    /// Always to its target.
    Always,
    /// Always to the next instruction.
    Never,
}

/// A function of a verified program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedFunction {
    /// First instruction.
    pub start: usize,
    /// One past its last instruction.
    pub end: usize,
    /// Bytes of stack it uses below its frame pointer, 0 to 512.
    pub stack_size: u32,
    /// Stack bytes that a helper may be handed before the codelet wrote them. The engine zeroes
    /// them on entry.
    pub zero_on_entry: Vec<StackBytes>,
}

/// A range of bytes in a stack frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StackBytes {
    /// Offset from the frame pointer (r10) of the first byte, -512 to -1.
    pub offset: i32,
    /// Number of bytes.
    pub len: u32,
}

/// The cost of a codelet, and the resources that it uses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The most instructions that one call can execute, the work of helpers included.
    pub worst_case_instructions: u64,
    /// Bytes of stack over the deepest chain of calls.
    pub stack_bytes: u32,
    /// Ids of the helpers that reachable code calls, ascending.
    pub helpers: Vec<u32>,
    /// Indices of the maps that reachable code refers to, ascending.
    pub maps: Vec<MapIndex>,
    /// Instructions that the verifier processed.
    pub processed: u64,
    /// The number of paths that went on as part of a state wider than their own: merged with
    /// another at the head of a loop, or joined with proven states. If it is 0, the facts are
    /// those of the paths alone.
    pub merged: u64,
}
