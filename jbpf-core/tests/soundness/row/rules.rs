//! The rows that an accepted program can meet, from the rules of the verifier as its documentation
//! has them.

use super::{Access, Answer, Arithmetic, Comparison, Given, Kind, MAPS, Memory, Place, Row, Shelf};

/// Every instruction: the opcode, and a number that tells variants apart.
pub fn instructions(rows: &mut Vec<Row>) {
    let mut add = |opcode: u8, variant: u8| rows.push(Row::Instruction { opcode, variant });
    for class in [4, 7] {
        for source in [0, 8] {
            for operation in [0x0, 0x1, 0x2, 0x3, 0x4, 0x5, 0x6, 0x7, 0x9, 0xa, 0xb, 0xc] {
                let opcode = class | source | operation << 4;
                add(opcode, 0);
                if matches!(operation, 0x3 | 0x9) {
                    add(opcode, 1);
                }
            }
        }
        add(class | 0x80, 0);
        let moved: &[u8] = if class == 7 { &[8, 16, 32] } else { &[8, 16] };
        for bits in moved {
            add(class | 0xb8, *bits);
        }
    }
    for opcode in [0xd4, 0xdc, 0xd7] {
        for bits in [16, 32, 64] {
            add(opcode, bits);
        }
    }
    for size in [0x00, 0x08, 0x10, 0x18] {
        for opcode in [0x61, 0x62, 0x63] {
            add(opcode | size, 0);
        }
        if size != 0x18 {
            add(0x81 | size, 0);
        }
    }
    for opcode in [0xc3, 0xdb] {
        for operation in [0x00, 0x01, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1] {
            add(opcode, operation);
        }
    }
    for kind in [0, 5, 6] {
        add(0x18, kind);
    }
    for opcode in [0x05, 0x06, 0x95] {
        add(opcode, 0);
    }
    for kind in [0, 1] {
        add(0x85, kind);
    }
    for class in [5, 6] {
        for source in [0, 8] {
            for test in [0x1, 0x2, 0x3, 0x4, 0x5, 0x6, 0x7, 0xa, 0xb, 0xc, 0xd] {
                let opcode = class | source | test << 4;
                rows.extend([false, true].map(|taken| Row::Jump { opcode, taken }));
            }
        }
    }
}

/// The kind of one argument of a helper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    Number,
    /// The helper does not look at it.
    Ignored,
    /// A map of one of these kinds.
    Map(&'static [u32]),
    /// Memory that is read, or written, or both.
    Read,
    Written,
    Changed,
    Size,
    /// An argument of a format that uses none.
    Unused,
}

/// Maps that hold values.
const HOLD: &[u32] = &[1, 2, 5, 6, super::APPLICATION];

/// The helpers that programs call, with their arguments.
pub const HELPERS: [(u32, &[Argument]); 25] = {
    use Argument::{Changed, Ignored, Map, Number, Read, Size, Unused, Written};
    [
        (1, &[Map(HOLD), Read]),
        (2, &[Map(HOLD), Read]),
        (3, &[Map(HOLD), Read, Read, Ignored]),
        (4, &[Map(HOLD), Read]),
        (5, &[Map(HOLD)]),
        (6, &[Map(HOLD), Written, Size, Ignored]),
        (7, &[]),
        (8, &[Number]),
        (9, &[Number, Number]),
        (10, &[Read, Size]),
        (11, &[Read, Size, Unused, Unused, Unused]),
        (12, &[Map(&[3]), Read, Size]),
        (13, &[]),
        (14, &[]),
        (15, &[]),
        (16, &[Map(&[4]), Written, Size]),
        (17, &[Map(&[7])]),
        (18, &[Map(&[7])]),
        (31, &[Number]),
        (32, &[Number, Number, Number, Number, Number]),
        (33, &[Read, Read]),
        (34, &[Changed, Changed]),
        (35, &[Read, Size]),
        (36, &[Read, Size]),
        (37, &[Map(&MAPS), Number]),
    ]
};

/// The arguments that a helper takes.
pub fn arguments_of(helper: u32) -> &'static [Argument] {
    let known = HELPERS.iter().find(|(id, _)| *id == helper);
    known.map_or(&[], |(_, arguments)| arguments)
}

