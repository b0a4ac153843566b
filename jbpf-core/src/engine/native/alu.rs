//! Arithmetic, in 64 or 32 bits, with the results that RFC 9669 gives to every operand.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Type, Value, types};
use cranelift_frontend::FunctionBuilder;

use super::insn::{AluOp, Bits, ByteOrder, Condition};

/// The Cranelift type of that many bits.
pub(super) const fn int_type(bits: Bits) -> Type {
    match bits {
        8 => types::I8,
        16 => types::I16,
        32 => types::I32,
        _ => types::I64,
    }
}

/// The low `bits` of a register.
pub(super) fn truncate(fb: &mut FunctionBuilder<'_>, value: Value, bits: Bits) -> Value {
    if bits == 64 {
        value
    } else {
        fb.ins().ireduce(int_type(bits), value)
    }
}

/// A register from `bits`, zero-extended.
pub(super) fn zero_extend(fb: &mut FunctionBuilder<'_>, value: Value, bits: Bits) -> Value {
    if bits == 64 {
        value
    } else {
        fb.ins().uextend(types::I64, value)
    }
}

/// `dst op src` on values of `bits`; `divisor` is the source when it is an immediate, so that its
/// checks are decided here.
pub(super) fn binary(
    fb: &mut FunctionBuilder<'_>,
    op: AluOp,
    bits: Bits,
    dst: Value,
    src: Value,
    divisor: Option<i32>,
) -> Value {
    match op {
        AluOp::Add => fb.ins().iadd(dst, src),
        AluOp::Sub => fb.ins().isub(dst, src),
        AluOp::Mul => fb.ins().imul(dst, src),
        AluOp::Or => fb.ins().bor(dst, src),
        AluOp::And => fb.ins().band(dst, src),
        AluOp::Xor => fb.ins().bxor(dst, src),
        // Cranelift takes the amount modulo the type's width, as RFC 9669 does.
        AluOp::ShiftLeft => fb.ins().ishl(dst, src),
        AluOp::ShiftRight => fb.ins().ushr(dst, src),
        AluOp::ArithmeticShiftRight => fb.ins().sshr(dst, src),
        AluOp::Div => unsigned_division(fb, bits, dst, src, divisor, false),
        AluOp::Mod => unsigned_division(fb, bits, dst, src, divisor, true),
        AluOp::SignedDiv => signed_division(fb, bits, dst, src, divisor, false),
        AluOp::SignedMod => signed_division(fb, bits, dst, src, divisor, true),
    }
}

/// Division by zero gives 0, with the dividend as the remainder.
fn unsigned_division(
    fb: &mut FunctionBuilder<'_>,
    bits: Bits,
    dst: Value,
    src: Value,
    divisor: Option<i32>,
    remainder: bool,
) -> Value {
    let ty = int_type(bits);
    match divisor {
        Some(0) if remainder => dst,
        Some(0) => fb.ins().iconst(ty, 0),
        Some(_) if remainder => fb.ins().urem(dst, src),
        Some(_) => fb.ins().udiv(dst, src),
        None => {
            // The division itself must not see a zero: it would trap.
            let zero = fb.ins().iconst(ty, 0);
            let one = fb.ins().iconst(ty, 1);
            let by_zero = fb.ins().icmp(IntCC::Equal, src, zero);
            let safe = fb.ins().select(by_zero, one, src);
            if remainder {
                let result = fb.ins().urem(dst, safe);
                fb.ins().select(by_zero, dst, result)
            } else {
                let result = fb.ins().udiv(dst, safe);
                fb.ins().select(by_zero, zero, result)
            }
        }
    }
}

/// As the unsigned division. The smallest number divided by -1 is itself, with remainder 0.
fn signed_division(
    fb: &mut FunctionBuilder<'_>,
    bits: Bits,
    dst: Value,
    src: Value,
    divisor: Option<i32>,
    remainder: bool,
) -> Value {
    let ty = int_type(bits);
    match divisor {
        Some(0) if remainder => dst,
        Some(0) => fb.ins().iconst(ty, 0),
        Some(-1) if remainder => fb.ins().iconst(ty, 0),
        Some(-1) => fb.ins().ineg(dst),
        Some(_) if remainder => fb.ins().srem(dst, src),
        Some(_) => fb.ins().sdiv(dst, src),
        None => {
            let zero = fb.ins().iconst(ty, 0);
            let one = fb.ins().iconst(ty, 1);
            let minus_one = fb.ins().iconst(ty, mask(bits));
            let by_zero = fb.ins().icmp(IntCC::Equal, src, zero);
            let by_minus_one = fb.ins().icmp(IntCC::Equal, src, minus_one);
            let special = fb.ins().bor(by_zero, by_minus_one);
            let safe = fb.ins().select(special, one, src);
            if remainder {
                // Modulo -1 must give 0, and modulo 1 does.
                let result = fb.ins().srem(dst, safe);
                fb.ins().select(by_zero, dst, result)
            } else {
                let result = fb.ins().sdiv(dst, safe);
                let negated = fb.ins().ineg(dst);
                let result = fb.ins().select(by_minus_one, negated, result);
                fb.ins().select(by_zero, zero, result)
            }
        }
    }
}

/// -1 in `bits`, as Cranelift wants constants: zero-extended.
const fn mask(bits: Bits) -> i64 {
    if bits == 64 { -1 } else { (1 << bits) - 1 }
}

/// The low `bits` of `value` in the order asked for, zero-extended.
pub(super) fn swap(
    fb: &mut FunctionBuilder<'_>,
    order: ByteOrder,
    bits: Bits,
    value: Value,
) -> Value {
    let low = truncate(fb, value, bits);
    let swaps = match order {
        ByteOrder::Swapped => true,
        ByteOrder::Little => cfg!(target_endian = "big"),
        ByteOrder::Big => cfg!(target_endian = "little"),
    };
    let ordered = if swaps { fb.ins().bswap(low) } else { low };
    zero_extend(fb, ordered, bits)
}

/// A value that is not zero if and only if the comparison holds.
pub(super) fn compare(
    fb: &mut FunctionBuilder<'_>,
    condition: Condition,
    left: Value,
    right: Value,
) -> Value {
    let code = match condition {
        Condition::Intersects => return fb.ins().band(left, right),
        Condition::Equal => IntCC::Equal,
        Condition::NotEqual => IntCC::NotEqual,
        Condition::Greater => IntCC::UnsignedGreaterThan,
        Condition::GreaterOrEqual => IntCC::UnsignedGreaterThanOrEqual,
        Condition::Less => IntCC::UnsignedLessThan,
        Condition::LessOrEqual => IntCC::UnsignedLessThanOrEqual,
        Condition::SignedGreater => IntCC::SignedGreaterThan,
        Condition::SignedGreaterOrEqual => IntCC::SignedGreaterThanOrEqual,
        Condition::SignedLess => IntCC::SignedLessThan,
        Condition::SignedLessOrEqual => IntCC::SignedLessThanOrEqual,
    };
    fb.ins().icmp(code, left, right)
}
