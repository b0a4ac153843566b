//! Programs that nobody writes. The answer to any of them comes within the budget, and without a
//! panic.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod assembly;

use std::sync::Arc;

use assembly::assemble;
use jbpf_verifier::report::{Code, render};
use jbpf_verifier::types::{ContextDef, HelperTable};
use jbpf_verifier::{Limits, MAX_INSTRUCTIONS, Program, RawInsn, Rejection, VerifiedProgram};
use proptest::prelude::*;

const fn insn(opcode: u8, dst: u8, src: u8, off: i16, imm: i32) -> RawInsn {
    RawInsn {
        opcode,
        dst,
        src,
        off,
        imm,
    }
}

const EXIT: RawInsn = insn(0x95, 0, 0, 0, 0);

fn verify(insns: Vec<RawInsn>) -> Result<VerifiedProgram, Box<Rejection>> {
    let program = Program {
        name: "hostile".to_owned(),
        insns,
        ..Program::default()
    };
    jbpf_verifier::verify(
        &Arc::new(program),
        &Arc::new(ContextDef::generic()),
        &Arc::new(HelperTable::builtin()),
    )
}

/// A program that exhausts a budget most likely lacks the bound of a loop.
fn assert_bounding_is_advised(rejection: &Rejection) {
    let hint = rejection.hint.as_deref().unwrap_or_default();
    assert!(hint.contains("add `i < N`"), "{hint}");
}

/// `mov r0, 0`, the instruction of `body` for each of as many slots as a program can have, and
/// `exit`.
fn filled(body: impl Fn(usize) -> RawInsn) -> Vec<RawInsn> {
    let start = [insn(0xb7, 0, 0, 0, 0), insn(0x61, 6, 1, 24, 0)];
    let count = MAX_INSTRUCTIONS - start.len() - 1;
    let body = (0..count).map(body);
    start.into_iter().chain(body).chain([EXIT]).collect()
}

#[test]
fn straight_code_of_any_length_is_accepted() {
    let verified = verify(filled(|_| insn(0x07, 0, 0, 0, 1))).unwrap();
    let worst = verified.summary().worst_case_instructions;
    assert_eq!(worst, MAX_INSTRUCTIONS as u64);
}

#[test]
fn a_ladder_of_branches_is_answered() {
    // Each branch skips one addition, on an unknown number.
    let ladder = |at: usize| match at % 2 {
        0 => insn(0x45, 6, 0, 1, 1 << (at / 2 % 31)),
        _ => insn(0x07, 0, 0, 0, at as i32),
    };
    let _ = verify(filled(ladder));
}

#[test]
fn branches_that_all_leave_are_answered() {
    let last = MAX_INSTRUCTIONS;
    let leave = |at: usize| {
        let distance = last - (at + 2) - 2;
        let off = i16::try_from(distance.min(30_000)).unwrap();
        insn(0x15, 6, 0, off, at as i32)
    };
    let _ = verify(filled(leave));
}

#[test]
fn calls_in_every_slot_are_answered() {
    let _ = verify(filled(|_| insn(0x85, 0, 0, 0, 7)));
}

#[test]
fn spills_all_over_the_stack_are_answered() {
    let spill = |at: usize| match at % 3 {
        0 => insn(0x7b, 10, 6, -8 * (1 + (at / 3 % 64) as i16), 0),
        1 => insn(0x45, 6, 0, 1, 1 << (at % 31)),
        _ => insn(0x07, 6, 0, 0, 1),
    };
    let _ = verify(filled(spill));
}