pub fn helpers(rows: &mut Vec<Row>) {
    for (helper, arguments) in HELPERS {
        rows.push(Row::CalledInside { helper });
        for (register, argument) in (1..).zip(arguments) {
            let mut add = |given| {
                rows.push(Row::Given {
                    helper,
                    register,
                    given,
                });
            };
            match argument {
                Argument::Map(_) => {
                    MAPS.map(Given::Map).into_iter().for_each(&mut add);
                    add(Given::Data);
                    add(Given::Rodata);
                    let others = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Map);
                    others.map(Given::Kind).for_each(&mut add);
                }
                Argument::Read | Argument::Written | Argument::Changed => {
                    Memory::ALL
                        .map(Given::Memory)
                        .into_iter()
                        .for_each(&mut add);
                    let others = [
                        Kind::Number,
                        Kind::Null,
                        Kind::End,
                        Kind::Sent,
                        Kind::Map,
                        Kind::Nothing,
                    ];
                    others.map(Given::Kind).into_iter().for_each(&mut add);
                }
                Argument::Size => {
                    add(Given::Zero);
                    add(Given::Some);
                    let others = Kind::ALL.into_iter().filter(|kind| !kind.is_number());
                    others.map(Given::Kind).for_each(&mut add);
                }
                Argument::Number | Argument::Ignored | Argument::Unused => {
                    Kind::ALL.map(Given::Kind).into_iter().for_each(&mut add);
                }
            }
        }
    }
    answers(rows);
}

/// Helpers that answer any number.
const ANY: [u32; 10] = [7, 8, 9, 10, 15, 32, 33, 34, 35, 36];

/// Whether a helper answers numbers of no meaning of their own.
pub fn answers_any(helper: u32) -> bool {
    ANY.contains(&helper)
}

fn answers(rows: &mut Vec<Row>) {
    let mut add = |helper: u32, maps: &[u32], answers: &[Answer]| {
        for map in maps {
            rows.extend(answers.iter().map(|answer| Row::Answered {
                helper,
                map: *map,
                answer: *answer,
            }));
        }
    };
    let (done, not_there) = (Answer::Number(0), Answer::Number(-1));
    let (unsupported, full) = (Answer::Number(-2), Answer::Number(-4));
    add(1, HOLD, &[Answer::Null, Answer::Pointer]);
    add(2, HOLD, &[Answer::Null, Answer::Pointer]);
    add(3, HOLD, &[done]);
    add(3, &[1, 5], &[not_there]);
    add(3, &[2, 6], &[full]);
    add(4, &[2, 6, super::APPLICATION], &[done, not_there]);
    add(4, &[1, 5], &[unsupported]);
    add(5, HOLD, &[done]);
    add(5, &[1], &[not_there]);
    add(6, &[2, 6, super::APPLICATION], &[done, Answer::Positive]);
    add(6, &[1, 5], &[unsupported]);
    add(12, &[3], &[done, not_there]);
    add(16, &[4], &[done, not_there, Answer::Positive]);
    add(17, &[7], &[Answer::Null, Answer::Pointer]);
    add(18, &[7], &[done, not_there]);
    add(37, HOLD, &[done]);
    add(37, &[1], &[not_there]);
    add(37, &[3, 4, 7], &[unsupported]);
    add(37, &[2, 6], &[full]);
    for helper in [11, 13, 14] {
        add(helper, &[0], &[done]);
    }
    for helper in ANY {
        add(helper, &[0], &[Answer::Any]);
    }
}

/// Whether a program that meets a row can be accepted.
pub fn can_be_accepted(row: Row) -> bool {
    match row {
        Row::Instruction { .. }
        | Row::Jump { .. }
        | Row::Filled { .. }
        | Row::FilledAcross { .. }
        | Row::FilledPointer { .. }
        | Row::Passed { .. }
        | Row::Depth { .. }
        | Row::CalledInside { .. }
        | Row::Answered { .. }
        | Row::KeySize { .. }
        | Row::ValueSize { .. } => true,
        Row::PartOfPointer { .. } => false,
        // A pointer to the own frame is left in r0 if no caller reads it.
        Row::Returned { .. } => true,
        Row::Computed {
            arithmetic,
            wide,
            left,
            right,
        } => computes(arithmetic, wide, left, right),
        Row::Compared {
            comparison,
            wide,
            left,
            right,
        } => compares(comparison, wide, left, right),
        Row::Accessed {
            access,
            size,
            memory,
            place,
        } => accesses(access, size, memory, place),
        Row::Kept { shelf, size, kind } => match kind {
            Kind::Nothing => false,
            Kind::Number | Kind::Null => true,
            kind => match shelf {
                Shelf::Own => size == 8,
                // It would outlive the frame that it points into.
                Shelf::Caller => size == 8 && kind != Kind::Own,
                Shelf::Elsewhere => false,
            },
        },
        Row::Given {
            helper,
            register,
            given,
        } => takes(helper, register, given),
    }
}

