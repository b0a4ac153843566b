//! Faults that the evaluator finds in programs that no verifier would accept.

use std::sync::Arc;

use jbpf_verifier::types::{ContextDef, HelperTable};
use jbpf_verifier::{Program, RawInsn};

use super::super::program::{insns::*, maps};
use super::{Ending, Evaluator, Left, Stop, Subject};

const ARRAY: i32 = 0;
const OUT: i32 = 2;

fn run(insns: &[RawInsn]) -> Result<Left, Stop> {
    let program = Arc::new(Program {
        name: "test".to_owned(),
        insns: insns.to_vec(),
        maps: maps(),
        ..Program::default()
    });
    let subject = Subject {
        program: &program,
        context: &Arc::new(ContextDef::generic()),
        helpers: &Arc::new(HelperTable::builtin()),
        replaced: false,
        limit: 1000,
    };
    Evaluator::new(&[subject])
        .run(&[7; 16], &[1; 12])
        .map_err(|(_, _, stop)| stop)
}

fn r0(insns: &[RawInsn]) -> u64 {
    match run(insns).unwrap().endings[..] {
        [Ending::Answered(r0)] => r0,
        ref other => panic!("{other:?}"),
    }
}

fn is_fault(insns: &[RawInsn]) -> bool {
    matches!(run(insns), Err(Stop::Fault(_)))
}

fn is_layout(insns: &[RawInsn]) -> bool {
    matches!(run(insns), Err(Stop::Layout(_)))
}

/// r7 = the value of index 1 of an array.
fn value_in_r7() -> Vec<RawInsn> {
    let mut insns = vec![insn(0x7a, 10, 0, -8, 1)];
    insns.extend(map(1, ARRAY));
    insns.extend([mov(2, 10), add_imm(2, -8), call(1), mov(7, 0)]);
    insns
}

fn ending(mut insns: Vec<RawInsn>, end: &[RawInsn]) -> Vec<RawInsn> {
    insns.extend_from_slice(end);
    insns.extend([mov_imm(0, 5), EXIT]);
    insns
}

#[test]
fn reads_of_what_was_never_written_are_found() {
    assert!(is_fault(&[mov(0, 8), EXIT]));
    assert!(is_fault(&[load(BYTE, 0, 10, -1), EXIT]));
    // One byte of eight.
    let narrow = [insn(0x62, 10, 0, -8, 0), load(DOUBLE, 0, 10, -8), EXIT];
    assert!(is_fault(&narrow));
    assert_eq!(
        r0(&[insn(0x7a, 10, 0, -8, 3), load(DOUBLE, 0, 10, -8), EXIT]),
        3
    );
}

#[test]
fn accesses_beyond_objects_are_found() {
    for (offset, beyond) in [(63, false), (64, true), (-1, true)] {
        let insns = ending(value_in_r7(), &[load(BYTE, 0, 7, offset)]);
        assert_eq!(is_fault(&insns), beyond, "{offset}");
    }
    for (offset, beyond) in [(15, false), (16, true), (-1, true)] {
        let insns = ending(vec![load(DOUBLE, 7, 1, 0)], &[load(BYTE, 0, 7, offset)]);
        assert_eq!(is_fault(&insns), beyond, "{offset}");
    }
    // Into the frame of the caller from below, as addresses would have it.
    let into_caller = [
        insn(0x7a, 10, 0, -512, 0),
        insn(0x85, 0, 1, 0, 2),
        mov_imm(0, 0),
        EXIT,
        load(BYTE, 0, 10, 0),
        EXIT,
    ];
    assert!(is_fault(&into_caller));
}

#[test]
fn objects_that_are_gone_are_not_touched() {
    let mut sent = Vec::from(map(1, OUT));
    sent.extend([call(17), mov(7, 0)]);
    sent.extend(map(1, OUT));
    sent.extend([insn(0x7a, 7, 0, 0, 1), call(18)]);
    assert_eq!(r0(&ending(sent.clone(), &[])), 5);
    assert!(is_fault(&ending(sent, &[load(BYTE, 0, 7, 0)])));
    // A frame that was left.
    let left = [
        mov(1, 10),
        insn(0x85, 0, 1, 0, 3),
        load(DOUBLE, 1, 10, -8),
        load(BYTE, 0, 1, -8),
        EXIT,
        store(DOUBLE, 1, -8, 10),
        mov_imm(0, 0),
        EXIT,
    ];
    assert!(is_fault(&left));
}

#[test]
fn what_depends_on_where_objects_lie_is_found() {
    let compare = |test, left: &[RawInsn], right: &[RawInsn]| {
        let mut insns = value_in_r7();
        insns.extend_from_slice(left);
        insns.extend_from_slice(right);
        ending(insns, &[insn(test, 8, 9, 1, 0), mov_imm(1, 1)])
    };
    let frame = [mov(8, 10), add_imm(8, -8)];
    let value = [mov(9, 7)];
    // Equal they never are, inside of both.
    assert_eq!(r0(&compare(0x1d, &frame, &value)), 5);
    assert!(is_layout(&compare(
        0x1d,
        &frame,
        &[mov(9, 7), add_imm(9, 64)]
    )));
    assert!(is_layout(&compare(
        0x1d,
        &[mov(8, 10), add_imm(8, 4096)],
        &value
    )));
    assert!(is_fault(&compare(0x2d, &frame, &value)));
    // Within one object they are in order, also outside of it.
    assert_eq!(
        r0(&compare(0x2d, &[mov(8, 7), add_imm(8, 4096)], &value)),
        5
    );
    let far = wide(1, 0, 0, 1 << 20);
    assert!(is_layout(&compare(
        0x2d,
        &[mov(8, 7), far[0], far[1], add(8, 1)],
        &value
    )));
    assert!(is_fault(&ending(
        value_in_r7(),
        &[insn(0x2e, 7, 10, 1, 0), mov_imm(1, 1)]
    )));
}

#[test]
fn numbers_made_of_addresses_do_not_get_out() {
    for made in [
        insn(0x57, 0, 0, 0, 7),
        insn(0xbc, 0, 0, 0, 0),
        insn(0x0f, 0, 10, 0, 0),
        insn(0x47, 0, 0, 0, 8),
    ] {
        assert!(is_fault(&[mov(0, 10), made, EXIT]), "{made:?}");
    }
    assert!(is_fault(&[mov(0, 10), EXIT]));
    assert!(is_fault(&ending(value_in_r7(), &[store(DOUBLE, 7, 0, 10)])));
    assert!(is_fault(&ending(vec![], &[store(WORD, 10, -8, 10)])));
    // Half of a pointer that was kept.
    assert!(is_fault(&[
        store(DOUBLE, 10, -8, 10),
        load(WORD, 0, 10, -8),
        EXIT
    ]));
    // Their distance is a number.
    assert_eq!(
        r0(&[mov(0, 10), add_imm(0, -24), insn(0x1f, 0, 10, 0, 0), EXIT]),
        -24_i64 as u64
    );
}

#[test]
fn rights_are_kept() {
    assert!(is_fault(&ending(vec![], &[insn(0x72, 1, 0, 24, 1)])));
    assert_eq!(r0(&ending(vec![], &[insn(0x72, 1, 0, 16, 1)])), 5);
    assert!(is_fault(&ending(
        Vec::from(wide(2, 6, 3, 0)),
        &[insn(0x72, 2, 0, 0, 1)]
    )));
    assert!(is_fault(&ending(
        value_in_r7(),
        &[mov_imm(1, 1), insn(0xdb, 7, 1, 4, 0)]
    )));
}
