//! The table of all that programs can contain: a row is one act of one instruction, with the kinds
//! of its operands.
//!
//! The evaluator tells the rows that a run meets, so that none of them rests on the generator's
//! intention. `rules` tells for each row whether a program that meets it can be accepted at all.

mod rules;

use std::sync::LazyLock;

use jbpf_verifier::types::MapKind;

pub use rules::{Argument, HELPERS, answers_any, arguments_of, can_be_accepted};

/// The content of a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Number,
    /// Null: a pointer that might have been to an object.
    Null,
    /// The frame of the function itself, and one of a function that waits for it.
    Own,
    Caller,
    Context,
    Region,
    /// The end of the region, as the context says it.
    End,
    /// A value of a map, or a data section.
    Value,
    Buffer,
    /// A buffer that was sent.
    Sent,
    Map,
    /// Nothing was written to it.
    Nothing,
}

impl Kind {
    pub const ALL: [Self; 12] = [
        Self::Number,
        Self::Null,
        Self::Own,
        Self::Caller,
        Self::Context,
        Self::Region,
        Self::End,
        Self::Value,
        Self::Buffer,
        Self::Sent,
        Self::Map,
        Self::Nothing,
    ];

    pub fn is_number(self) -> bool {
        matches!(self, Self::Number | Self::Null)
    }

    pub fn is_pointer(self) -> bool {
        !self.is_number() && self != Self::Nothing
    }
}

/// Memory that is accessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Memory {
    Own,
    Caller,
    Context,
    Region,
    /// A region that may only be read.
    Fixed,
    Array,
    Hash,
    PerThreadArray,
    PerThreadHash,
    Application,
    Data,
    Rodata,
    Buffer,
}

impl Memory {
    pub const ALL: [Self; 13] = [
        Self::Own,
        Self::Caller,
        Self::Context,
        Self::Region,
        Self::Fixed,
        Self::Array,
        Self::Hash,
        Self::PerThreadArray,
        Self::PerThreadHash,
        Self::Application,
        Self::Data,
        Self::Rodata,
        Self::Buffer,
    ];
}

/// The place of an access in its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    First,
    /// The access ends at the object's end.
    Last,
    /// In between, at a multiple of its size, or not.
    Aligned,
    Odd,
    /// One byte, at least, is before the object, or behind it.
    Before,
    Beyond,
}

impl Place {
    pub const ALL: [Self; 6] = [
        Self::First,
        Self::Last,
        Self::Aligned,
        Self::Odd,
        Self::Before,
        Self::Beyond,
    ];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    Load,
    LoadSigned,
    Store,
    StoreNumber,
    Atomic,
}

/// Arithmetic operations, as far as their operands are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arithmetic {
    Add,
    Subtract,
    Or,
    /// `and`, `xor`.
    Bits,
    Multiply,
    /// `div`, `sdiv`, `mod`, `smod`.
    Divide,
    Shift,
    /// Moves: the right operand alone matters.
    Move,
    /// Sign extensions: the right operand alone matters.
    Extend,
}

impl Arithmetic {
    pub const ALL: [Self; 9] = [
        Self::Add,
        Self::Subtract,
        Self::Or,
        Self::Bits,
        Self::Multiply,
        Self::Divide,
        Self::Shift,
        Self::Move,
        Self::Extend,
    ];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Comparison {
    Equality,
    Unsigned,
    Signed,
    AnyBit,
}

impl Comparison {
    pub const ALL: [Self; 4] = [Self::Equality, Self::Unsigned, Self::Signed, Self::AnyBit];
}

/// The place where a register is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shelf {
    Own,
    Caller,
    Elsewhere,
}

/// The argument of a helper in one register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Given {
    /// A value of this kind, for an argument that needs no memory.
    Kind(Kind),
    Memory(Memory),
    /// A map of the kind of this number, or a data section.
    Map(u32),
    Data,
    Rodata,
    /// A size, of nothing or something.
    Zero,
    Some,
}

/// The answer of a helper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    Null,
    Pointer,
    Number(i64),
    /// More than zero.
    Positive,
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Row {
    /// An instruction by opcode, and by the field that tells its variants apart.
    Instruction {
        opcode: u8,
        variant: u8,
    },
    /// Conditional jumps, both ways.
    Jump {
        opcode: u8,
        taken: bool,
    },
    Computed {
        arithmetic: Arithmetic,
        wide: bool,
        left: Kind,
        right: Kind,
    },
    Compared {
        comparison: Comparison,
        wide: bool,
        left: Kind,
        right: Kind,
    },
    Accessed {
        access: Access,
        size: u8,
        memory: Memory,
        place: Place,
    },
    /// A register was stored in memory.
    Kept {
        shelf: Shelf,
        size: u8,
        kind: Kind,
    },
    /// A part of a stored value was loaded.
    Filled {
        stored: u8,
        loaded: u8,
        part: u8,
        signed: bool,
    },
    /// Some bytes were loaded that several stores or helpers wrote.
    FilledAcross {
        loaded: u8,
        signed: bool,
    },
    FilledPointer {
        kind: Kind,
    },
    PartOfPointer {
        loaded: u8,
    },
    /// An argument of a function, or its answer.
    Passed {
        register: u8,
        kind: Kind,
    },
    Returned {
        kind: Kind,
    },
    /// Functions that wait for each other.
    Depth {
        frames: u8,
    },
    /// A helper that another function than the first calls.
    CalledInside {
        helper: u32,
    },
    Given {
        helper: u32,
        register: u8,
        given: Given,
    },
    Answered {
        helper: u32,
        /// 0 for helpers that take none.
        map: u32,
        answer: Answer,
    },
    /// A map of a kind was used that has keys, or values, of this size.
    KeySize {
        map: u32,
        size: u32,
    },
    ValueSize {
        map: u32,
        size: u32,
    },
}

