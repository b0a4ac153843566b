//! The low halves of pointers into the region, of which nothing is defined but their distance.

use super::{accepted, rejected, verify, with_region, with_value};
use jbpf_verifier::report::Code;

/// Eight bytes at r2 are read, if r5 is at least `least`.
fn left(distance: &str, least: i32) -> String {
    with_region(&format!("{distance}\njlt r5, {least}, out\nldxdw r0, [r2]"))
}

#[test]
fn the_distance_of_low_halves_is_the_low_half_of_the_distance() {
    for distance in [
        "mov32 r5, r3\nsub32 r5, r2",
        "mov32 r5, r3\nmov32 r6, r2\nsub32 r5, r6",
        "mov r5, r3\nmov32 r6, r2\nsub32 r5, r6",
        "mov32 r5, r3\nmov32 r5, r5\nmov r6, r5\nmov r5, r6\nsub32 r5, r2",
        "mov32 r5, r3\nstxdw [r10-8], r5\nldxdw r5, [r10-8]\nsub32 r5, r2",
        // Stored in 32 bits, with something else beside.
        "mov32 r5, r3\nsub32 r5, r2\nstxw [r10-8], r5\nstw [r10-4], 7\nldxw r5, [r10-8]",
    ] {
        accepted(&left(distance, 8));
        rejected(Code::RegionOutOfBounds, &left(distance, 7));
    }
    // Between two places of the region.
    let between = |least: i32| {
        format!(
            "
                .data table 00 00 00 00
                ldxdw r2, [r1]
                mov r5, r2
                add r5, {least}
                mov32 r5, r5
                sub32 r5, r2
                lddw r1, section table
                add r1, r5
                ldxb r0, [r1]
                exit
            "
        )
    };
    accepted(&between(3));
    rejected(Code::MapValueOutOfBounds, &between(4));
}

#[test]
fn the_half_of_a_distance_that_may_be_negative_proves_nothing() {
    let behind = with_region(
        "
            mov r6, r2
            add r6, 16
            mov32 r5, r3
            sub32 r5, r6
            jlt r5, 8, out
            ldxdw r0, [r6]
        ",
    );
    rejected(Code::RegionOutOfBounds, &behind);
    let turned = "mov32 r5, r2\nsub32 r5, r3";
    rejected(Code::RegionOutOfBounds, &left(turned, 8));
}

#[test]
fn an_index_below_a_distance_of_halves_has_a_byte() {
    let index = |below: &str| {
        with_region(&format!(
            "mov32 r5, r3\nsub32 r5, r2\n{below}\nadd r2, r4\nldxb r0, [r2]"
        ))
    };
    accepted(&index("jge r4, r5, out"));
    accepted(&index("jge32 r4, r5, out"));
    assert!(verify(&index("jgt r4, r5, out")).is_err());
}

#[test]
fn nothing_else_is_defined_of_a_half() {
    let with = |use_of: &str| with_region(&format!("mov32 r5, r3\nmov32 r6, r2\n{use_of}"));
    accepted(&with("sub32 r5, r6"));
    for arithmetic in [
        // In 64 bits, the difference tells which half is larger.
        "sub r5, r6",
        "sub r5, r2",
        "sub r3, r6",
        "add r5, 1",
        "add32 r5, 1",
        "sub r5, 1",
        "sub32 r5, 1",
        "add r5, r4",
        "add32 r5, r6",
        "add r2, r5",
        "mul32 r5, r6",
        "and r5, 7",
        "or r5, 1",
        "xor r5, r6",
        "rsh r5, 31",
        "lsh32 r5, 1",
        "neg r5",
        "be32 r5",
        "movsx32 r5, r5",
        "movsx8 r5, r5",
    ] {
        rejected(Code::PointerArithmetic, &with(arithmetic));
    }
    for comparison in [
        "jeq r5, 0, out",
        "jeq32 r5, 0, out",
        "jgt r5, r6, out",
        "jlt32 r5, r6, out",
        "jeq r5, r5, out",
        "jeq r5, r3, out",
        "jne r2, r6, out",
        "jset r5, 1, out",
        "jge r5, 4096, out",
    ] {
        rejected(Code::PointerComparison, &with(comparison));
    }
    for access in [
        "ldxb r0, [r6]",
        "stb [r6], 1",
        "mov r0, 1\natomic_add_dw [r6], r0",
        "mov r1, r6\nmov r2, 4\ncall hash",
        "mov r1, r6\nmov r2, 0\ncall hash",
    ] {
        rejected(Code::NotAPointer, &with(access));
    }
    // It stays in the codelet, as a pointer does.
    for leak in [
        "mov r0, r5\nexit",
        "stxw [r10-8], r5",
        "stxb [r10-8], r5",
        "stxdw [r10-12], r5",
        "stxdw [r1+16], r5",
        "atomic_add_dw [r10-8], r5",
        "stxdw [r10-8], r5\nldxw r0, [r10-8]",
        "stxdw [r10-8], r5\nmov r1, r10\nadd r1, -8\nmov r2, 8\ncall hash",
    ] {
        let leak = with(&format!("stdw [r10-8], 0\n{leak}"));
        assert!(verify(&leak).is_err(), "{leak}");
    }
}

#[test]
fn other_pointers_are_not_cut_in_half() {
    for pointer in ["mov32 r5, r10", "mov32 r5, r1"] {
        rejected(Code::PointerArithmetic, &with_region(pointer));
    }
    rejected(Code::PointerArithmetic, &with_value(8, "mov32 r5, r0"));
    rejected(
        Code::PointerArithmetic,
        &with_value(8, "lddw r5, map m\nmov32 r5, r5"),
    );
}
