//! The instruction gate: raw slots in, instructions of RFC 9669 (ISA v1 to v4) out.
//!
//! `gate` decodes and judges. It passes exactly the instructions that verifier and engine both
//! implement: every reserved field is zero, every register exists, and nothing writes r10. Later
//! rooms match on [`Insn`] and never see an opcode.

mod gate;

pub(crate) use gate::{GateError, decode};

use crate::scalar::{AluOp, JumpCond, Width};

/// The most slots of a program.
pub const MAX_INSTRUCTIONS: usize = 65_536;

/// The most maps of a program, data sections included.
pub const MAX_MAPS: usize = 256;

/// A register that exists: r0 to r10.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Reg(u8);

impl Reg {
    pub(crate) const R0: Self = Self(0);
    pub(crate) const R1: Self = Self(1);
    pub(crate) const R2: Self = Self(2);
    pub(crate) const FRAME: Self = Self(10);

    const fn new(number: u8) -> Option<Self> {
        if number > 10 {
            return None;
        }
        Some(Self(number))
    }

    /// r1 to r5, in the order of a helper's arguments.
    pub(crate) const ARGUMENTS: [Self; 5] = [Self(1), Self(2), Self(3), Self(4), Self(5)];

    /// All registers that instructions can write: r0 to r9.
    pub(crate) const WRITABLE: [Self; 10] = [
        Self(0),
        Self(1),
        Self(2),
        Self(3),
        Self(4),
        Self(5),
        Self(6),
        Self(7),
        Self(8),
        Self(9),
    ];

    pub(crate) const fn number(self) -> u8 {
        self.0
    }

    pub(crate) const fn bit(self) -> u16 {
        1 << self.0
    }
}

impl std::fmt::Display for Reg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "r{}", self.0)
    }
}

/// The right operand of an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operand {
    Reg(Reg),
    /// An immediate, sign-extended to 64 bits.
    Imm(u64),
}

impl Operand {
    pub(crate) fn reg(self) -> Option<Reg> {
        match self {
            Self::Reg(reg) => Some(reg),
            Self::Imm(_) => None,
        }
    }
}

/// How a byte swap treats its operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Swap {
    /// To little endian: keeps the low bits.
    ToLittle,
    /// Reverses the low bytes: to big endian, or unconditionally.
    Reverse,
}

/// The effect of an atomic operation on memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtomicOp {
    /// Combines memory with a register. `fetch` says whether it returns the old value.
    Combine { fetch: bool },
    /// Exchanges memory and register.
    Exchange,
    /// Stores the register if memory equals r0; r0 becomes the old value.
    CompareExchange,
}

/// One instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Insn {
    Alu {
        op: AluOp,
        width: Width,
        dst: Reg,
        rhs: Operand,
    },
    /// A move that sign-extends from `bits`.
    MoveSigned {
        width: Width,
        dst: Reg,
        src: Reg,
        bits: u32,
    },
    Swap {
        swap: Swap,
        dst: Reg,
        bits: u32,
    },
    Load {
        dst: Reg,
        base: Reg,
        offset: i16,
        size: u8,
        signed: bool,
    },
    Store {
        base: Reg,
        offset: i16,
        size: u8,
        value: Operand,
    },
    Atomic {
        op: AtomicOp,
        base: Reg,
        offset: i16,
        size: u8,
        src: Reg,
    },
    /// A wide load of a number.
    Wide {
        dst: Reg,
        value: u64,
    },
    /// A wide load of a map.
    WideMap {
        dst: Reg,
        map: usize,
    },
    /// A wide load of an address in a data section.
    WideData {
        dst: Reg,
        map: usize,
        offset: u32,
    },
    /// The second slot of a wide load.
    WideTail,
    Jump {
        target: usize,
    },
    Branch {
        cond: JumpCond,
        width: Width,
        lhs: Reg,
        rhs: Operand,
        target: usize,
    },
    CallHelper {
        id: u32,
        /// Whether control goes on after the call.
        returns: bool,
    },
    CallFunction {
        target: usize,
    },
    Exit,
}

impl Insn {
    /// The number of slots that it takes.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Wide { .. } | Self::WideMap { .. } | Self::WideData { .. } => 2,
            _ => 1,
        }
    }

    /// Whether the next instruction is never the one behind it.
    pub(crate) fn goes_elsewhere(&self) -> bool {
        matches!(
            self,
            Self::Exit | Self::Jump { .. } | Self::CallHelper { returns: false, .. }
        )
    }
}
