//! The data region: the facts that comparisons prove, and the pointers that they hold for.

use super::{accepted, rejected, with_region};
use jbpf_verifier::report::Code;

/// Eight bytes are needed behind r2. `comparison` leaves for `out` if r5 = r2 + 8 is beyond the
/// end r3.
fn compared(comparison: &str) -> String {
    with_region(&format!(
        "mov r5, r2\nadd r5, 8\n{comparison}\nldxdw r0, [r2]\nja out"
    ))
}

#[test]
fn every_form_of_the_comparison_counts() {
    for comparison in [
        "jgt r5, r3, out",
        "jlt r3, r5, out",
        "jge r5, r3, out", // one byte more than needed
        "jle r3, r5, out",
        "jsgt r5, r3, out",
        "jne r5, r3, out", // exactly eight
    ] {
        accepted(&compared(comparison));
    }
    for comparison in [
        "jle r5, r3, out",
        "jge r3, r5, out",
        "jlt r5, r3, out",
        "jgt r3, r5, out",
        "jeq r5, r3, out",
    ] {
        rejected(Code::RegionOutOfBounds, &compared(comparison));
    }
}

#[test]
fn a_strict_comparison_proves_one_byte_more() {
    let with = |size| {
        with_region(&format!(
            "mov r5, r2\nadd r5, 7\njge r5, r3, out\nldx{size} r0, [r2]\nja out"
        ))
    };
    accepted(&with("dw"));
    let eight = with_region("mov r5, r2\nadd r5, 7\njgt r5, r3, out\nldxdw r0, [r2]\nja out");
    rejected(Code::RegionOutOfBounds, &eight);
}

#[test]
fn the_proof_holds_for_copies_spills_and_new_loads() {
    accepted(&with_region(
        "
            mov r6, r2
            stxdw [r10-8], r2
            mov r5, r2
            add r5, 8
            jgt r5, r3, out
            ldxdw r0, [r6]
            ldxdw r7, [r10-8]
            ldxdw r0, [r7]
            ldxdw r8, [r1]
            ldxdw r0, [r8]
        ",
    ));
}

#[test]
fn a_bounded_offset_is_added_to_what_is_proven() {
    let at = |mask| {
        with_region(&format!(
            "
                and r4, {mask}
                mov r5, r2
                add r5, 16
                jgt r5, r3, out
                add r2, r4
                ldxb r0, [r2]
            "
        ))
    };
    accepted(&at(15));
    rejected(Code::RegionOutOfBounds, &at(31));
}

#[test]
fn a_variable_offset_is_proven_by_its_own_comparison() {
    // data + x + 4 <= data_end, for a second pointer made of the same number.
    accepted(&with_region(
        "
            mov r5, r2
            add r5, r4
            mov r6, r5
            add r6, 4
            jgt r6, r3, out
            ldxw r0, [r5]
            add r2, r4
            ldxw r0, [r2]
        ",
    ));
    // Nothing is known of another number.
    rejected(
        Code::RegionOutOfBounds,
        &with_region(
            "
                mov r5, r2
                add r5, r4
                mov r6, r5
                add r6, 4
                jgt r6, r3, out
                ldxh r7, [r1+24]
                add r2, r7
                ldxw r0, [r2]
            ",
        ),
    );
}

#[test]
fn what_is_behind_an_offset_is_behind_its_smallest_value() {
    let with = |least| {
        with_region(&format!(
            "
                mov r5, r2
                add r5, r4
                jgt r5, r3, out
                jlt r4, {least}, out
                ldxdw r0, [r2]
            "
        ))
    };
    accepted(&with(8));
    rejected(Code::RegionOutOfBounds, &with(7));
}

#[test]
fn an_offset_that_could_wrap_proves_nothing() {
    rejected(
        Code::Unbounded,
        "
            ldxdw r2, [r1]
            ldxdw r3, [r1+8]
            ldxdw r4, [r1+16]
            add r2, r4
            mov r5, r2
            add r5, 8
            jgt r5, r3, out
            ldxdw r0, [r2]
        out:
            mov r0, 0
            exit
        ",
    );
}

#[test]
fn nothing_is_before_the_start() {
    rejected(
        Code::RegionOutOfBounds,
        &with_region("mov r5, r2\nadd r5, 8\njgt r5, r3, out\nldxb r0, [r2-1]"),
    );
}

