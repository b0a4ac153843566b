//! The instructions that pieces are written in.

use jbpf_verifier::RawInsn;

pub const fn insn(opcode: u8, dst: u8, src: u8, off: i16, imm: i32) -> RawInsn {
    RawInsn {
        opcode,
        dst,
        src,
        off,
        imm,
    }
}

pub const EXIT: RawInsn = insn(0x95, 0, 0, 0, 0);

/// Loads by width; stores of registers are two more.
pub const BYTE: u8 = 0x71;
pub const WORD: u8 = 0x61;
pub const DOUBLE: u8 = 0x79;

pub const fn mov(dst: u8, src: u8) -> RawInsn {
    insn(0xbf, dst, src, 0, 0)
}

pub const fn mov_imm(dst: u8, imm: i32) -> RawInsn {
    insn(0xb7, dst, 0, 0, imm)
}

pub const fn add(dst: u8, src: u8) -> RawInsn {
    insn(0x0f, dst, src, 0, 0)
}

pub const fn add_imm(dst: u8, imm: i32) -> RawInsn {
    insn(0x07, dst, 0, 0, imm)
}

pub const fn and_imm(dst: u8, imm: i32) -> RawInsn {
    insn(0x57, dst, 0, 0, imm)
}

pub const fn load(opcode: u8, dst: u8, base: u8, off: i16) -> RawInsn {
    insn(opcode, dst, base, off, 0)
}

pub const fn store(opcode: u8, base: u8, off: i16, src: u8) -> RawInsn {
    insn(opcode + 2, base, src, off, 0)
}

pub const fn call(helper: i32) -> RawInsn {
    insn(0x85, 0, 0, 0, helper)
}

/// A wide load: 0 a number, 5 a map, 6 the value of a data section plus an offset.
pub const fn wide(dst: u8, kind: u8, low: i32, high: i32) -> [RawInsn; 2] {
    [insn(0x18, dst, kind, 0, low), insn(0, 0, 0, 0, high)]
}

pub const fn map(dst: u8, map: i32) -> [RawInsn; 2] {
    wide(dst, 5, map, 0)
}
