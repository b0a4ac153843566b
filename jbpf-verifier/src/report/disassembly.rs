//! Instructions as text.
//!
//! The notation is that of rbpf's assembler, which reads back the instructions that it knows. It
//! does not know sign-extending moves and loads, unconditional byte swaps, signed division, long
//! jumps and atomic operations; these have names in the same manner. Maps, data sections, helpers
//! and functions appear by name. Slots that are no instruction are shown as bytes.

use crate::program::{Program, RawInsn};
use crate::types::HelperTable;

/// One instruction of a program in assembly. The second slot of a wide load, and a slot beyond the
/// end, give an empty text.
#[must_use]
pub fn disassemble(program: &Program, helpers: &HelperTable, at: usize) -> String {
    let slot = |at: usize| program.insns.get(at).copied();
    let Some(insn) = slot(at) else {
        return String::new();
    };
    if is_second_slot(program, at) {
        return String::new();
    }
    let text = match insn.opcode & 7 {
        LD => slot(at + 1).and_then(|second| wide_load(program, insn, second)),
        LDX => load(insn),
        ST => store(insn, insn.imm.to_string()),
        STX => store(insn, reg(insn.src)).or_else(|| atomic(insn)),
        ALU | ALU64 => alu(insn).or_else(|| byte_swap(insn)),
        _ => jump(insn).or_else(|| call(program, helpers, at, insn)),
    };
    text.unwrap_or_else(|| bytes(insn))
}

// Classes and sources of RFC 9669, section 3.
const LD: u8 = 0;
const LDX: u8 = 1;
const ST: u8 = 2;
const STX: u8 = 3;
const ALU: u8 = 4;
const JMP: u8 = 5;
const JMP32: u8 = 6;
const ALU64: u8 = 7;
const FROM_REGISTER: u8 = 8;

const WIDE: u8 = 0x18;

/// Whether a slot is the second one of a wide load. In a run of 0x18, that depends on the start of
/// the run.
fn is_second_slot(program: &Program, at: usize) -> bool {
    let before = program.insns.get(..at).unwrap_or_default();
    let run = before.iter().rev().take_while(|insn| insn.opcode == WIDE);
    run.count() % 2 == 1
}

fn reg(number: u8) -> String {
    format!("r{number}")
}

fn memory(base: u8, offset: i16) -> String {
    match offset {
        0 => format!("[r{base}]"),
        _ => format!("[r{base}{offset:+}]"),
    }
}

fn size(opcode: u8) -> &'static str {
    match opcode & 0x18 {
        0x00 => "w",
        0x08 => "h",
        0x10 => "b",
        _ => "dw",
    }
}

fn wide_load(program: &Program, insn: RawInsn, second: RawInsn) -> Option<String> {
    if insn.opcode != WIDE {
        return None;
    }
    let value = u64::from(second.imm.cast_unsigned()) << 32 | u64::from(insn.imm.cast_unsigned());
    let map = usize::try_from(insn.imm)
        .ok()
        .and_then(|index| program.maps.get(index))
        .map_or_else(|| insn.imm.to_string(), |map| map.name.clone());
    let operand = match insn.src {
        0 => format!("{value:#x}"),
        5 => format!("map {map}"),
        6 if second.imm == 0 => format!("section {map}"),
        6 => format!("section {map} + {}", second.imm),
        _ => return None,
    };
    Some(format!("lddw r{}, {operand}", insn.dst))
}

fn load(insn: RawInsn) -> Option<String> {
    let sign = match insn.opcode >> 5 {
        3 => "",
        4 if insn.opcode & 0x18 != 0x18 => "s",
        _ => return None,
    };
    let (dst, from) = (insn.dst, memory(insn.src, insn.off));
    Some(format!("ldx{sign}{} r{dst}, {from}", size(insn.opcode)))
}

fn store(insn: RawInsn, value: String) -> Option<String> {
    if insn.opcode >> 5 != 3 {
        return None;
    }
    let name = if insn.opcode & 7 == ST { "st" } else { "stx" };
    let to = memory(insn.dst, insn.off);
    Some(format!("{name}{} {to}, {value}", size(insn.opcode)))
}