#[test]
fn the_length_as_a_number_proves_as_well() {
    let with = |bound| {
        with_region(&format!(
            "mov r5, r3\nsub r5, r2\njlt r5, {bound}, out\nldxdw r0, [r2]"
        ))
    };
    accepted(&with(8));
    rejected(Code::RegionOutOfBounds, &with(7));
    // Its low half is at most as large.
    accepted(&with_region(
        "mov r5, r3\nsub r5, r2\nmov32 r5, r5\njlt r5, 8, out\nldxdw r0, [r2]",
    ));
    // If the length has 32 bits, compilers subtract in 32 bits, and sign-extend by shifts.
    accepted(&with_region(
        "mov r5, r3\nsub32 r5, r2\njlt32 r5, 8, out\nldxdw r0, [r2]",
    ));
    accepted(&with_region(
        "mov r5, r3\nsub r5, r2\nlsh r5, 32\narsh r5, 32\njslt r5, 8, out\nldxdw r0, [r2]",
    ));
    accepted(&with_region(
        "mov r5, r3\nsub r5, r2\nmovsx32 r5, r5\njslt r5, 8, out\nldxdw r0, [r2]",
    ));
    // If a pointer may be behind the end, the half of the distance proves nothing.
    rejected(
        Code::RegionOutOfBounds,
        &with_region(
            "mov r6, r2\nadd r6, 16\nmov r5, r3\nsub r5, r6\nmov32 r5, r5\njlt r5, 8, out\nldxdw r0, [r6]",
        ),
    );
    // The other way round it is not.
    rejected(
        Code::RegionOutOfBounds,
        &with_region("mov r5, r2\nsub r5, r3\njlt r5, 8, out\nldxdw r0, [r2]"),
    );
}

#[test]
fn a_region_of_known_size_needs_no_comparison() {
    accepted(".context read_only 16\nldxdw r2, [r1]\nldxdw r0, [r2+8]\nexit");
    let beyond = ".context read_only 16\nldxdw r2, [r1]\nldxdw r0, [r2+9]\nexit";
    let rejection = rejected(Code::RegionOutOfBounds, beyond);
    assert_eq!(
        rejection.obligation.unwrap(),
        "reads 8 bytes at data+9; 16 are known to be there"
    );
}

#[test]
fn comparisons_with_the_end_of_a_known_region_are_decided() {
    use jbpf_verifier::program::{BranchOutcome, Fact};
    let verified = accepted(
        "
            .context writable 16
            ldxdw r2, [r1]
            ldxdw r3, [r1+8]
            mov r4, r2
            add r4, 16
            jgt r4, r3, out
            ldxdw r4, [r2+8]
        out:
            mov r0, 0
            exit
        ",
    );
    assert_eq!(verified.facts()[4], Fact::Branch(BranchOutcome::Never));
}

#[test]
fn an_index_with_bits_set_is_one_that_was_added_to() {
    // Bytes behind 8 * r4 are behind 8 * r4 + 4 as well.
    let read = |width: &str, bits: u32| {
        with_region(&format!(
            "
                and{width} r4, 0xffff
                lsh{width} r4, 3
                mov r5, r4
                or{width} r5, {bits}
                mov r7, r2
                add r7, r4
                mov r8, r7
                add r8, 8
                jgt r8, r3, out
                add r2, r5
                ldxw r0, [r2]
            "
        ))
    };
    for width in ["", "32"] {
        accepted(&read(width, 4));
        rejected(Code::RegionOutOfBounds, &read(width, 5));
        rejected(Code::RegionOutOfBounds, &read(width, 12));
    }
}

#[test]
fn read_only_regions_are_not_written() {
    let store = |right: &str| {
        format!(".context {right} 16\nldxdw r2, [r1]\nmov r0, 0\nstxdw [r2], r0\nexit")
    };
    accepted(&store("writable"));
    rejected(Code::RegionNotWritable, &store("read_only"));
}

#[test]
fn nothing_is_read_at_the_end_pointer() {
    rejected(
        Code::RegionOutOfBounds,
        &with_region("jge r2, r3, out\nldxb r0, [r3]"),
    );
}

#[test]
fn what_is_left_behind_a_pointer_far_away_is_not_known() {
    // Distances wrap there: a distance of the size plus 2^63 is negative, though its pointer is in
    // front.
    let negative = "
        ldxdw r4, [r1+16]
        jsgt r4, 0, out
        mov r5, r2
        add r5, r4
        mov r0, r3
        sub r0, r5
        rsh r0, 63
        lsh r0, 3
        mov r5, r10
        add r5, -8
        add r5, r0
        stxdw [r5], r0
    ";
    rejected(Code::StackOutOfBounds, &with_region(negative));
    // The rest of the region behind r5 + 2^63 - 1 is negative, and wraps to a large number.
    let wrapped = "
        lddw r0, 0x7fffffffffffffff
        and r4, 0xffff
        mov r5, r2
        add r5, r4
        mov r7, r5
        add r7, r0
        sub r3, r7
        jslt r3, 0, out
        ldxdw r0, [r5]
    ";
    rejected(Code::RegionOutOfBounds, &with_region(wrapped));
}
