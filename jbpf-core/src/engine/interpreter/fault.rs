//! Faults: acts that no verified program commits.

use std::fmt;

use crate::engine::BoundCodelet;
use crate::engine::abort::{Abort, AbortKind};

/// An instruction committed an act that no verified program commits: the verifier made a mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("instruction {insn} of codelet `{codelet}` {kind}")]
pub struct Fault {
    /// The codelet.
    pub codelet: String,
    /// Index of the instruction.
    pub insn: usize,
    /// The act of that instruction.
    pub kind: FaultKind,
}

impl Fault {
    pub(super) fn new(codelet: &BoundCodelet, insn: usize, kind: FaultKind) -> Self {
        Self {
            codelet: codelet.name().to_owned(),
            insn,
            kind,
        }
    }

    /// The abort that it counts as: the codelet left its call at that instruction.
    pub(super) fn abort(&self) -> Abort {
        let kind = match self.kind {
            FaultKind::Unreachable => AbortKind::Unreachable,
            _ => AbortKind::Guard,
        };
        Abort {
            kind,
            insn: self.insn,
        }
    }
}

/// The act of a faulting instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// An access to memory that the codelet was not given.
    OutOfBounds {
        /// Address of the first byte.
        address: u64,
        /// Number of bytes.
        size: usize,
    },
    /// A store to memory that it may only read.
    NotWritable {
        /// Address of the first byte.
        address: u64,
        /// Number of bytes.
        size: usize,
    },
    /// A read of a stack byte that was never written.
    UninitialisedStack {
        /// The byte's address.
        address: u64,
    },
    /// A read of a register that was never written.
    UninitialisedRegister {
        /// The register's number.
        register: u8,
    },
    /// An atomic operation that is not naturally aligned.
    Unaligned {
        /// The address.
        address: u64,
        /// The operand's size in bytes.
        size: usize,
    },
    /// An opcode, or one of its fields, that is none of the instruction set.
    UnknownInstruction {
        /// The opcode.
        opcode: u8,
    },
    /// A reference to a map that the program was not bound to, or of the wrong kind.
    UnknownMap {
        /// Index of the map.
        map: u64,
    },
    /// Execution left the program.
    EndOfProgram,
    /// Execution came to an instruction that no path was proven to reach.
    Unreachable,
    /// A call to a place at which no function starts.
    NoFunction {
        /// The instruction called.
        target: usize,
    },
    /// Calls nested too deep.
    TooManyFrames,
    /// More instructions than the verifier's worst case.
    TooManyInstructions {
        /// The worst case.
        limit: u64,
    },
    /// A call of a helper that does not exist.
    UnknownHelper {
        /// The id.
        helper: u32,
    },
    /// An argument that does not fit the helper's prototype.
    HelperArgument {
        /// The helper's id.
        helper: u32,
        /// The register.
        register: u8,
        /// Why, when memory is to blame.
        memory: Option<Box<FaultKind>>,
    },
    /// A helper returned what its prototype excludes: the helper made a mistake.
    HelperResult {
        /// The helper's id.
        helper: u32,
        /// The number that it returned.
        result: u64,
    },
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfBounds { address, size } => {
                write!(
                    f,
                    "accesses {size} bytes at {address:#x}, which is not its memory"
                )
            }
            Self::NotWritable { address, size } => {
                write!(
                    f,
                    "stores {size} bytes at {address:#x}, which it may only read"
                )
            }
            Self::UninitialisedStack { address } => {
                write!(
                    f,
                    "reads the stack byte at {address:#x}, which was never written"
                )
            }
            Self::UninitialisedRegister { register } => {
                write!(f, "reads r{register}, which was never written")
            }
            Self::Unaligned { address, size } => {
                write!(
                    f,
                    "operates atomically on {size} bytes at {address:#x}, which is not aligned"
                )
            }
            Self::UnknownInstruction { opcode } => {
                write!(
                    f,
                    "has opcode {opcode:#04x}, or fields of it, that do not exist"
                )
            }
            Self::UnknownMap { map } => write!(f, "refers to map {map}, which is not there"),
            Self::EndOfProgram => f.write_str("is not in the program"),
            Self::Unreachable => f.write_str("is reached, which no path was proven to do"),
            Self::NoFunction { target } => {
                write!(f, "calls instruction {target}, where no function starts")
            }
            Self::TooManyFrames => f.write_str("nests calls too deep"),
            Self::TooManyInstructions { limit } => {
                write!(f, "is one more than the worst case of {limit}")
            }
            Self::UnknownHelper { helper } => {
                write!(f, "calls helper {helper}, which does not exist")
            }
            Self::HelperArgument {
                helper,
                register,
                memory,
            } => {
                write!(
                    f,
                    "passes helper {helper} an argument in r{register} that it does not take"
                )?;
                match memory {
                    Some(memory) => write!(f, ": it {memory}"),
                    None => Ok(()),
                }
            }
            Self::HelperResult { helper, result } => {
                write!(
                    f,
                    "got {result:#x} from helper {helper}, which its prototype excludes"
                )
            }
        }
    }
}
