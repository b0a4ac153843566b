//! The stack: bytes tracked one by one, spills, variable offsets.

use super::{accepted, rejected};
use jbpf_verifier::report::Code;

fn program(body: &str) -> String {
    format!("mov r0, 0\n{body}\nmov r0, 0\nexit")
}

#[test]
fn bytes_are_written_before_they_are_read() {
    accepted(&program(
        "stxw [r10-8], r0\nldxw r3, [r10-8]\nldxh r3, [r10-6]",
    ));
    for read in ["ldxdw r3, [r10-8]", "ldxb r3, [r10-4]", "ldxb r3, [r10-9]"] {
        rejected(
            Code::UninitialisedStack,
            &program(&format!("stxw [r10-8], r0\n{read}")),
        );
    }
}

#[test]
fn a_frame_is_512_bytes() {
    accepted(&program("stxdw [r10-512], r0"));
    rejected(Code::StackDepth, &program("stxdw [r10-513], r0"));
    rejected(Code::StackOutOfBounds, &program("stxdw [r10-7], r0"));
    rejected(Code::StackOutOfBounds, &program("stxb [r10], r0"));
}

#[test]
fn spilled_numbers_keep_their_bounds() {
    let with = |store: &str, load: &str| {
        program(&format!(
            "
                ldxw r2, [r1+24]
                and r2, 7
                {store} [r10-16], r2
                stxdw [r10-8], r0
                {load} r3, [r10-16]
                mov r4, r10
                add r4, -8
                add r4, r3
                ldxb r5, [r4]
            "
        ))
    };
    accepted(&with("stxdw", "ldxdw"));
    accepted(&with("stxw", "ldxw"));
    accepted(&with("stxdw", "ldxb"));
    accepted(&with("stxb", "ldxb"));
    accepted(&with("stxw", "ldxsw"));
}

#[test]
fn a_bound_learnt_of_a_spill_holds_for_the_register() {
    accepted(&program(
        "
            ldxw r2, [r1+24]
            stxdw [r10-16], r2
            stxdw [r10-8], r0
            ldxdw r3, [r10-16]
            jgt r3, 7, out
            mov r4, r10
            add r4, -8
            add r4, r2
            ldxb r5, [r4]
        out:
        ",
    ));
}

#[test]
fn spilled_pointers_are_read_whole() {
    accepted(&program(
        "stxdw [r10-8], r1\nldxdw r2, [r10-8]\nldxw r3, [r2+24]",
    ));
    rejected(
        Code::PointerPartial,
        &program("stxdw [r10-8], r1\nldxw r2, [r10-8]"),
    );
    rejected(
        Code::PointerPartial,
        &program("stxdw [r10-16], r0\nstxdw [r10-8], r1\nldxdw r2, [r10-12]"),
    );
    rejected(Code::PointerPartial, &program("stxdw [r10-12], r1"));
    rejected(Code::PointerPartial, &program("stxw [r10-8], r1"));
}

#[test]
fn an_overwritten_pointer_is_gone_as_a_whole() {
    rejected(
        Code::PointerPartial,
        &program("stxdw [r10-8], r1\nstxb [r10-8], r0\nldxb r2, [r10-7]"),
    );
    // The value written over it is a number like any other.
    accepted(&program(
        "stxdw [r10-8], r1\nstxb [r10-8], r0\nldxb r2, [r10-8]",
    ));
    accepted(&program(
        "stxdw [r10-8], r1\nstxdw [r10-8], r0\nldxb r2, [r10-7]",
    ));
}

/// r4 points at one of the 16 bytes from fp-16 on.
const SOMEWHERE: &str = "
    ldxw r2, [r1+24]
    and r2, 15
    mov r4, r10
    add r4, -16
    add r4, r2
";

#[test]
fn a_store_somewhere_is_not_a_store_everywhere() {
    rejected(
        Code::UninitialisedStack,
        &program(&format!("{SOMEWHERE}\nstxb [r4], r0\nldxb r3, [r10-9]")),
    );
    let both = format!("stxdw [r10-16], r0\nstxdw [r10-8], r0\n{SOMEWHERE}\nstxb [r4], r2");
    accepted(&program(&format!("{both}\nldxb r3, [r10-9]")));
    // The store may have hit the pointer that is kept there.
    let pointer = format!("stxdw [r10-16], r0\nstxdw [r10-8], r1\n{SOMEWHERE}\nstxb [r4], r2");
    rejected(
        Code::PointerPartial,
        &program(&format!("{pointer}\nldxdw r3, [r10-8]")),
    );
}

#[test]
fn a_load_somewhere_needs_everything_written() {
    let load = |store: &str| program(&format!("{store}\n{SOMEWHERE}\nldxb r3, [r4]"));
    accepted(&load("stxdw [r10-16], r0\nstxdw [r10-8], r0"));
    rejected(Code::UninitialisedStack, &load("stxdw [r10-16], r0"));
    rejected(
        Code::PointerLeak,
        &load("stxdw [r10-16], r0\nstxdw [r10-8], r1"),
    );
    rejected(
        Code::StackOutOfBounds,
        &program(&format!(
            "stxdw [r10-16], r0\nstxdw [r10-8], r0\n{SOMEWHERE}\nldxh r3, [r4]"
        )),
    );
}

#[test]
fn constants_survive_in_parts() {
    // This is reached only if the bytes differ from the stored ones.
    accepted(&program(
        "
            lddw r2, 0x1122334455667788
            stxdw [r10-8], r2
            mov r3, 0xab
            stxb [r10-7], r3
            ldxw r4, [r10-8]
            jeq r4, 0x5566ab88, next
            ldxdw r4, [r0]
        next:
            ldxdw r4, [r10-8]
            rsh r4, 32
            jeq r4, 0x11223344, out
            ldxdw r4, [r0]
        out:
        ",
    ));
}