/// Pointers that numbers can be added to.
fn moves(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Own | Kind::Caller | Kind::Region | Kind::Value | Kind::Buffer
    )
}

/// Kinds of pointers of which two can be into one object.
fn one_object(left: Kind, right: Kind) -> bool {
    let in_region = |kind| matches!(kind, Kind::Region | Kind::End);
    left == right && left.is_pointer() || in_region(left) && in_region(right)
}

fn computes(arithmetic: Arithmetic, wide: bool, left: Kind, right: Kind) -> bool {
    if arithmetic == Arithmetic::Move {
        // The low halves of addresses in the region have a distance.
        let has_half = matches!(right, Kind::Region | Kind::End);
        return right.is_number() || has_half || wide && right != Kind::Nothing;
    }
    if left.is_number() && right.is_number() {
        return true;
    }
    if left == Kind::Nothing || right == Kind::Nothing {
        return false;
    }
    // By constants.
    let a_little = |kind| moves(kind) || matches!(kind, Kind::Context | Kind::End);
    let pointer_and_number = |allowed: &dyn Fn(Kind) -> bool| {
        wide && (allowed(left) && right.is_number() || left.is_number() && allowed(right))
    };
    match arithmetic {
        Arithmetic::Add => pointer_and_number(&a_little),
        Arithmetic::Or => pointer_and_number(&moves),
        Arithmetic::Subtract if right.is_number() => wide && a_little(left),
        Arithmetic::Subtract => one_object(left, right) && !matches!(left, Kind::Map | Kind::Sent),
        _ => false,
    }
}

fn compares(comparison: Comparison, wide: bool, left: Kind, right: Kind) -> bool {
    if left == Kind::Nothing || right == Kind::Nothing {
        return false;
    }
    if left.is_number() && right.is_number() {
        return true;
    }
    if !wide || comparison == Comparison::AnyBit {
        return false;
    }
    if left.is_number() || right.is_number() {
        let pointer = if left.is_number() { right } else { left };
        // A pointer that may be null can be ordered with pointers to the object that it may point
        // to; if it is null, it is a number. Buffers and their absence do not meet: a thread has
        // one.
        return comparison == Comparison::Equality || pointer == Kind::Value;
    }
    if left == Kind::Sent || right == Kind::Sent {
        return false;
    }
    // Another object may start where the region ends.
    let has_end = left == Kind::End || right == Kind::End;
    one_object(left, right) || comparison == Comparison::Equality && !has_end
}

fn accesses(access: Access, size: u8, memory: Memory, place: Place) -> bool {
    let writes = !matches!(access, Access::Load | Access::LoadSigned);
    if matches!(place, Place::Before | Place::Beyond) {
        return false;
    }
    if access == Access::Atomic && (place == Place::Odd || memory == Memory::Context) {
        return false;
    }
    match memory {
        Memory::Fixed | Memory::Rodata => !writes,
        // `data` is read whole; behind the numbers, nothing is left for eight bytes that are
        // aligned.
        Memory::Context => match place {
            Place::First => access == Access::Load && size == 8,
            _ => true,
        },
        _ => true,
    }
}

fn takes(helper: u32, register: u8, given: Given) -> bool {
    let arguments = arguments_of(helper);
    let Some(argument) = arguments.get(usize::from(register) - 1) else {
        return false;
    };
    match (argument, given) {
        (Argument::Map(kinds), Given::Map(kind)) => kinds.contains(&kind),
        (Argument::Map(kinds), Given::Data | Given::Rodata) => kinds.contains(&1),
        (Argument::Read, Given::Memory(_)) => true,
        (Argument::Written | Argument::Changed, Given::Memory(memory)) => {
            !matches!(memory, Memory::Fixed | Memory::Rodata)
        }
        // With a size of nothing.
        (Argument::Read | Argument::Written, Given::Kind(Kind::End)) => {
            arguments.get(usize::from(register)) == Some(&Argument::Size)
        }
        (Argument::Size, Given::Zero | Given::Some) => true,
        (Argument::Number, Given::Kind(kind)) => kind.is_number(),
        (Argument::Ignored, Given::Kind(kind)) => kind != Kind::Nothing,
        (Argument::Unused, Given::Kind(_)) => true,
        _ => false,
    }
}
