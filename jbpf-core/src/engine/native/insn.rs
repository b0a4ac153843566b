//! Instructions as the lowering reads them: decoded once, each with exactly the operands that it
//! needs.
//!
//! The interpreter reads opcodes on its own: a mistake made here then shows as a difference
//! between the engines.

use jbpf_verifier::RawInsn;

/// A source operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operand {
    /// A register.
    Register(u8),
    /// The immediate, sign-extended to 64 bits.
    Immediate(i32),
}

/// Two-operand arithmetic: `dst = dst op src`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AluOp {
    Add,
    Sub,
    Mul,
    Div,
    SignedDiv,
    Mod,
    SignedMod,
    Or,
    And,
    Xor,
    ShiftLeft,
    ShiftRight,
    ArithmeticShiftRight,
}

/// A comparison of a conditional jump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    SignedGreater,
    SignedGreaterOrEqual,
    SignedLess,
    SignedLessOrEqual,
    /// Any bit in common.
    Intersects,
}

/// Byte order conversions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ByteOrder {
    /// To little endian: on little-endian hosts only the truncation remains.
    Little,
    /// To big endian.
    Big,
    /// Swapped whatever the host is.
    Swapped,
}

/// Bits of a register or memory operand: 8, 16, 32 or 64.
pub(super) type Bits = u8;

/// Atomic read-modify-write operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtomicOp {
    Add,
    Or,
    And,
    Xor,
    Exchange,
    CompareExchange,
}

/// One decoded instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Insn {
    /// `dst = dst op src`, in 64 or 32 bits; 32-bit results are zero-extended.
    Alu {
        bits: Bits,
        op: AluOp,
        dst: u8,
        src: Operand,
    },
    /// `dst = -dst`.
    Negate { bits: Bits, dst: u8 },
    /// `dst = src`.
    Move { bits: Bits, dst: u8, src: Operand },
    /// `dst = ` the low `from` bits of `src`, sign-extended to `bits`.
    MoveSigned {
        bits: Bits,
        from: Bits,
        dst: u8,
        src: u8,
    },
    /// `dst = ` the low `bits` of `dst` in another byte order, zero-extended.
    Swap {
        order: ByteOrder,
        bits: Bits,
        dst: u8,
    },
    /// `dst = *(src + offset)`, extended to 64 bits.
    Load {
        bits: Bits,
        signed: bool,
        dst: u8,
        base: u8,
        offset: i16,
    },
    /// `*(base + offset) = value`.
    Store {
        bits: Bits,
        base: u8,
        offset: i16,
        value: Operand,
    },
    /// A read-modify-write of `*(base + offset)`; `src` gets the old value if `fetch` (r0, for a
    /// compare-and-exchange).
    Atomic {
        bits: Bits,
        op: AtomicOp,
        fetch: bool,
        base: u8,
        offset: i16,
        src: u8,
    },
    /// `dst = value`, in two slots.
    Wide { dst: u8, value: u64 },
    /// `dst = ` the map itself, in two slots.
    MapPointer { dst: u8, map: usize },
    /// `dst = ` the address of the map's one value plus `offset`, in two slots.
    MapValue { dst: u8, map: usize, offset: u32 },
    /// Continue at `target`.
    Jump { target: usize },
    /// Continue at `target` if the comparison holds.
    Branch {
        condition: Condition,
        bits: Bits,
        dst: u8,
        src: Operand,
        target: usize,
    },
    /// Call of a helper by id.
    CallHelper { id: u32 },
    /// Call of the function that starts at `target`.
    CallFunction { target: usize },
    /// Return r0.
    Exit,
}

impl Insn {
    /// Decodes the instruction at `at`; `next` is its second slot, if it has one. `None` if the
    /// engine does not implement the instruction.
    pub(super) fn decode(at: usize, raw: RawInsn, next: Option<RawInsn>) -> Option<Self> {
        match raw.opcode & 0x07 {
            0x00 => Self::decode_wide(raw, next?),
            0x01 => Self::decode_load(raw),
            0x02 => Some(Self::Store {
                bits: memory_bits(raw.opcode),
                base: raw.dst,
                offset: raw.off,
                value: Operand::Immediate(raw.imm),
            })
            .filter(|_| raw.opcode & 0xe0 == 0x60),
            0x03 => Self::decode_store(raw),
            0x04 => Self::decode_alu(raw, 32),
            0x07 => Self::decode_alu(raw, 64),
            0x05 => Self::decode_jump(at, raw, 64),
            0x06 => Self::decode_jump(at, raw, 32),
            _ => None,
        }
    }

    /// Slots that it takes.
    pub(super) const fn slots(&self) -> usize {
        match self {
            Self::Wide { .. } | Self::MapPointer { .. } | Self::MapValue { .. } => 2,
            _ => 1,
        }
    }

    fn decode_wide(raw: RawInsn, next: RawInsn) -> Option<Self> {
        if raw.opcode != 0x18 {
            return None;
        }
        let dst = raw.dst;
        match raw.src {
            0 => Some(Self::Wide {
                dst,
                value: u64::from(next.imm.cast_unsigned()) << 32
                    | u64::from(raw.imm.cast_unsigned()),
            }),
            5 => Some(Self::MapPointer {
                dst,
                map: usize::try_from(raw.imm).ok()?,
            }),
            6 => Some(Self::MapValue {
                dst,
                map: usize::try_from(raw.imm).ok()?,
                offset: next.imm.cast_unsigned(),
            }),
            _ => None,
        }
    }

