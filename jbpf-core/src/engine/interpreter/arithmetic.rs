//! Arithmetic and comparisons as RFC 9669 defines them, on opcodes as they are encoded.

use jbpf_verifier::RawInsn;

/// The result of an instruction of class ALU (4) or ALU64 (7); `None` if there is no such
/// instruction.
pub(super) fn compute(insn: RawInsn, dst: u64, src: u64) -> Option<u64> {
    let wide = insn.opcode & 7 == 7;
    let register = insn.opcode & 8 != 0;
    match (insn.opcode & 0xf0, insn.off) {
        (0xb0, 8) if register => Some(cut(wide, i64::from(src as u8 as i8))),
        (0xb0, 16) if register => Some(cut(wide, i64::from(src as u16 as i16))),
        (0xb0, 32) if register && wide => Some(cut(wide, i64::from(src as u32 as i32))),
        (0xd0, 0) => swap(wide, register, insn.imm, dst),
        _ if wide => compute64(insn, dst, src),
        _ => compute32(insn, dst as u32, src as u32).map(u64::from),
    }
}

fn cut(wide: bool, value: i64) -> u64 {
    if wide {
        value.cast_unsigned()
    } else {
        u64::from(value as u32)
    }
}

fn compute64(insn: RawInsn, dst: u64, src: u64) -> Option<u64> {
    let (signed_dst, signed_src) = (dst.cast_signed(), src.cast_signed());
    let amount = (src & 63) as u32;
    Some(match (insn.opcode & 0xf0, insn.off) {
        (0x00, 0) => dst.wrapping_add(src),
        (0x10, 0) => dst.wrapping_sub(src),
        (0x20, 0) => dst.wrapping_mul(src),
        (0x30, 0) => dst.checked_div(src).unwrap_or(0),
        (0x30, 1) if src == 0 => 0,
        (0x30, 1) => signed_dst.wrapping_div(signed_src).cast_unsigned(),
        (0x40, 0) => dst | src,
        (0x50, 0) => dst & src,
        (0x60, 0) => dst << amount,
        (0x70, 0) => dst >> amount,
        (0x80, 0) => dst.wrapping_neg(),
        (0x90, 0) => dst.checked_rem(src).unwrap_or(dst),
        (0x90, 1) if src == 0 => dst,
        (0x90, 1) => signed_dst.wrapping_rem(signed_src).cast_unsigned(),
        (0xa0, 0) => dst ^ src,
        (0xb0, 0) => src,
        (0xc0, 0) => (signed_dst >> amount).cast_unsigned(),
        _ => return None,
    })
}

fn compute32(insn: RawInsn, dst: u32, src: u32) -> Option<u32> {
    let (signed_dst, signed_src) = (dst.cast_signed(), src.cast_signed());
    let amount = src & 31;
    Some(match (insn.opcode & 0xf0, insn.off) {
        (0x00, 0) => dst.wrapping_add(src),
        (0x10, 0) => dst.wrapping_sub(src),
        (0x20, 0) => dst.wrapping_mul(src),
        (0x30, 0) => dst.checked_div(src).unwrap_or(0),
        (0x30, 1) if src == 0 => 0,
        (0x30, 1) => signed_dst.wrapping_div(signed_src).cast_unsigned(),
        (0x40, 0) => dst | src,
        (0x50, 0) => dst & src,
        (0x60, 0) => dst << amount,
        (0x70, 0) => dst >> amount,
        (0x80, 0) => dst.wrapping_neg(),
        (0x90, 0) => dst.checked_rem(src).unwrap_or(dst),
        (0x90, 1) if src == 0 => dst,
        (0x90, 1) => signed_dst.wrapping_rem(signed_src).cast_unsigned(),
        (0xa0, 0) => dst ^ src,
        (0xb0, 0) => src,
        (0xc0, 0) => (signed_dst >> amount).cast_unsigned(),
        _ => return None,
    })
}

/// `le`, `be` (class ALU) and `bswap` (class ALU64).
fn swap(wide: bool, big: bool, bits: i32, value: u64) -> Option<u64> {
    Some(match (wide, big, bits) {
        (false, false, 16) => u64::from((value as u16).to_le()),
        (false, false, 32) => u64::from((value as u32).to_le()),
        (false, false, 64) => value.to_le(),
        (false, true, 16) => u64::from((value as u16).to_be()),
        (false, true, 32) => u64::from((value as u32).to_be()),
        (false, true, 64) => value.to_be(),
        (true, false, 16) => u64::from((value as u16).swap_bytes()),
        (true, false, 32) => u64::from((value as u32).swap_bytes()),
        (true, false, 64) => value.swap_bytes(),
        _ => return None,
    })
}

/// Whether a conditional jump of class JMP (5) or JMP32 (6) is taken; `None` if there is no such
/// jump.
pub(super) fn holds(opcode: u8, left: u64, right: u64) -> Option<bool> {
    let (left, right, signed_left, signed_right) = if opcode & 7 == 5 {
        (left, right, left.cast_signed(), right.cast_signed())
    } else {
        let (left, right) = (left as u32, right as u32);
        (
            u64::from(left),
            u64::from(right),
            i64::from(left.cast_signed()),
            i64::from(right.cast_signed()),
        )
    };
    Some(match opcode & 0xf0 {
        0x10 => left == right,
        0x20 => left > right,
        0x30 => left >= right,
        0x40 => left & right != 0,
        0x50 => left != right,
        0x60 => signed_left > signed_right,
        0x70 => signed_left >= signed_right,
        0xa0 => left < right,
        0xb0 => left <= right,
        0xc0 => signed_left < signed_right,
        0xd0 => signed_left <= signed_right,
        _ => return None,
    })
}
