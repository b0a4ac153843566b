//! Every check, with every pair of values. On one way, the check accepts the value. On the other
//! way, it may refuse the value, and nobody uses the result. The first way is proven before the
//! second one arrives at the check. So a check that notes no need for a value that it looked at
//! lets the second way pass.

use std::sync::Arc;

use jbpf_verifier::{Program, RawInsn};

use crate::assembly::assemble;
use crate::oracle::{Tally, hold, is_accepted};

/// r6 is the context, and r9 a value of `array`. r7 is a pointer into the caller's frame, or into
/// the own one if there is no caller. Nothing is written to r8, nor to fp-16.
const MAPS: &str = "
    .map array array key 4 value 64 entries 4
    .map small array key 4 value 8 entries 4
    .map out output value 32 entries 8
    .map in control_input value 8 entries 8
    .rodata table 25 64 00 01 02 03 04 05 06 07 08 09
";

/// The code that makes each value in r8.
const KINDS: &[(&str, &str)] = &[
    ("nothing", ""),
    ("zero", "mov r8, 0"),
    ("constant", "mov r8, 5"),
    ("negative", "mov r8, -16"),
    ("index", "ldxb r8, [r6+16]\nand r8, 7"),
    ("word", "ldxw r8, [r6+16]"),
    ("any", "ldxdw r8, [r6+16]"),
    ("context", "mov r8, r6"),
    ("data", "ldxdw r8, [r6]"),
    (
        "data somewhere",
        "ldxdw r8, [r6]\nldxb r1, [r6+16]\nadd r8, r1",
    ),
    ("data_end", "ldxdw r8, [r6+8]"),
    ("half of data", "ldxdw r8, [r6]\nmov32 r8, r8"),
    ("half of data_end", "ldxdw r8, [r6+8]\nmov32 r8, r8"),
    ("map", "lddw r8, map array"),
    ("other map", "lddw r8, map small"),
    ("output map", "lddw r8, map out"),
    ("value", "mov r8, r9"),
    (
        "value somewhere",
        "mov r8, r9\nldxb r1, [r6+16]\nand r1, 7\nadd r8, r1",
    ),
    (
        "value or null",
        "lddw r1, map array\nmov r2, r10\nadd r2, -8\ncall map_lookup_elem\nmov r8, r0",
    ),
    (
        "other value",
        "lddw r1, map array\nmov r2, r10\nadd r2, -8\ncall map_lookup_elem\njne r0, 0, +2\nmov r0, 0\nexit\nmov r8, r0",
    ),
    ("table", "lddw r8, section table"),
    (
        "table by key",
        "lddw r1, map table\nmov r2, r10\nadd r2, -8\ncall map_lookup_elem\njne r0, 0, +2\nmov r0, 0\nexit\nmov r8, r0",
    ),
    (
        "buffer or null",
        "lddw r1, map out\ncall get_output_buf\nmov r8, r0",
    ),
    (
        "buffer",
        "lddw r1, map out\ncall get_output_buf\njne r0, 0, +2\nmov r0, 0\nexit\nmov r8, r0",
    ),
    (
        "sent buffer",
        "lddw r1, map out\ncall get_output_buf\njne r0, 0, +2\nmov r0, 0\nexit\nmov r8, r0\nlddw r1, map out\ncall send_output",
    ),
    ("frame", "mov r8, r10"),
    ("slot", "mov r8, r10\nadd r8, -24"),
    (
        "slot somewhere",
        "mov r8, r10\nldxb r1, [r6+16]\nand r1, 8\nsub r8, r1\nsub r8, 16",
    ),
];