    fn decode_load(raw: RawInsn) -> Option<Self> {
        let bits = memory_bits(raw.opcode);
        let signed = match raw.opcode & 0xe0 {
            0x60 => false,
            0x80 if bits < 64 => true,
            _ => return None,
        };
        Some(Self::Load {
            bits,
            signed,
            dst: raw.dst,
            base: raw.src,
            offset: raw.off,
        })
    }

    fn decode_store(raw: RawInsn) -> Option<Self> {
        let bits = memory_bits(raw.opcode);
        match raw.opcode & 0xe0 {
            0x60 => Some(Self::Store {
                bits,
                base: raw.dst,
                offset: raw.off,
                value: Operand::Register(raw.src),
            }),
            0xc0 if bits >= 32 => {
                let (op, fetch) = match raw.imm {
                    0x00 => (AtomicOp::Add, false),
                    0x01 => (AtomicOp::Add, true),
                    0x40 => (AtomicOp::Or, false),
                    0x41 => (AtomicOp::Or, true),
                    0x50 => (AtomicOp::And, false),
                    0x51 => (AtomicOp::And, true),
                    0xa0 => (AtomicOp::Xor, false),
                    0xa1 => (AtomicOp::Xor, true),
                    0xe1 => (AtomicOp::Exchange, true),
                    0xf1 => (AtomicOp::CompareExchange, true),
                    _ => return None,
                };
                Some(Self::Atomic {
                    bits,
                    op,
                    fetch,
                    base: raw.dst,
                    offset: raw.off,
                    src: raw.src,
                })
            }
            _ => None,
        }
    }

    fn decode_alu(raw: RawInsn, bits: Bits) -> Option<Self> {
        let dst = raw.dst;
        let src = operand(raw);
        let signed = raw.off == 1;
        let op = match raw.opcode & 0xf0 {
            0x00 => AluOp::Add,
            0x10 => AluOp::Sub,
            0x20 => AluOp::Mul,
            0x30 if signed => AluOp::SignedDiv,
            0x30 => AluOp::Div,
            0x40 => AluOp::Or,
            0x50 => AluOp::And,
            0x60 => AluOp::ShiftLeft,
            0x70 => AluOp::ShiftRight,
            0x80 => return Some(Self::Negate { bits, dst }),
            0x90 if signed => AluOp::SignedMod,
            0x90 => AluOp::Mod,
            0xa0 => AluOp::Xor,
            0xb0 if raw.off == 0 => return Some(Self::Move { bits, dst, src }),
            0xb0 => {
                let from = Bits::try_from(raw.off).ok()?;
                return match (from, raw.opcode & 0x08) {
                    (8 | 16 | 32, 0x08) if from < bits => Some(Self::MoveSigned {
                        bits,
                        from,
                        dst,
                        src: raw.src,
                    }),
                    _ => None,
                };
            }
            0xc0 => AluOp::ArithmeticShiftRight,
            0xd0 => {
                let order = match (bits, raw.opcode & 0x08) {
                    (64, 0) => ByteOrder::Swapped,
                    (32, 0) => ByteOrder::Little,
                    (32, _) => ByteOrder::Big,
                    _ => return None,
                };
                return match raw.imm {
                    16 => Some(Self::Swap {
                        order,
                        bits: 16,
                        dst,
                    }),
                    32 => Some(Self::Swap {
                        order,
                        bits: 32,
                        dst,
                    }),
                    64 => Some(Self::Swap {
                        order,
                        bits: 64,
                        dst,
                    }),
                    _ => None,
                };
            }
            _ => return None,
        };
        Some(Self::Alu { bits, op, dst, src })
    }

    fn decode_jump(at: usize, raw: RawInsn, bits: Bits) -> Option<Self> {
        let near = || target(at, raw.off.into());
        let condition = match raw.opcode & 0xf0 {
            0x00 if bits == 64 => return Some(Self::Jump { target: near()? }),
            0x00 => {
                return Some(Self::Jump {
                    target: target(at, raw.imm)?,
                });
            }
            0x80 if bits == 64 => {
                return match raw.src {
                    0 => Some(Self::CallHelper {
                        id: raw.imm.cast_unsigned(),
                    }),
                    1 => Some(Self::CallFunction {
                        target: target(at, raw.imm)?,
                    }),
                    _ => None,
                };
            }
            0x90 if bits == 64 => return Some(Self::Exit),
            0x10 => Condition::Equal,
            0x20 => Condition::Greater,
            0x30 => Condition::GreaterOrEqual,
            0x40 => Condition::Intersects,
            0x50 => Condition::NotEqual,
            0x60 => Condition::SignedGreater,
            0x70 => Condition::SignedGreaterOrEqual,
            0xa0 => Condition::Less,
            0xb0 => Condition::LessOrEqual,
            0xc0 => Condition::SignedLess,
            0xd0 => Condition::SignedLessOrEqual,
            _ => return None,
        };
        Some(Self::Branch {
            condition,
            bits,
            dst: raw.dst,
            src: operand(raw),
            target: near()?,
        })
    }
}

const fn operand(raw: RawInsn) -> Operand {
    if raw.opcode & 0x08 == 0 {
        Operand::Immediate(raw.imm)
    } else {
        Operand::Register(raw.src)
    }
}

const fn memory_bits(opcode: u8) -> Bits {
    match opcode & 0x18 {
        0x00 => 32,
        0x08 => 16,
        0x10 => 8,
        _ => 64,
    }
}

fn target(at: usize, offset: i32) -> Option<usize> {
    (at + 1).checked_add_signed(isize::try_from(offset).ok()?)
}
