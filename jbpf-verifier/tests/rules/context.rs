//! Context fields by offset, width and right.

use super::{accepted, rejected};
use jbpf_verifier::report::Code;

fn load(what: &str) -> String {
    format!("{what}\nmov r0, 0\nexit")
}

#[test]
fn numbers_are_read_in_any_width() {
    for access in [
        "ldxw r0, [r1+24]",
        "ldxb r0, [r1+27]",
        "ldxh r0, [r1+26]",
        "ldxdw r0, [r1+16]",
        "ldxdw r0, [r1+20]",
        "ldxsw r0, [r1+24]",
    ] {
        accepted(&load(access));
    }
    for access in ["ldxdw r0, [r1+24]", "ldxb r0, [r1+28]", "ldxb r0, [r1-1]"] {
        rejected(Code::ContextOutOfBounds, &load(access));
    }
}

#[test]
fn pointer_fields_are_read_whole() {
    accepted(&load("ldxdw r0, [r1]\nldxdw r0, [r1+8]"));
    for access in [
        "ldxw r0, [r1]",
        "ldxdw r0, [r1+4]",
        "ldxdw r0, [r1+12]",
        "ldxb r0, [r1+15]",
        "ldxsw r0, [r1+8]",
    ] {
        rejected(Code::ContextPointerField, &load(access));
    }
}

#[test]
fn only_what_is_declared_writable_is_written() {
    accepted(&load("mov r2, 1\nstxdw [r1+16], r2\nstxb [r1+23], r2"));
    for access in [
        "stxdw [r1], r2",
        "stxw [r1+8], r2",
        "stxw [r1+24], r2",
        "stxdw [r1+20], r2",
    ] {
        rejected(
            Code::ContextNotWritable,
            &load(&format!("mov r2, 1\n{access}")),
        );
    }
}

#[test]
fn the_size_is_the_readable_part_rounded_up() {
    // Reached only if r2 is anything but 32.
    accepted("jeq r2, 32, out\nldxdw r0, [r2]\nout:\nmov r0, 0\nexit");
}

#[test]
fn the_context_pointer_moves_by_constants_only() {
    accepted(&load("add r1, 24\nldxw r0, [r1]"));
    rejected(
        Code::PointerArithmetic,
        &load("ldxw r2, [r1+24]\nadd r1, r2\nldxw r0, [r1]"),
    );
}