/// Checks of r8.
const CHECKS: &[&str] = &[
    // Moves and arithmetic.
    "mov r1, r8",
    "mov32 r1, r8",
    "movsx8 r1, r8",
    "movsx32 r1, r8",
    "movsx16_32 r1, r8",
    "le32 r8",
    "be64 r8",
    "neg r8",
    "neg32 r8",
    "add r8, 1",
    "add32 r8, 1",
    "add r8, r8",
    "sub r8, 8",
    "sub r8, r8",
    "xor r8, r8",
    "mul r8, 2",
    "div r8, 3",
    "mod r8, r8",
    "and r8, 7",
    "or r8, 1",
    "or r8, 0",
    "lsh r8, 32",
    "arsh r8, 1",
    "mov r1, 4\nadd r1, r8",
    "mov r1, 4\nsub r1, r8",
    "mov r1, 4\nmul32 r1, r8",
    "mov r1, r9\nadd r1, r8",
    "mov r1, r9\nsub r1, r8",
    "mov r1, r9\nor r1, r8",
    "mov r1, r6\nadd r1, r8",
    "mov r1, r6\nsub r1, r8",
    "mov r1, r10\nadd r1, r8",
    "mov r1, r10\nsub r1, r8",
    "mov r1, r10\nadd r1, -64\nor r1, r8",
    "ldxdw r1, [r6]\nadd r1, r8",
    "ldxdw r1, [r6+8]\nadd r1, r8",
    "ldxdw r1, [r6+8]\nsub r1, r8",
    "ldxdw r1, [r6]\nsub r1, r8",
    "ldxdw r1, [r6]\nmov32 r1, r1\nsub32 r1, r8",
    "ldxdw r1, [r6]\nsub32 r8, r1",
    "lddw r1, map array\nadd r1, r8",
    "lddw r1, section table\nsub r1, r8",
    // Comparisons.
    "jeq r8, 0, +0",
    "jne r8, 5, +0",
    "jgt r8, 5, +0",
    "jslt r8, 0, +0",
    "jset r8, 1, +0",
    "jeq32 r8, 0, +0",
    "jeq r8, r8, +0",
    "jgt r8, r9, +0",
    "jne r9, r8, +0",
    "jeq r8, r6, +0",
    "jle r10, r8, +0",
    "ldxdw r1, [r6+8]\njgt r8, r1, +0",
    "ldxdw r1, [r6]\njge r1, r8, +0",
    // Accesses through it.
    "ldxb r1, [r8]",
    "ldxdw r1, [r8]",
    "ldxdw r1, [r8+8]",
    "ldxw r1, [r8+16]",
    "ldxdw r1, [r8-8]",
    "ldxb r1, [r8+60]",
    "mov r1, 0\nstxb [r8], r1",
    "mov r1, 0\nstxdw [r8+16], r1",
    "mov r1, 0\nstxdw [r8-40], r1",
    "mov r1, 1\natomic_add_dw [r8], r1",
    "mov r1, 1\natomic_fetch_add_w [r8+4], r1",
    // Stores of it.
    "stxdw [r10-32], r8",
    "stxw [r10-32], r8",
    "stxb [r10-29], r8",
    "stxdw [r10-36], r8",
    "stxdw [r9], r8",
    "stxb [r9+8], r8",
    "stxdw [r7-8], r8",
    "mov r1, r10\nldxb r2, [r6+16]\nand r2, 7\nadd r1, r2\nstxb [r1-32], r8",
    "mov r1, r10\nldxb r2, [r6+16]\nand r2, 8\nadd r1, r2\nstxdw [r1-32], r8",
    "atomic_add_dw [r9], r8",
    "atomic_xchg_w [r9], r8",
    "mov r0, r8\nmov r1, 1\natomic_cmpxchg_dw [r9], r1",
    "mov r0, 1\natomic_cmpxchg_dw [r9], r8",
    // Helpers.
    "mov r1, r8\ncall get_sys_time",
    "mov r1, r8\nmov r2, r10\nadd r2, -8\ncall map_lookup_elem",
    "lddw r1, map array\nmov r2, r8\ncall map_delete_elem",
    "lddw r1, map small\nmov r2, r10\nadd r2, -8\nmov r3, r8\nmov r4, 0\ncall map_update_elem",
    "lddw r1, map small\nmov r2, r10\nadd r2, -8\nmov r3, r9\nmov r4, r8\ncall map_update_elem",
    "mov r1, r8\ncall map_clear",
    "mov r1, r8\nmov r2, 4\ncall hash",
    "mov r1, r8\nmov r2, 0\ncall hash",
    "mov r1, r9\nmov r2, r8\ncall hash",
    "lddw r1, map in\nmov r2, r8\nmov r3, 8\ncall control_input_receive",
    "lddw r1, map in\nmov r2, r9\nmov r3, r8\ncall control_input_receive",
    "mov r1, r8\nmov r2, r10\nadd r2, -24\nmov r3, 8\ncall control_input_receive",
    "lddw r1, section table\nmov r2, 3\nmov r3, r8\ncall printf",
    "lddw r1, section table\nadd r1, 2\nmov r2, 1\nmov r3, r8\nmov r4, r8\ncall printf",
    "mov r1, r8\nmov r2, 3\nmov r3, 0\ncall printf",
    "lddw r1, section table\nmov r2, r8\nmov r3, 0\nmov r4, 0\nmov r5, 0\ncall printf",
    "mov r1, r8\ncall get_output_buf",
    "mov r1, r8\ncall send_output",
    // Results.
    "mov r0, r8\nexit",
    "mov r1, r8\n.slot 85 10 00 00 7f 7f 7f 7f",
    "mov r1, 0\nmov r2, r8\n.slot 85 10 00 00 7f 7f 7f 7f",
];