#[test]
fn what_waiting_states_know_of_the_region_takes_room() {
    // Each branch leaves a state behind that knows every fact of the region learnt before it.
    let mut text =
        "ldxdw r2, [r1]\nldxdw r3, [r1+8]\nja begin\nout:\nmov r0, 0\nexit\nbegin:\n".to_owned();
    text.push_str(&"mov r4, r3\nsub r4, r2\n".repeat(100));
    for size in 1..5_000 {
        let branch = format!("mov r5, r2\nadd r5, {size}\njgt r5, r3, out\n");
        text.push_str(&branch);
        text.push_str("mov r4, r3\nsub r4, r2\n");
    }
    text.push_str("mov r0, 0\nexit\n");
    let program = assemble(&text).program;
    let rejection = verify(program.insns).unwrap_err();
    assert_eq!(rejection.code, Code::OutOfMemory);
    assert_bounding_is_advised(&rejection);
}

#[test]
fn jumps_back_and_forth_are_answered() {
    let _ = verify(filled(|at| match at % 4 {
        0 => insn(0x25, 6, 0, 2, at as i32),
        1 => insn(0x07, 6, 0, 0, 1),
        2 => insn(0xa5, 6, 0, -2, 7),
        _ => insn(0x2d, 6, 0, -3, 0),
    }));
}

#[test]
fn nested_loops_beyond_the_budget_are_too_complex() {
    let example = assemble(
        "
            mov r0, 0
            mov r6, 0
        outer:
            mov r7, 0
        inner:
            add r7, 1
            add r0, r7
            jlt r7, 3000, inner
            add r6, 1
            jlt r6, 3000, outer
            exit
        ",
    );
    let rejection = jbpf_verifier::verify(
        &Arc::new(example.program),
        &Arc::new(example.context),
        &Arc::new(example.helpers),
    )
    .unwrap_err();
    assert_eq!(rejection.code, Code::TooComplex);
    assert_bounding_is_advised(&rejection);
}

#[test]
fn a_loop_whose_states_look_alike_is_too_complex() {
    // Only the largest signed value of r6 changes, which no fingerprint shows.
    let program = assemble(
        "
            mov r9, r1
            mov r0, 0
            ldxdw r6, [r9+16]
            jsgt r6, 100, out
        again:
            ldxdw r8, [r9+16]
            mov r7, r6
            add r7, 1
            jsgt r8, r7, out
            mov r6, r8
            .repeat 5 mov r8, 0
            ja again
        out:
            exit
        ",
    );
    let code = verify(program.program.insns).unwrap_err().code;
    assert_eq!(code, Code::TooComplex);
}

/// The verifier's answer to a program in assembly.
fn answer(text: &str) -> Result<VerifiedProgram, Box<Rejection>> {
    let example = assemble(text);
    jbpf_verifier::verify(
        &Arc::new(example.program),
        &Arc::new(example.context),
        &Arc::new(example.helpers),
    )
}

#[test]
fn states_of_many_cells_count_for_what_they_take() {
    // The frames of seven functions are filled with copies of one number, byte by byte. Each
    // comparison teaches all copies.
    let mut text = "ldxw r1, [r1+24]\nand r1, 255\ncall f1\nmov r0, 0\nexit\n".to_owned();
    for function in 1..8 {
        text.push_str(&format!("f{function}:\nmov r6, r1\nmov r7, r6\n"));
        for byte in 1..=512 {
            text.push_str(&format!("stxb [r10-{byte}], r6\n"));
        }
        if function < 7 {
            text.push_str(&format!("mov r1, r6\ncall f{}\nexit\n", function + 1));
        }
    }
    for number in 0..200 {
        text.push_str(&format!(
            "jne r6, {number}, n{number}\nmov r0, 1\nexit\nn{number}:\n"
        ));
    }
    text.push_str("mov r0, 0\nexit\n");
    let verified = answer(&text).unwrap();
    let summary = verified.summary();
    assert!(summary.worst_case_instructions < 4_000);
    assert!(summary.processed > 80_000, "{}", summary.processed);
}

