//! The values of registers, and computing with them. An address is an object and an offset. A
//! result that would depend on the object's place is not defined.

use super::decoder::{Function, Order, Test};
use super::objects::{Extent, ObjectId, Sort};
use super::stop::{Stop, fault};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// Nothing was written here.
    Nothing,
    Number(u64),
    /// The number 0 that stands for no object.
    Null,
    Pointer(Pointer),
    /// A number that another run of the same may have otherwise: of a clock, or of chance.
    Chance,
    /// A number that was made of an address.
    Address,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pointer {
    pub object: ObjectId,
    pub offset: i64,
    /// Whether it was made of the end of the region.
    pub from_end: bool,
    /// Whether the upper 32 bits were cleared.
    pub half: bool,
}

impl Pointer {
    pub fn to(object: ObjectId, offset: i64) -> Self {
        Self {
            object,
            offset,
            from_end: false,
            half: false,
        }
    }

    pub fn moved(self, by: i64) -> Self {
        Self {
            offset: self.offset.wrapping_add(by),
            ..self
        }
    }
}

impl Value {
    /// The number, if every run has the same.
    pub fn number(self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Null => Some(0),
            _ => None,
        }
    }

    pub fn is_pointer(self) -> bool {
        matches!(self, Self::Pointer(_))
    }
}

/// Objects lie above this address and below the other.
const LOWEST: i128 = 1 << 32;
const HIGHEST: i128 = 1 << 47;

/// How far from its object a pointer may be for its address to be in order: addresses do not wrap
/// there.
const BACK: i64 = -(1 << 32);
const FORTH: i64 = 1 << 40;

/// The result of a function of the instruction set on two values. `same`: both operands are one
/// register.
pub fn compute(
    function: Function,
    wide: bool,
    (left, right): (Value, Value),
    same: bool,
    align: impl Fn(ObjectId) -> u64,
) -> Result<Value, Stop> {
    use Value::{Address, Chance, Nothing, Number, Pointer};
    if function == Function::Move {
        return Ok(match right {
            Nothing => return Err(fault("copies what was never written")),
            value if wide => value,
            Pointer(pointer) => Pointer(self::Pointer {
                half: true,
                ..pointer
            }),
            Address => Address,
            Chance => Chance,
            value => Number(value.number().unwrap_or_default() & 0xffff_ffff),
        });
    }
    if left == Nothing || right == Nothing {
        return Err(fault("computes with what was never written"));
    }
    if let (Some(left), Some(right)) = (left.number(), right.number()) {
        return Ok(Number(numbers(function, wide, left, right)));
    }
    let zero = match function {
        Function::Subtract | Function::Xor => same && left == Chance,
        Function::And | Function::Multiply => right == Number(0),
        _ => false,
    };
    if zero && !left.is_pointer() {
        return Ok(Number(0));
    }
    let is_half = |value: Value| matches!(value, Pointer(pointer) if pointer.half);
    if (is_half(left) || is_half(right)) && (wide || function != Function::Subtract) {
        return Ok(Address);
    }
    Ok(match (function, left, right) {
        (_, Chance, Chance | Number(_) | Value::Null) | (_, Number(_) | Value::Null, Chance) => {
            Chance
        }
        (Function::Add, Pointer(pointer), number) | (Function::Add, number, Pointer(pointer))
            if wide && !number.is_pointer() =>
        {
            moved(pointer, number, 1)?
        }
        (Function::Subtract, Pointer(pointer), number) if wide && !number.is_pointer() => {
            moved(pointer, number, -1)?
        }
        (Function::Subtract, Pointer(left), Pointer(right)) if left.object == right.object => {
            let distance = left.offset.wrapping_sub(right.offset) as u64;
            Number(if wide {
                distance
            } else {
                distance & 0xffff_ffff
            })
        }
        (Function::Or, Pointer(pointer), number) | (Function::Or, number, Pointer(pointer))
            if wide && number.number().is_some() =>
        {
            let bits = number.number().unwrap_or_default();
            if bits < align(pointer.object) && bits & pointer.offset as u64 == 0 {
                Pointer(pointer.moved(bits as i64))
            } else {
                Address
            }
        }
        _ => Address,
    })
}

fn moved(pointer: Pointer, by: Value, sign: i64) -> Result<Value, Stop> {
    match by {
        Value::Number(by) => Ok(Value::Pointer(
            pointer.moved((by as i64).wrapping_mul(sign)),
        )),
        Value::Null => Ok(Value::Pointer(pointer)),
        Value::Chance => Err(Stop::Chance("the number that moves a pointer")),
        _ => Ok(Value::Address),
    }
}