/// Code that changes fp-16 otherwise than by storing a value there.
const SLOTS: &[(&str, &str)] = &[
    ("half written", "mov r1, 7\nstxw [r10-16], r1"),
    ("torn", "stxdw [r10-16], r6\nmov r1, 7\nstxw [r10-12], r1"),
    (
        "filled",
        "lddw r1, map in\nmov r2, r10\nadd r2, -16\nmov r3, 8\ncall control_input_receive",
    ),
];

/// Checks of the eight bytes at fp-16; those at fp-24 are a number.
const SLOT_CHECKS: &[&str] = &[
    "ldxdw r1, [r10-16]",
    "ldxw r1, [r10-16]",
    "ldxw r1, [r10-12]",
    "ldxb r1, [r10-9]",
    "ldxsw r1, [r10-16]",
    "ldxdw r1, [r10-20]",
    "mov r1, 0\nstxw [r10-16], r1\nldxw r1, [r10-12]",
    "mov r1, 0\nstxb [r10-16], r1\nldxdw r1, [r10-16]",
    "mov r1, 0\nstxdw [r10-20], r1\nldxw r1, [r10-12]",
    "mov r1, r10\nldxb r2, [r6+16]\nand r2, 7\nadd r1, r2\nldxb r1, [r1-16]",
    "mov r1, r10\nldxb r2, [r6+16]\nand r2, 7\nadd r1, r2\nmov r2, 0\nstxb [r1-16], r2\nldxb r1, [r10-12]",
    "mov r1, 1\natomic_add_dw [r10-16], r1",
    "mov r1, 1\natomic_fetch_add_w [r10-12], r1",
    "mov r1, r10\nadd r1, -16\nmov r2, 8\ncall hash",
    "mov r1, r10\nadd r1, -20\nmov r2, 8\ncall hash",
    "lddw r1, map in\nmov r2, r10\nadd r2, -16\nmov r3, 8\ncall control_input_receive",
    "lddw r1, map in\nmov r2, r10\nadd r2, -16\nmov r3, 8\ncall control_input_receive\nldxdw r1, [r10-16]",
    "lddw r1, map in\nmov r2, r10\nadd r2, -20\nmov r3, 8\ncall control_input_receive\nldxw r1, [r10-16]",
    "lddw r1, map in\nmov r2, r10\nldxb r3, [r6+16]\nand r3, 7\nadd r2, r3\nadd r2, -24\nmov r3, 8\ncall control_input_receive\nldxw r1, [r10-16]",
    "lddw r1, map array\nmov r2, r10\nadd r2, -16\ncall map_delete_elem",
    "lddw r1, map small\nmov r2, r10\nadd r2, -8\nmov r3, r10\nadd r3, -16\nmov r4, 0\ncall map_update_elem",
    "mov r1, r10\nadd r1, -16\nmov r2, 2\nmov r3, 0\nmov r4, 0\nmov r5, 0\ncall printf",
    "ldxdw r1, [r10-16]\nldxb r2, [r1]",
    "ldxdw r1, [r10-16]\nadd r1, 1",
    "ldxdw r1, [r10-16]\njeq r1, 0, +0",
    "ldxdw r1, [r10-16]\nmov r2, r9\nadd r2, r1",
    "ldxdw r1, [r10-16]\nstxdw [r10-32], r1",
    "ldxdw r1, [r10-16]\nstxdw [r7-8], r1",
];

/// Checks of r8 in a function that was called.
const CALLEE_CHECKS: &[&str] = &[
    "stxdw [r7-8], r8",
    "stxw [r7-8], r8",
    "stxdw [r10-32], r8\nldxdw r1, [r10-32]\nstxdw [r7-16], r1",
    "mov r1, r7\nadd r1, -16\nstxdw [r1], r8\nldxdw r1, [r7-16]",
];

/// Each path through an iteration leaves other numbers, and their sum is compared, so that the
/// paths multiply.
const LOOP: &str = "
        mov r3, 0
        mov r4, 0
        mov r5, 0
    head:
        ldxb r1, [r6+24]
        jset r1, 1, a
        STORE
    a:
        jset r1, 2, b
        mov r3, 3
    b:
        jset r1, 4, c
        mov r4, 3
    c:
        add r5, 1
        jlt r5, 3, head
        add r3, r4
        jeq r3, 1, +0
";