#[test]
fn reads_of_whole_tables_count_for_their_entries() {
    let mut text = ".rodata table".to_owned();
    (0..2048).for_each(|byte| text.push_str(&format!(" {:02x}", byte % 251)));
    text.push_str("\nldxdw r6, [r1+16]\nand r6, 2040\nlddw r7, section table\nadd r7, r6\n");
    text.push_str("mov r9, 0\nagain:\n");
    text.push_str(&"ldxdw r0, [r7+0]\n".repeat(100));
    text.push_str("add r9, 1\njlt r9, 9000, again\nmov r0, 0\nexit\n");
    assert_eq!(answer(&text).unwrap_err().code, Code::TooComplex);
}

#[test]
fn making_room_for_facts_counts_as_a_walk_through_all_values() {
    let fill: String = (1..=512)
        .map(|byte| format!("stb [r10-{byte}], {}\n", byte & 0x7f))
        .collect();
    let mut text: String = (1..8)
        .map(|depth| format!("f{depth}:\n{fill}call f{}\nmov r0, 0\nexit\n", depth + 1))
        .collect();
    text.push_str("f8:\nldxdw r6, [r1]\nldxdw r7, [r1+8]\n");
    for slot in 1..=64 {
        text.push_str(&format!(
            "mov r0, r7\nsub r0, r6\nstxdw [r10-{}], r0\n",
            8 * slot
        ));
    }
    text.push_str("mov r8, 0\nagain:\n");
    text.push_str(&"mov r0, r7\nsub r0, r6\n".repeat(15_000));
    text.push_str("add r8, 1\njlt r8, 30, again\nmov r0, 0\nexit\n");
    assert_eq!(answer(&text).unwrap_err().code, Code::TooComplex);
}

#[test]
fn formats_count_for_their_length() {
    let text = format!(
        ".rodata text{} 00
             mov r9, 0
         again:
             lddw r1, section text
             mov r2, 100001
             call printf
             add r9, 1
             jlt r9, 5000, again
             mov r0, 0
             exit",
        " 41".repeat(100_000)
    );
    assert_eq!(answer(&text).unwrap_err().code, Code::TooComplex);
}

#[test]
fn iterations_of_a_short_body_are_merged_from_the_first_on() {
    // The meeting point of the ways through the body is farther behind a checkpoint than the
    // loop's head is.
    let scan = "
            ldxdw r2, [r1]
            ldxdw r3, [r1+8]
            mov r4, r2
            add r4, 255
            mov r0, 0
            jgt r4, r3, out
        again:
            ldxb r5, [r2+0]
            jne r5, 7, on
            add r0, 1
        on:
            add r2, 1
            jlt r2, r4, again
        out:
            and r0, 255
            mov r1, r10
            sub r1, r0
            stb [r1-1], 0
            mov r0, 0
            exit
        ";
    let verified = answer(scan).unwrap();
    let processed = verified.summary().processed;
    assert!(processed < 30_000, "{processed}");
}

#[test]
fn a_nest_of_loops_deeper_than_any_is_refused() {
    let nest = |depth: usize| {
        let mut text = "mov r9, r1\nmov r0, 0\n".to_owned();
        (0..depth).for_each(|i| text.push_str(&format!("h{i}:\nmov r8, {i}\n")));
        for i in (0..depth).rev() {
            let leave =
                format!("ldxw r6, [r9+24]\njne r6, 7, x{i}\nmov r6, 0\njne r6, 0, h{i}\nx{i}:\n");
            text.push_str(&leave);
        }
        text + "exit\n"
    };
    answer(&nest(60)).unwrap();
    let rejection = answer(&nest(5_000)).unwrap_err();
    assert_eq!(rejection.code, Code::TooComplex);
    assert!(rejection.message.contains("nested"), "{rejection}");
}

#[test]
fn a_small_budget_is_kept() {
    let example = assemble("mov r0, 0\nagain:\nadd r0, 1\njlt r0, 100, again\nexit");
    let (program, context) = (Arc::new(example.program), Arc::new(example.context));
    let helpers = Arc::new(example.helpers);
    let limited = |instructions| {
        let limits = Limits {
            instructions,
            ..Limits::default()
        };
        jbpf_verifier::verify_with(&program, &context, &helpers, limits)
    };
    assert!(limited(202).is_ok());
    assert_eq!(limited(201).unwrap_err().code, Code::TooComplex);
}

