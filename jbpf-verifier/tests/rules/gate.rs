//! The gate: reserved fields, registers, jumps, wide loads.

use super::{rejected, verify};
use jbpf_verifier::RawInsn;
use jbpf_verifier::report::Code;

/// Valid instructions of every class, as slots, with the fields that must be zero in each.
const RESERVED: &[(&str, &str)] = &[
    ("07 00 00 00 01 00 00 00", "src off"),
    ("0f 20 00 00 00 00 00 00", "off imm"),
    ("04 00 00 00 01 00 00 00", "src off"),
    ("37 00 00 00 03 00 00 00", "src"),
    ("bf 20 00 00 00 00 00 00", "imm"),
    ("87 00 00 00 00 00 00 00", "src off imm"),
    ("d4 00 00 00 10 00 00 00", "src off"),
    ("d7 00 00 00 10 00 00 00", "src off"),
    ("15 00 00 00 01 00 00 00", "src"),
    ("1d 20 00 00 00 00 00 00", "imm"),
    ("05 00 00 00 00 00 00 00", "dst src imm"),
    ("06 00 00 00 00 00 00 00", "dst src off"),
    ("85 00 00 00 0f 00 00 00", "dst off"),
    ("95 00 00 00 00 00 00 00", "dst src off imm"),
    ("79 10 10 00 00 00 00 00", "imm"),
    ("7b 2a f8 ff 00 00 00 00", "imm"),
    ("7a 0a f8 ff 01 00 00 00", "src"),
];

fn slot(hex: &str) -> RawInsn {
    let bytes: Vec<u8> = hex
        .split(' ')
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect();
    RawInsn::from_bytes(bytes.try_into().unwrap())
}

fn text(insn: RawInsn) -> String {
    let bytes = insn.to_bytes().map(|byte| format!("{byte:02x}"));
    format!("mov r0, 0\n.slot {}\nmov r0, 0\nexit", bytes.join(" "))
}

#[test]
fn reserved_fields_are_zero() {
    for (hex, fields) in RESERVED {
        let insn = slot(hex);
        verify(&text(insn)).unwrap_or_else(|r| panic!("{hex}: {r}"));
        for field in fields.split(' ') {
            let mut broken = insn;
            match field {
                "dst" => broken.dst = 3,
                // A call of source 1 is another call.
                "src" => broken.src = 3,
                // So are division and moves with some offsets.
                "off" => broken.off = 0x55,
                _ => broken.imm = 0x55,
            }
            rejected(Code::ReservedField, &text(broken));
        }
    }
}

#[test]
fn wide_loads_have_nothing_but_immediates_in_their_second_slot() {
    for tail in [
        "18 00 00 00 00 00 00 00",
        "00 01 00 00 00 00 00 00",
        "00 10 00 00 00 00 00 00",
        "00 00 01 00 00 00 00 00",
    ] {
        rejected(
            Code::ReservedField,
            &format!(".slot 18 00 00 00 01 00 00 00\n.slot {tail}\nexit"),
        );
    }
    rejected(Code::FallsOffTheEnd, ".slot 18 00 00 00 01 00 00 00");
    for src in [1, 2, 3, 4, 7] {
        rejected(
            Code::ReservedField,
            &format!(".slot 18 {src}0 00 00 00 00 00 00\n.slot 00 00 00 00 00 00 00 00\nexit"),
        );
    }
}

#[test]
fn operations_of_the_past_and_of_others_are_unknown() {
    // Packet loads, calls by register, tail calls, long absolute jumps, atomic bytes.
    for opcode in [
        "20", "40", "8d", "e5", "8e", "cb", "d3", "df", "8f", "99", "e7",
    ] {
        rejected(
            Code::UnknownOpcode,
            &format!("mov r0, 0\n.slot {opcode} 00 00 00 00 00 00 00\nexit"),
        );
    }
}

#[test]
fn registers_exist_and_r10_is_not_written() {
    rejected(
        Code::InvalidRegister,
        "mov r0, 0\n.slot b7 0b 00 00 00 00 00 00\nexit",
    );
    rejected(
        Code::InvalidRegister,
        "mov r0, 0\n.slot bf f0 00 00 00 00 00 00\nexit",
    );
    for write in [
        "add r10, 8",
        "mov r10, r1",
        "ldxdw r10, [r1]",
        "lddw r10, 1",
        "neg r10",
        "le16 r10",
        "atomic_fetch_add_dw [r10-8], r10",
    ] {
        rejected(Code::InvalidRegister, &format!("mov r0, 0\n{write}\nexit"));
    }
}

#[test]
fn code_that_nothing_reaches_passes_the_gate_as_well() {
    rejected(
        Code::UnknownOpcode,
        "mov r0, 0\nexit\n.slot ff 00 00 00 00 00 00 00\nexit",
    );
    let verified = verify("mov r0, 0\nexit\nldxdw r0, [r0]\nexit").unwrap();
    assert_eq!(
        verified.facts()[2],
        jbpf_verifier::program::Fact::Unreachable
    );
}