/// The caller's use of r0 after its callee left something there.
const AFTER: &[&str] = &[
    "mov r0, 0\nexit",
    "exit",
    "mov r1, r0\nmov r0, 0\nexit",
    "mov32 r1, r0\nmov r0, 0\nexit",
    "mov r1, r0\ncall get_sys_time\nexit",
    "ldxdw r0, [r10-64]\nexit",
];

/// Two comparisons with both outcomes, and enough steps for a checkpoint.
const FILLER: &str = "ldxb r1, [r6+16]\njgt r1, 1, +0\nmov r2, 0\nmov r2, 0\nmov r2, 0\nmov r2, 0\nmov r2, 0\nmov r2, 0\njgt r1, 100, +0\nmov r2, 0\nmov r2, 0\nmov r2, 0\nmov r2, 0\nmov r2, 0\nmov r2, 0\nmov r1, 0\nmov r2, 0";

const PROLOGUE: &str = "
    mov r6, r1
    mov r1, 0
    stxdw [r10-8], r1
    stxdw [r10-24], r1
    stxdw [r10-64], r1
    lddw r1, map array
    mov r2, r10
    add r2, -8
    call map_lookup_elem
    jne r0, 0, +2
    mov r0, 0
    exit
    mov r9, r0
    mov r7, r10
    add r7, -40
    mov r0, 0
    mov r1, 0
    mov r2, 0
    mov r3, 0
    mov r4, 0
    mov r5, 0
    stxdw [r7-8], r0
";

/// A pointer into the entry's frame, the value and the context are handed to a function at the
/// end.
const CALL: &str = "
    mov r1, r6
    mov r2, r7
    mov r3, r9
    .slot 85 10 00 00 7e 7e 7e 7e
";

const IN_FUNCTION: &str = "
    mov r6, r1
    mov r7, r2
    mov r9, r3
    mov r1, 0
    stxdw [r10-8], r1
    stxdw [r10-24], r1
    mov r2, 0
    mov r3, 0
    mov r4, 0
    mov r5, 0
";

/// Does nothing with its arguments.
const CALLEE: &str = "mov r0, 0\nexit";

fn fragment(text: &str) -> Vec<RawInsn> {
    assemble(&format!("{MAPS}\n{text}")).program.insns
}

/// Two ways, each with its own value, that meet before the filler.
fn ways(first: &[RawInsn], second: &[RawInsn]) -> Vec<RawInsn> {
    let jump = |opcode, imm, over: usize| RawInsn {
        opcode,
        dst: 1,
        off: over.try_into().unwrap(),
        imm,
        ..RawInsn::default()
    };
    let mut insns = fragment("ldxb r1, [r6+24]");
    insns.push(jump(0x15, 1, first.len() + 1));
    insns.extend_from_slice(first);
    insns.push(RawInsn {
        dst: 0,
        ..jump(0x05, 0, second.len())
    });
    insns.extend_from_slice(second);
    insns.extend(fragment(FILLER));
    insns
}

/// Lays the pieces out: the entry, the function if there is one, and the callee.
fn program(entry: &[&[RawInsn]], function: &[&[RawInsn]], maps: &Program) -> Program {
    let (mut insns, function) = (entry.concat(), function.concat());
    let starts = [
        (0x7e7e_7e7e, insns.len()),
        (0x7f7f_7f7f, insns.len() + function.len()),
    ];
    insns.extend(function);
    insns.extend(fragment(CALLEE));
    for (at, insn) in insns.iter_mut().enumerate() {
        let target = starts.iter().find(|(marker, _)| insn.imm == *marker);
        if let Some((_, start)) = target {
            insn.imm = *start as i32 - at as i32 - 1;
        }
    }
    Program {
        insns,
        ..maps.clone()
    }
}

/// The values as fragments.
fn kinds() -> Vec<(&'static str, Vec<RawInsn>)> {
    let kinds = KINDS.iter();
    kinds.map(|(name, text)| (*name, fragment(text))).collect()
}

/// The values as they are on the stack.
fn slots() -> Vec<(&'static str, Vec<RawInsn>)> {
    let stored = KINDS.iter().map(|(name, text)| match *name {
        "nothing" => (*name, Vec::new()),
        _ => (*name, fragment(&format!("{text}\nstxdw [r10-16], r8"))),
    });
    let others = SLOTS.iter().map(|(name, text)| (*name, fragment(text)));
    stored.chain(others).collect()
}