fn numbers(function: Function, wide: bool, left: u64, right: u64) -> u64 {
    // Both widths in one: 32-bit operands are extended as the function sees them, results are cut.
    let bits = if wide { 64 } else { 32 };
    let cut = |number: u64| number << (64 - bits) >> (64 - bits);
    let signed = |number: u64| i128::from((number << (64 - bits)) as i64 >> (64 - bits));
    let unsigned = |number: u64| i128::from(cut(number));
    let amount = right % bits;
    let result = match function {
        Function::Add => unsigned(left) + unsigned(right),
        Function::Subtract => unsigned(left) - unsigned(right),
        Function::Multiply => return cut((unsigned(left) as u128 * unsigned(right) as u128) as u64),
        Function::Divide if cut(right) == 0 => 0,
        Function::Divide => unsigned(left) / unsigned(right),
        Function::DivideSigned if cut(right) == 0 => 0,
        Function::DivideSigned => signed(left) / signed(right),
        Function::Rest if cut(right) == 0 => unsigned(left),
        Function::Rest => unsigned(left) % unsigned(right),
        Function::RestSigned if cut(right) == 0 => unsigned(left),
        Function::RestSigned => signed(left) % signed(right),
        Function::Or => unsigned(left | right),
        Function::And => unsigned(left & right),
        Function::Xor => unsigned(left ^ right),
        Function::ShiftLeft => unsigned(left) << amount,
        Function::ShiftRight => unsigned(left) >> amount,
        Function::ShiftSigned => signed(left) >> amount,
        Function::Negate => -unsigned(left),
        Function::Move => unsigned(right),
    };
    cut(result as u64)
}

/// A move that extends a sign.
pub fn extend(bits: u32, wide: bool, value: Value) -> Result<Value, Stop> {
    Ok(match value {
        Value::Nothing => return Err(fault("extends what was never written")),
        Value::Pointer(_) | Value::Address => Value::Address,
        Value::Chance => Value::Chance,
        Value::Number(_) | Value::Null => {
            let number = value.number().unwrap_or_default();
            let sign = 1 << (bits - 1);
            let low = number & (sign | (sign - 1));
            let extended = (low ^ sign).wrapping_sub(sign);
            Value::Number(if wide {
                extended
            } else {
                extended & 0xffff_ffff
            })
        }
    })
}

/// The low bits with their bytes in another order; the numbers here are those of a little-endian
/// machine.
pub fn reorder(order: Order, bits: u32, value: Value) -> Result<Value, Stop> {
    let number = match value {
        Value::Nothing => return Err(fault("swaps what was never written")),
        Value::Pointer(_) | Value::Address => return Ok(Value::Address),
        Value::Chance => return Ok(Value::Chance),
        Value::Number(_) | Value::Null => value.number().unwrap_or_default(),
    };
    let bytes = (0..bits / 8).map(|byte| number >> (8 * byte) & 0xff);
    Ok(Value::Number(match order {
        Order::Little => bytes.rev().fold(0, |all, byte| all << 8 | byte),
        Order::Big | Order::Swapped => bytes.fold(0, |all, byte| all << 8 | byte),
    }))
}

/// Whether a conditional jump is taken.
pub fn holds(
    test: Test,
    wide: bool,
    left: Value,
    right: Value,
    extent: impl Fn(ObjectId) -> Extent,
) -> Result<bool, Stop> {
    use Value::{Address, Chance, Nothing, Pointer};
    match (left, right) {
        (Nothing, _) | (_, Nothing) => Err(fault("compares what was never written")),
        (Address, _) | (_, Address) => Err(fault("compares a number that was made of an address")),
        (Chance, _) | (_, Chance) => Err(Stop::Chance("what a jump compares")),
        (Pointer(_), _) | (_, Pointer(_)) if !wide => Err(fault("compares half of an address")),
        (Pointer(half), _) | (_, Pointer(half)) if half.half => {
            Err(fault("compares half of an address"))
        }
        (Pointer(left), Pointer(right)) if left.object == right.object => {
            let near = BACK..=FORTH;
            if !near.contains(&left.offset) || !near.contains(&right.offset) {
                return Err(Stop::Layout("the order of addresses that may wrap"));
            }
            ordered(test, left.offset.into(), right.offset.into())
        }
        (Pointer(left), Pointer(right)) => {
            let (left_extent, right_extent) = (extent(left.object), extent(right.object));
            two_objects(test, (left, left_extent), (right, right_extent))
        }
        (Pointer(pointer), number) => {
            let number = number.number().unwrap_or_default();
            pointer_and_number(test, pointer, extent(pointer.object), number)
        }
        (number, Pointer(pointer)) => {
            let number = number.number().unwrap_or_default();
            pointer_and_number(mirrored(test), pointer, extent(pointer.object), number)
        }
        (left, right) => {
            let cut = |value: Value| {
                let number = value.number().unwrap_or_default();
                if wide { number } else { number & 0xffff_ffff }
            };
            let (left, right) = (cut(left), cut(right));
            let signed = |number: u64| {
                if wide {
                    i128::from(number as i64)
                } else {
                    i128::from(number as u32 as i32)
                }
            };
            if test == Test::AnyBit {
                return Ok(left & right != 0);
            }
            Ok(match test {
                Test::Greater | Test::GreaterOrEqual | Test::Less | Test::LessOrEqual => {
                    in_order(test, signed(left), signed(right))
                }
                _ => in_order(test, left.into(), right.into()),
            })
        }
    }
}

