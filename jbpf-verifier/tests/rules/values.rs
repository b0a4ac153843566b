//! Map values and data sections.

use super::{accepted, rejected, with_value};
use jbpf_verifier::report::Code;

#[test]
fn a_value_is_as_large_as_its_map_says() {
    accepted(&with_value(24, "ldxdw r1, [r0+16]\nstxdw [r0+16], r1"));
    rejected(
        Code::MapValueOutOfBounds,
        &with_value(24, "ldxdw r1, [r0+17]"),
    );
    rejected(
        Code::MapValueOutOfBounds,
        &with_value(24, "ldxb r1, [r0-1]"),
    );
}

/// Looks up two values of map `m` into r7 and r8.
const TWO: &str = "
    .map m array key 4 value 8 entries 4
    mov r1, 0
    stxw [r10-4], r1
    lddw r1, map m
    mov r2, r10
    add r2, -4
    call map_lookup_elem
    mov r7, r0
    lddw r1, map m
    mov r2, r10
    add r2, -4
    call map_lookup_elem
    mov r8, r0
    mov r0, 0
";

#[test]
fn a_null_check_counts_for_every_copy_and_no_other_lookup() {
    accepted(&format!(
        "{TWO}\nstxdw [r10-16], r7\nmov r9, r7\njeq r7, 0, out\nldxdw r1, [r9]\nldxdw r2, [r10-16]\nldxdw r1, [r2]\nout:\nexit"
    ));
    let rejection = rejected(
        Code::NullDereference,
        &format!("{TWO}\njeq r7, 0, out\nldxdw r1, [r8]\nout:\nexit"),
    );
    assert_eq!(rejection.origin.unwrap().insn, 12);
}

#[test]
fn either_way_of_the_check_counts() {
    accepted(&format!(
        "{TWO}\njne r7, 0, there\nexit\nthere:\nldxdw r1, [r7]\nexit"
    ));
    // If it is null, it is the number 0.
    accepted(&format!(
        "{TWO}\njne r7, 0, there\nmov r0, r7\nthere:\nexit"
    ));
    rejected(
        Code::NotAPointer,
        &format!("{TWO}\njne r7, 0, there\nldxdw r1, [r7]\nthere:\nexit"),
    );
}

#[test]
fn a_moved_pointer_is_checked_by_the_one_that_was_not() {
    accepted(&format!(
        "{TWO}\nmov r9, r7\nadd r9, 4\njeq r7, 0, out\nldxw r1, [r9]\nout:\nexit"
    ));
    rejected(
        Code::NullDereference,
        &format!("{TWO}\nmov r9, r7\nadd r9, 4\njeq r9, 0, out\nldxw r1, [r9]\nout:\nexit"),
    );
}

#[test]
fn variable_offsets_stay_inside() {
    let at = |bound| {
        with_value(
            64,
            &format!(
                "ldxw r1, [r6+24]\njgt r1, {bound}, out\nlsh r1, 3\nadd r0, r1\nldxdw r2, [r0]"
            ),
        )
    };
    accepted(&at(7));
    rejected(Code::MapValueOutOfBounds, &at(8));
}

#[test]
fn read_only_data_are_constants() {
    // This is reached only if the bytes differ from those of the section.
    accepted(
        "
            .rodata table 01 02 03 04 ff
            lddw r1, section table
            ldxw r2, [r1]
            jne r2, 0x04030201, bad
            lddw r1, section table + 4
            ldxsb r2, [r1]
            jne r2, -1, bad
            mov r0, 0
            exit
        bad:
            mov r0, 0
            ldxdw r0, [r0]
            exit
        ",
    );
    rejected(
        Code::MapValueOutOfBounds,
        ".rodata table 01 02 03 04\nlddw r1, section table\nldxw r0, [r1+1]\nexit",
    );
}

#[test]
fn a_table_bounds_what_is_read_from_it() {
    accepted(
        "
            .rodata table 00 07 03 05
            mov r0, 0
            stxdw [r10-8], r0
            ldxw r2, [r1+24]
            and r2, 3
            lddw r3, section table
            add r3, r2
            ldxb r4, [r3]
            mov r5, r10
            add r5, -8
            add r5, r4
            ldxb r0, [r5]
            exit
        ",
    );
}

#[test]
fn writable_data_are_variables() {
    accepted(
        "
            .data counter 00 00 00 00 00 00 00 00
            lddw r1, section counter
            ldxdw r0, [r1]
            add r0, 1
            stxdw [r1], r0
            exit
        ",
    );
}

#[test]
fn a_map_itself_is_no_memory() {
    rejected(
        Code::NotAPointer,
        ".map m array key 4 value 8 entries 4\nlddw r1, map m\nldxdw r0, [r1]\nexit",
    );
    rejected(
        Code::PointerArithmetic,
        ".map m array key 4 value 8 entries 4\nlddw r1, map m\nadd r1, 8\nmov r0, 0\nexit",
    );
}