fn checks(texts: &[&'static str]) -> Vec<(&'static str, Vec<RawInsn>)> {
    texts.iter().map(|text| (*text, fragment(text))).collect()
}

/// Tries every check on every pair of values of which it accepts the first. `build` lays a program
/// out of the two ways and the check.
fn hold_each(
    values: &[(&str, Vec<RawInsn>)],
    checks: &[(&str, Vec<RawInsn>)],
    build: impl Fn(&[RawInsn], &[RawInsn]) -> Program,
) -> Tally {
    let mut tally = Tally::default();
    let content = |value: &(&str, Vec<RawInsn>)| -> Vec<bool> {
        let alone = ways(&value.1, &value.1);
        let checks = checks.iter();
        checks
            .map(|(_, check)| is_accepted(build(&alone, check)))
            .collect()
    };
    let content: Vec<_> = values.iter().map(content).collect();
    for ((i, (first, a)), (j, (second, b))) in pairs(values) {
        let ways = ways(a, b);
        for (at, (text, check)) in checks.iter().enumerate() {
            // If the check accepts both values, one order is enough.
            if content[i][at] && (i < j || !content[j][at]) {
                let name = format!("{first}, then {second}: {text}");
                hold(&Arc::new(build(&ways, check)), &name, &mut tally);
            }
        }
    }
    println!("{tally:?}");
    tally
}

/// Every two different items, with their places.
fn pairs<T>(items: &[T]) -> impl Iterator<Item = ((usize, &T), (usize, &T))> {
    let firsts = items.iter().enumerate();
    firsts.flat_map(|first| {
        let seconds = items.iter().enumerate();
        let others = seconds.filter(move |second| second.0 != first.0);
        others.map(move |second| (first, second))
    })
}

#[test]
fn checks_of_registers_need_what_they_look_at() {
    let maps = assemble(MAPS).program;
    let (prologue, end) = (fragment(PROLOGUE), fragment("mov r0, 0\nexit"));
    let tally = hold_each(&kinds(), &checks(CHECKS), |ways, check| {
        program(&[&prologue, ways, check, &end], &[], &maps)
    });
    assert!(tally.accepted > 4_500, "{tally:?}");
}

#[test]
fn checks_of_the_stack_need_what_they_look_at() {
    let maps = assemble(MAPS).program;
    let (prologue, end) = (fragment(PROLOGUE), fragment("mov r0, 0\nexit"));
    let tally = hold_each(&slots(), &checks(SLOT_CHECKS), |ways, check| {
        program(&[&prologue, ways, check, &end], &[], &maps)
    });
    assert!(tally.accepted > 2_000, "{tally:?}");
}

#[test]
fn checks_of_results_need_what_they_look_at() {
    let maps = assemble(MAPS).program;
    let (prologue, call) = (fragment(PROLOGUE), fragment(CALL));
    let (start, exit) = (fragment(IN_FUNCTION), fragment("exit"));
    // A function may leave nothing in r0.
    let left = KINDS.iter().map(|(name, text)| match *name {
        "nothing" => (*name, Vec::new()),
        _ => (*name, fragment(&format!("{text}\nmov r0, r8"))),
    });
    let left: Vec<_> = left.collect();
    let tally = hold_each(&left, &checks(AFTER), |ways, after| {
        program(&[&prologue, &call, after], &[&start, ways, &exit], &maps)
    });
    assert!(tally.accepted > 700, "{tally:?}");
}

#[test]
fn stores_to_callers_need_what_they_look_at() {
    let maps = assemble(MAPS).program;
    let (prologue, call) = (fragment(PROLOGUE), fragment(CALL));
    let (start, end) = (fragment(IN_FUNCTION), fragment("mov r0, 0\nexit"));
    let tally = hold_each(&kinds(), &checks(CALLEE_CHECKS), |ways, check| {
        let function = [start.as_slice(), ways, check, &end];
        program(&[&prologue, &call, &end], &function, &maps)
    });
    assert!(tally.accepted > 500, "{tally:?}");
}

/// Iterations are merged, some of which stored the value, and some nothing.
#[test]
fn merged_stacks_need_what_they_drop() {
    let maps = assemble(MAPS).program;
    let (prologue, end) = (fragment(PROLOGUE), fragment("mov r0, 0\nexit"));
    let few = ["any", "index", "context", "value", "frame", "data_end"];
    let kinds = kinds().into_iter().filter(|(name, _)| few.contains(name));
    let kinds: Vec<_> = kinds.collect();
    for store in ["stxdw [r10-16], r8", "stxb [r10-16], r8"] {
        let looped = fragment(&LOOP.replace("STORE", store));
        let tally = hold_each(&kinds, &checks(SLOT_CHECKS), |ways, check| {
            program(&[&prologue, ways, &looped, check, &end], &[], &maps)
        });
        assert!(tally.merged >= 3, "{tally:?}");
    }
}
