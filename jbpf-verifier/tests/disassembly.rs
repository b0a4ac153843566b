//! Disassembly says what an instruction is: assembled again, it is the same instruction.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod assembly;

use assembly::{Assembled, assemble};
use jbpf_verifier::report::disassemble;
use jbpf_verifier::types::HelperTable;
use jbpf_verifier::{Program, RawInsn};

fn listing(assembled: &Assembled) -> Vec<String> {
    let Assembled {
        program, helpers, ..
    } = assembled;
    (0..program.insns.len())
        .map(|at| disassemble(program, helpers, at))
        .filter(|line| !line.is_empty())
        .collect()
}

/// Every opcode with every offset and immediate that selects an operation, and then some.
fn samples() -> impl Iterator<Item = RawInsn> {
    let offsets = [0, 1, 8, 16, 32, -7];
    let immediates = [
        0, 1, 16, 32, 64, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1, -5,
    ];
    (0..=255).flat_map(move |opcode| {
        offsets.into_iter().flat_map(move |off| {
            immediates.into_iter().map(move |imm| RawInsn {
                opcode,
                dst: 3,
                src: 4,
                off,
                imm,
            })
        })
    })
}

#[test]
fn disassembly_assembles_to_the_same_operation() {
    let helpers = HelperTable::builtin();
    let mut known = 0;
    for insn in samples().filter(|insn| insn.opcode != 0x18) {
        let program = Program {
            insns: vec![insn],
            ..Program::default()
        };
        let text = disassemble(&program, &helpers, 0);
        let back = assemble(&text).program.insns[0];
        // Fields that the operation does not use have no place in the text.
        let again = disassemble(
            &Program {
                insns: vec![back],
                ..Program::default()
            },
            &helpers,
            0,
        );
        assert_eq!(again, text, "{insn:?}");
        assert_eq!(back.opcode, insn.opcode, "{text}");
        if text.starts_with(".slot") {
            assert_eq!(back, insn);
        } else {
            known += 1;
        }
    }
    assert!(known > 1000, "only {known} samples are instructions");
}

#[test]
fn names_stand_for_maps_sections_and_helpers() {
    let lines = [
        "lddw r1, map counters",
        "lddw r2, section .rodata + 2",
        "lddw r2, section .rodata",
        "lddw r3, 0x1122334455667788",
        "call map_lookup_elem",
        "call +1",
        "call 29",
        "exit",
    ];
    let text = format!(
        ".map counters array key 4 value 8 entries 1\n.rodata .rodata 01 02 03\n{}",
        lines.join("\n")
    );
    assert_eq!(listing(&assemble(&text)), lines);
}

#[test]
fn the_whole_instruction_set_has_names() {
    let lines = [
        "add r1, r2",
        "sub32 r1, -7",
        "sdiv r1, r2",
        "smod32 r1, 3",
        "neg r1",
        "movsx8 r1, r2",
        "movsx16_32 r1, r2",
        "movsx32 r1, r2",
        "le16 r1",
        "be64 r1",
        "bswap32 r1",
        "ldxsb r1, [r2+3]",
        "ldxdw r1, [r2]",
        "stxh [r10-2], r1",
        "stdw [r10-8], -1",
        "atomic_add_w [r10-4], r1",
        "atomic_fetch_xor_dw [r10-8], r1",
        "atomic_cmpxchg_dw [r10-8], r1",
        "jset32 r1, r2, +0",
        "jsle r1, -1, -2",
        "ja +0",
        "jal -4",
        "exit",
    ];
    assert_eq!(listing(&assemble(&lines.join("\n"))), lines);
}

#[test]
fn runs_of_wide_loads_are_told_apart_from_their_second_slots() {
    let wide = RawInsn {
        opcode: 0x18,
        imm: 1,
        ..RawInsn::default()
    };
    let program = Program {
        insns: vec![wide; 5],
        ..Program::default()
    };
    let line = |at| disassemble(&program, &HelperTable::default(), at);
    assert_eq!(
        (line(0), line(2)),
        (line(2), "lddw r0, 0x100000001".to_owned())
    );
    assert_eq!((line(1), line(3)), (String::new(), String::new()));
    assert_eq!(
        line(4),
        ".slot 18 00 00 00 01 00 00 00",
        "its second half is missing"
    );
    assert_eq!(line(5), "");
}