/// The same test with its operands exchanged.
fn mirrored(test: Test) -> Test {
    match test {
        Test::Above => Test::Below,
        Test::Below => Test::Above,
        Test::AboveOrEqual => Test::BelowOrEqual,
        Test::BelowOrEqual => Test::AboveOrEqual,
        Test::Greater => Test::Less,
        Test::Less => Test::Greater,
        Test::GreaterOrEqual => Test::LessOrEqual,
        Test::LessOrEqual => Test::GreaterOrEqual,
        test => test,
    }
}

/// A test of two places in one order, whatever its sign: addresses lie in the lower half.
fn in_order(test: Test, left: i128, right: i128) -> bool {
    match test {
        Test::Equal => left == right,
        Test::Different => left != right,
        Test::Above | Test::Greater => left > right,
        Test::AboveOrEqual | Test::GreaterOrEqual => left >= right,
        Test::Below | Test::Less => left < right,
        Test::BelowOrEqual | Test::LessOrEqual => left <= right,
        Test::AnyBit => false,
    }
}

fn ordered(test: Test, left: i128, right: i128) -> Result<bool, Stop> {
    if test == Test::AnyBit {
        return Err(fault("tests bits of an address"));
    }
    Ok(in_order(test, left, right))
}

/// Objects are disjoint, and in no order.
fn two_objects(
    test: Test,
    (left, left_extent): (Pointer, Extent),
    (right, right_extent): (Pointer, Extent),
) -> Result<bool, Stop> {
    // Another object may start right behind an object. Frames are an exception: there is room
    // between them. An object without bytes lies at a place where no other object is.
    let inside = |pointer: Pointer, extent: Extent| {
        let end = match extent.family {
            Sort::Frame { .. } => extent.len + 1,
            Sort::Region if extent.len == 0 => 1,
            _ => extent.len,
        };
        (0..end).contains(&pointer.offset)
    };
    let apart = inside(left, left_extent) && inside(right, right_extent);
    match test {
        Test::Equal if apart => Ok(false),
        Test::Different if apart => Ok(true),
        // A deleted value and the value that took its slot may have the same address.
        Test::Equal | Test::Different if left_extent.family == right_extent.family => {
            Err(Stop::Chance("whether two values of a map are one"))
        }
        Test::Equal | Test::Different => Err(Stop::Layout(
            "whether addresses beside two objects are the same",
        )),
        Test::AnyBit => Err(fault("tests bits of an address")),
        _ if left_extent.family == right_extent.family => {
            Err(Stop::Chance("the order of two values of a map"))
        }
        _ => Err(fault(
            "asks for the order of two objects of different kinds",
        )),
    }
}

fn pointer_and_number(
    test: Test,
    pointer: Pointer,
    extent: Extent,
    number: u64,
) -> Result<bool, Stop> {
    if test == Test::AnyBit {
        return Err(fault("tests bits of an address"));
    }
    // A region without a byte may start at any address but 0.
    let lowest = if extent.len == 0 { 1 } else { LOWEST };
    let first = lowest + i128::from(pointer.offset);
    let last = HIGHEST + i128::from(pointer.offset);
    if first < 0 || last >= 1 << 63 {
        return Err(Stop::Layout("an address that may wrap"));
    }
    let number = match test {
        Test::Greater | Test::GreaterOrEqual | Test::Less | Test::LessOrEqual => {
            i128::from(number as i64)
        }
        _ => i128::from(number),
    };
    if first <= number && number <= last {
        return Err(if extent.len == 0 {
            Stop::Chance("where an empty region starts")
        } else {
            Stop::Layout("a number that may be the address")
        });
    }
    Ok(in_order(test, first, number))
}