/// Slots that look like instructions more often than random bytes do.
fn slot() -> impl Strategy<Value = RawInsn> {
    let opcode = prop_oneof![
        4 => prop::sample::select(OPCODES.to_vec()),
        1 => any::<u8>(),
    ];
    let off = prop_oneof![4 => -6_i16..6, 2 => (-8_i16..4).prop_map(|x| x * 8), 1 => any::<i16>()];
    let imm = prop_oneof![4 => -4_i32..20, 1 => any::<i32>()];
    (opcode, 0_u8..12, 0_u8..12, off, imm).prop_map(|(opcode, dst, src, off, imm)| {
        let mut slot = insn(opcode, dst, src, off, imm);
        tidy(&mut slot);
        slot
    })
}

const OPCODES: [u8; 60] = [
    0x07, 0x0f, 0x17, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x47, 0x4f, 0x57, 0x5f, 0x67, 0x77, 0x87, 0x97,
    0xa7, 0xb7, 0xb7, 0xbf, 0xbf, 0xbf, 0xc7, 0x04, 0x0c, 0x54, 0xb4, 0xbc, 0xd4, 0xdc, 0xd7, 0x61,
    0x69, 0x71, 0x79, 0x79, 0x79, 0x81, 0x63, 0x7b, 0x7b, 0x73, 0x62, 0x7a, 0xdb, 0xc3, 0x05, 0x15,
    0x1d, 0x25, 0x2d, 0x3d, 0xa5, 0xad, 0x55, 0x65, 0x16, 0x85, 0x95, 0x18,
];

/// Clears most reserved fields, so that programs come past the gate.
fn tidy(slot: &mut RawInsn) {
    let from_register = slot.opcode & 0x08 != 0;
    match slot.opcode & 7 {
        4 | 7 => {
            slot.off = 0;
            if from_register && slot.opcode & 0xf0 != 0xd0 {
                slot.imm = 0;
            } else {
                slot.src = 0;
            }
            if slot.opcode & 0xf0 == 0xd0 {
                slot.imm = 16 << (slot.imm.rem_euclid(3));
            }
            if slot.opcode & 0xf0 == 0x80 {
                slot.imm = 0;
            }
        }
        1 => slot.imm = 0,
        2 => slot.src = 0,
        3 if slot.opcode & 0xe0 == 0x60 => slot.imm = 0,
        3 => slot.imm = [0, 1, 0x41, 0xe1, 0xf1][slot.imm.rem_euclid(5) as usize],
        5 | 6 => match slot.opcode & 0xf0 {
            0x00 => (slot.dst, slot.src, slot.imm) = (0, 0, 0),
            0x80 => (slot.dst, slot.src, slot.off) = (0, slot.src % 2, 0),
            0x90 => *slot = EXIT,
            _ if from_register => slot.imm = 0,
            _ => slot.src = 0,
        },
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn any_slots_are_answered(mut insns in prop::collection::vec(slot(), 1..40)) {
        insns.push(EXIT);
        if let Err(rejection) = verify(insns) {
            // Reports hold together for every fault, too.
            prop_assert!(!rejection.message.is_empty());
            let _ = render(&rejection, false);
        }
    }

    #[test]
    fn mutated_programs_are_answered(
        code in prop::sample::select(Code::ALL.to_vec()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), slot()), 1..3),
    ) {
        let Some(text) = code.example("accepted") else { return Ok(()) };
        let mut example = assemble(text);
        for (at, slot) in changes {
            let at = at.index(example.program.insns.len());
            example.program.insns[at] = slot;
        }
        let verified = jbpf_verifier::verify(
            &Arc::new(example.program),
            &Arc::new(example.context),
            &Arc::new(example.helpers),
        );
        if let Err(rejection) = verified {
            let _ = render(&rejection, false);
        }
    }
}
