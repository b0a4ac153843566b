//! Programs from text.

use jbpf_verifier::RawInsn;

/// Assembles one instruction a line: those of rbpf's assembler, and
///
/// * `map rD, I`: the address of map I;
/// * `value rD, I, OFFSET`: the address of the value of data section I, plus an offset;
/// * `local N`: a call of the function N instructions further;
/// * `insn OPCODE DST SRC OFF IMM`: any instruction.
///
/// Jumps count instructions (slots), as `+N`. A comment begins with `;`.
pub fn assemble(text: &str) -> Vec<RawInsn> {
    let mut insns = Vec::new();
    for line in text.lines() {
        let line = line.split(';').next().unwrap().trim();
        if line.is_empty() {
            continue;
        }
        let mut words = line.split([' ', ',']).filter(|word| !word.is_empty());
        let mnemonic = words.next().unwrap();
        let operands: Vec<&str> = words.collect();
        match mnemonic {
            "map" => insns.extend(wide(register(operands[0]), 5, number(operands[1]), 0)),
            "value" => insns.extend(wide(
                register(operands[0]),
                6,
                number(operands[1]),
                number(operands[2]),
            )),
            "local" => insns.push(RawInsn {
                opcode: 0x85,
                src: 1,
                imm: number(operands[0]) as i32,
                ..RawInsn::default()
            }),
            "insn" => insns.push(RawInsn {
                opcode: number(operands[0]) as u8,
                dst: number(operands[1]) as u8,
                src: number(operands[2]) as u8,
                off: number(operands[3]) as i16,
                imm: number(operands[4]) as i32,
            }),
            _ => {
                let bytes = rbpf::assembler::assemble(line)
                    .unwrap_or_else(|error| panic!("{line:?}: {error}"));
                insns.extend(
                    bytes
                        .chunks_exact(8)
                        .map(|slot| RawInsn::from_bytes(slot.try_into().unwrap())),
                );
            }
        }
    }
    insns
}

fn wide(dst: u8, src: u8, low: i64, high: i64) -> [RawInsn; 2] {
    [
        RawInsn {
            opcode: 0x18,
            dst,
            src,
            off: 0,
            imm: low as i32,
        },
        RawInsn {
            imm: high as i32,
            ..RawInsn::default()
        },
    ]
}

fn register(name: &str) -> u8 {
    name.strip_prefix('r').unwrap().parse().unwrap()
}

fn number(text: &str) -> i64 {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.trim_start_matches('+')),
    };
    sign * match digits.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).unwrap(),
        None => digits.parse().unwrap(),
    }
}