/// Sizes of keys that maps have here: hash maps, and others.
pub const HASHED_KEYS: [u32; 6] = [8, 4, 1, 16, 20, 44];
pub const INDEX_KEYS: [u32; 2] = [4, 8];
/// Sizes of values.
pub const VALUES: [u32; 10] = [64, 8, 1, 4, 12, 16, 24, 40, 48, 100];

/// The application's kind of map.
pub const APPLICATION: u32 = 20;

/// The numbers of map kinds.
pub const MAPS: [u32; 8] = [1, 2, 3, 4, 5, 6, 7, APPLICATION];

/// All rows.
pub static TABLE: LazyLock<Vec<Row>> = LazyLock::new(table);

fn table() -> Vec<Row> {
    let mut rows = Vec::new();
    rules::instructions(&mut rows);
    for left in Kind::ALL {
        for right in Kind::ALL {
            for wide in [true, false] {
                for comparison in Comparison::ALL {
                    rows.push(Row::Compared {
                        comparison,
                        wide,
                        left,
                        right,
                    });
                }
                for arithmetic in Arithmetic::ALL {
                    // Only the right operand of these matters.
                    let unary = matches!(arithmetic, Arithmetic::Move | Arithmetic::Extend);
                    if !unary || left == Kind::Number {
                        rows.push(Row::Computed {
                            arithmetic,
                            wide,
                            left,
                            right,
                        });
                    }
                }
            }
        }
    }
    accesses(&mut rows);
    stack(&mut rows);
    for kind in Kind::ALL {
        rows.extend((1..=5).map(|register| Row::Passed { register, kind }));
        rows.push(Row::Returned { kind });
    }
    rows.extend((1..=8).map(|frames| Row::Depth { frames }));
    rules::helpers(&mut rows);
    for map in MAPS {
        let kind = MapKind::from_number(map).unwrap_or(MapKind::Array);
        if map == APPLICATION {
            continue;
        }
        let keys: &[u32] = match kind {
            MapKind::Hash | MapKind::PerThreadHash => &HASHED_KEYS,
            MapKind::Array | MapKind::PerThreadArray => &INDEX_KEYS,
            _ => &[],
        };
        rows.extend(keys.iter().map(|size| Row::KeySize { map, size: *size }));
        rows.extend(VALUES.map(|size| Row::ValueSize { map, size }));
    }
    rows
}

fn accesses(rows: &mut Vec<Row>) {
    for memory in Memory::ALL {
        for place in Place::ALL {
            for (access, sizes) in [
                (Access::Load, &[1, 2, 4, 8][..]),
                (Access::LoadSigned, &[1, 2, 4]),
                (Access::Store, &[1, 2, 4, 8]),
                (Access::StoreNumber, &[1, 2, 4, 8]),
                (Access::Atomic, &[4, 8]),
            ] {
                rows.extend(sizes.iter().filter_map(|&size| {
                    let exists = match place {
                        // A byte is aligned wherever it is.
                        Place::Odd if size == 1 => false,
                        // Values of eight bytes.
                        Place::Odd => memory != Memory::Application || size < 8,
                        Place::Aligned => memory != Memory::Application || size < 4,
                        _ => true,
                    };
                    exists.then_some(Row::Accessed {
                        access,
                        size,
                        memory,
                        place,
                    })
                }));
            }
        }
    }
}

fn stack(rows: &mut Vec<Row>) {
    for kind in Kind::ALL {
        for size in [1, 2, 4, 8] {
            for shelf in [Shelf::Own, Shelf::Caller, Shelf::Elsewhere] {
                rows.push(Row::Kept { shelf, size, kind });
            }
        }
        if kind.is_pointer() {
            rows.push(Row::FilledPointer { kind });
        }
    }
    for loaded in [1, 2, 4, 8] {
        for signed in [false, true] {
            if signed && loaded == 8 {
                continue;
            }
            rows.push(Row::FilledAcross { loaded, signed });
            for stored in [1, 2, 4, 8] {
                if stored < loaded {
                    continue;
                }
                rows.extend((0..=stored - loaded).map(|part| Row::Filled {
                    stored,
                    loaded,
                    part,
                    signed,
                }));
            }
        }
        if loaded < 8 {
            rows.push(Row::PartOfPointer { loaded });
        }
    }
}