fn atomic(insn: RawInsn) -> Option<String> {
    if insn.opcode >> 5 != 6 || insn.opcode & 0x10 != insn.opcode << 1 & 0x10 {
        return None;
    }
    let name = match insn.imm {
        0x00 => "add",
        0x01 => "fetch_add",
        0x40 => "or",
        0x41 => "fetch_or",
        0x50 => "and",
        0x51 => "fetch_and",
        0xa0 => "xor",
        0xa1 => "fetch_xor",
        0xe1 => "xchg",
        0xf1 => "cmpxchg",
        _ => return None,
    };
    let (to, src) = (memory(insn.dst, insn.off), insn.src);
    Some(format!("atomic_{name}_{} {to}, r{src}", size(insn.opcode)))
}

fn alu(insn: RawInsn) -> Option<String> {
    let is_32 = insn.opcode & 7 == ALU;
    let suffix = if is_32 { "32" } else { "" };
    let from_register = insn.opcode & FROM_REGISTER != 0;
    let name = match (insn.opcode >> 4, insn.off) {
        (0x0, 0) => "add",
        (0x1, 0) => "sub",
        (0x2, 0) => "mul",
        (0x3, 0) => "div",
        (0x3, 1) => "sdiv",
        (0x4, 0) => "or",
        (0x5, 0) => "and",
        (0x6, 0) => "lsh",
        (0x7, 0) => "rsh",
        (0x8, 0) if !from_register => return Some(format!("neg{suffix} r{}", insn.dst)),
        (0x9, 0) => "mod",
        (0x9, 1) => "smod",
        (0xa, 0) => "xor",
        (0xb, 0) => "mov",
        (0xb, 8 | 16) | (0xb, 32) if from_register && (insn.off != 32 || !is_32) => {
            let width = if is_32 { "_32" } else { "" };
            return Some(format!(
                "movsx{}{width} r{}, r{}",
                insn.off, insn.dst, insn.src
            ));
        }
        (0xc, 0) => "arsh",
        _ => return None,
    };
    Some(format!("{name}{suffix} r{}, {}", insn.dst, operand(insn)))
}

fn byte_swap(insn: RawInsn) -> Option<String> {
    let name = match insn.opcode {
        0xd4 => "le",
        0xdc => "be",
        0xd7 => "bswap",
        _ => return None,
    };
    matches!(insn.imm, 16 | 32 | 64).then(|| format!("{name}{} r{}", insn.imm, insn.dst))
}

fn jump(insn: RawInsn) -> Option<String> {
    let suffix = if insn.opcode & 7 == JMP32 { "32" } else { "" };
    let name = match insn.opcode >> 4 {
        0x0 if insn.opcode == JMP => return Some(format!("ja {:+}", insn.off)),
        0x0 if insn.opcode == JMP32 => return Some(format!("jal {:+}", insn.imm)),
        0x1 => "jeq",
        0x2 => "jgt",
        0x3 => "jge",
        0x4 => "jset",
        0x5 => "jne",
        0x6 => "jsgt",
        0x7 => "jsge",
        0xa => "jlt",
        0xb => "jle",
        0xc => "jslt",
        0xd => "jsle",
        _ => return None,
    };
    let (dst, rhs, distance) = (insn.dst, operand(insn), insn.off);
    Some(format!("{name}{suffix} r{dst}, {rhs}, {distance:+}"))
}

fn call(program: &Program, helpers: &HelperTable, at: usize, insn: RawInsn) -> Option<String> {
    match (insn.opcode, insn.src) {
        (0x95, _) => Some("exit".to_owned()),
        (0x85, 0) => {
            let helper = u32::try_from(insn.imm).ok().and_then(|id| helpers.get(id));
            let name = helper.map_or_else(|| insn.imm.to_string(), |helper| helper.name.clone());
            Some(format!("call {name}"))
        }
        (0x85, 1) => {
            let distance = isize::try_from(insn.imm).ok();
            let target = distance.and_then(|distance| (at + 1).checked_add_signed(distance));
            let function = program
                .functions
                .iter()
                .find(|function| Some(function.start) == target);
            Some(match function {
                Some(function) => format!("call {}", function.name),
                None => format!("call {:+}", insn.imm),
            })
        }
        _ => None,
    }
}

fn operand(insn: RawInsn) -> String {
    if insn.opcode & FROM_REGISTER != 0 {
        reg(insn.src)
    } else {
        insn.imm.to_string()
    }
}

fn bytes(insn: RawInsn) -> String {
    let hex = insn.to_bytes().map(|byte| format!("{byte:02x}"));
    format!(".slot {}", hex.join(" "))
}
