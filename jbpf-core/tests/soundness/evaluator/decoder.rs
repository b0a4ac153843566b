//! Instructions as RFC 9669 encodes them.

use jbpf_verifier::RawInsn;

/// One instruction, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Compute {
        function: Function,
        wide: bool,
        dst: u8,
        src: Source,
    },
    /// A move that extends the sign of so many bits.
    Extend {
        bits: u32,
        wide: bool,
        dst: u8,
        src: u8,
    },
    /// The low `bits` with their bytes in another order.
    Reorder {
        order: Order,
        bits: u32,
        dst: u8,
    },
    Load {
        dst: u8,
        base: u8,
        offset: i16,
        size: u8,
        signed: bool,
    },
    Store {
        base: u8,
        offset: i16,
        size: u8,
        src: Source,
    },
    Atomic {
        update: Update,
        fetch: bool,
        base: u8,
        offset: i16,
        size: u8,
        src: u8,
    },
    Number {
        dst: u8,
        value: u64,
    },
    Map {
        dst: u8,
        map: usize,
    },
    /// A byte of a data section.
    Section {
        dst: u8,
        map: usize,
        offset: u32,
    },
    Jump {
        by: i32,
    },
    Branch {
        test: Test,
        wide: bool,
        left: u8,
        right: Source,
        by: i16,
    },
    CallHelper {
        id: u32,
    },
    CallFunction {
        by: i32,
    },
    Exit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Register(u8),
    Immediate(i32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Function {
    Add,
    Subtract,
    Multiply,
    Divide,
    DivideSigned,
    Rest,
    RestSigned,
    Or,
    And,
    Xor,
    ShiftLeft,
    ShiftRight,
    ShiftSigned,
    Negate,
    Move,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Little,
    Big,
    Swapped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    Add,
    Or,
    And,
    Xor,
    Exchange,
    CompareExchange,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Test {
    Equal,
    Different,
    Above,
    AboveOrEqual,
    Below,
    BelowOrEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    AnyBit,
}

/// `None` if the words are no instruction.
pub fn decode(insn: RawInsn, next: Option<RawInsn>) -> Option<Operation> {
    let [
        opcode,
        registers,
        offset_low,
        offset_high,
        ref immediate @ ..,
    ] = insn.to_bytes();
    let (dst, src) = (registers & 15, registers >> 4);
    let offset = i16::from_le_bytes([offset_low, offset_high]);
    let immediate = i32::from_le_bytes(*immediate);
    let source = if opcode & 8 == 8 {
        Source::Register(src)
    } else {
        Source::Immediate(immediate)
    };
    let size = [4, 2, 1, 8][usize::from(opcode >> 3 & 3)];
    let class = opcode & 7;
    // Loads and stores have a mode; the others have a function in its place.
    let mode = opcode >> 5;
    Some(match (class, mode) {
        (0, 0) if opcode == 0x18 => {
            let high = next?.imm;
            match src {
                0 => Operation::Number {
                    dst,
                    value: u64::from(high as u32) << 32 | u64::from(immediate as u32),
                },
                5 => Operation::Map {
                    dst,
                    map: immediate as usize,
                },
                6 => Operation::Section {
                    dst,
                    map: immediate as usize,
                    offset: high as u32,
                },
                _ => return None,
            }
        }
        (1, 3 | 4) => Operation::Load {
            dst,
            base: src,
            offset,
            size,
            signed: mode == 4,
        },
        (2, 3) => Operation::Store {
            base: dst,
            offset,
            size,
            src: Source::Immediate(immediate),
        },
        (3, 3) => Operation::Store {
            base: dst,
            offset,
            size,
            src: Source::Register(src),
        },
        (3, 6) => {
            let (update, fetch) = update(immediate)?;
            Operation::Atomic {
                update,
                fetch,
                base: dst,
                offset,
                size,
                src,
            }
        }
        (4 | 7, _) => return compute(opcode, dst, src, offset, immediate),
        (5 | 6, _) => match opcode {
            0x05 => Operation::Jump { by: offset.into() },
            0x06 => Operation::Jump { by: immediate },
            0x85 if src == 0 => Operation::CallHelper {
                id: immediate as u32,
            },
            0x85 if src == 1 => Operation::CallFunction { by: immediate },
            0x95 => Operation::Exit,
            _ => Operation::Branch {
                test: test(opcode >> 4)?,
                wide: class == 5,
                left: dst,
                right: source,
                by: offset,
            },
        },
        _ => return None,
    })
}

fn compute(opcode: u8, dst: u8, src: u8, offset: i16, immediate: i32) -> Option<Operation> {
    let wide = opcode & 7 == 7;
    let from_register = opcode & 8 == 8;
    let function = match (opcode >> 4, offset) {
        (0x0, 0) => Function::Add,
        (0x1, 0) => Function::Subtract,
        (0x2, 0) => Function::Multiply,
        (0x3, 0) => Function::Divide,
        (0x3, 1) => Function::DivideSigned,
        (0x4, 0) => Function::Or,
        (0x5, 0) => Function::And,
        (0x6, 0) => Function::ShiftLeft,
        (0x7, 0) => Function::ShiftRight,
        (0x8, 0) => Function::Negate,
        (0x9, 0) => Function::Rest,
        (0x9, 1) => Function::RestSigned,
        (0xa, 0) => Function::Xor,
        (0xb, 0) => Function::Move,
        (0xb, 8 | 16 | 32) if from_register => {
            return Some(Operation::Extend {
                bits: offset as u32,
                wide,
                dst,
                src,
            });
        }
        (0xc, 0) => Function::ShiftSigned,
        (0xd, 0) => {
            let order = match (wide, from_register) {
                (false, false) => Order::Little,
                (false, true) => Order::Big,
                (true, false) => Order::Swapped,
                (true, true) => return None,
            };
            return Some(Operation::Reorder {
                order,
                bits: immediate as u32,
                dst,
            });
        }
        _ => return None,
    };
    let src = if from_register {
        Source::Register(src)
    } else {
        Source::Immediate(immediate)
    };
    Some(Operation::Compute {
        function,
        wide,
        dst,
        src,
    })
}

fn update(immediate: i32) -> Option<(Update, bool)> {
    Some(match immediate {
        0x00 => (Update::Add, false),
        0x01 => (Update::Add, true),
        0x40 => (Update::Or, false),
        0x41 => (Update::Or, true),
        0x50 => (Update::And, false),
        0x51 => (Update::And, true),
        0xa0 => (Update::Xor, false),
        0xa1 => (Update::Xor, true),
        0xe1 => (Update::Exchange, true),
        0xf1 => (Update::CompareExchange, true),
        _ => return None,
    })
}

fn test(code: u8) -> Option<Test> {
    Some(match code {
        0x1 => Test::Equal,
        0x2 => Test::Above,
        0x3 => Test::AboveOrEqual,
        0x4 => Test::AnyBit,
        0x5 => Test::Different,
        0x6 => Test::Greater,
        0x7 => Test::GreaterOrEqual,
        0xa => Test::Below,
        0xb => Test::BelowOrEqual,
        0xc => Test::Less,
        0xd => Test::LessOrEqual,
        _ => return None,
    })
}
