//! Arithmetic on pointers, comparisons, and places that pointers must not reach.

use super::{accepted, rejected, verify, with_region, with_value};
use jbpf_verifier::report::Code;

#[test]
fn arithmetic_is_limited_to_moving() {
    for body in [
        "mul r2, 2",
        "and r2, -8",
        "or r2, 8",
        "or32 r2, 1",
        "or r2, r3",
        "or r3, 1",
        "or r1, 1",
        "lsh r2, 1",
        "xor r2, r2\nxor r2, r1",
        "neg r2",
        "add32 r2, 4",
        "mov32 r2, r1",
        "le32 r2",
        "sub r4, r2",
        "add r2, r3",
    ] {
        rejected(Code::PointerArithmetic, &with_region(body));
    }
}

/// Zero bits of an address can be set in place of an addition. Compilers do that if they know the
/// alignment of the object.
#[test]
fn an_or_of_zero_bits_moves_a_pointer() {
    let on_stack = |body: &str| format!("mov r2, r10\n{body}\nstb [r2], 1\nmov r0, 0\nexit");
    for body in [
        "add r2, -16\nor r2, 4",
        "add r2, -16\nor r2, 15",
        "add r2, -12\nor r2, 3",
        "add r2, -24\nor r2, 4\nor r2, 3",
        "add r2, -8\nmov r3, 5\nor r3, r2\nmov r2, r3",
        "ldxw r3, [r1+24]\nand r3, 3\nadd r2, -4\nor r2, r3",
        "ldxw r3, [r1+24]\nand r3, 1\nlsh r3, 3\nadd r2, -16\nadd r2, r3\nor r2, 4",
    ] {
        accepted(&on_stack(body));
    }
    for body in [
        // Above the frame.
        "or r2, 4",
        // Beyond the known alignment of the frame pointer.
        "add r2, -32\nor r2, 16",
        "add r2, -32\nor r2, -1",
        // A bit that is set, or may be.
        "add r2, -12\nor r2, 4",
        "ldxw r3, [r1+24]\nand r3, 3\nlsh r3, 2\nadd r2, -16\nadd r2, r3\nor r2, 4",
        "ldxw r3, [r1+24]\nand r3, 7\nadd r2, -12\nor r2, r3",
        "ldxw r3, [r1+24]\nadd r2, -16\nor r2, r3",
    ] {
        assert!(verify(&on_stack(body)).is_err(), "{body}");
    }
    accepted(&with_value(8, "or r0, 4\nldxw r1, [r0]"));
    rejected(Code::PointerArithmetic, &with_value(16, "or r0, 8"));
    let region = |context: &str, bits: u32| {
        format!(".context {context}\nldxdw r2, [r1]\nor r2, {bits}\nldxb r0, [r2]\nexit")
    };
    accepted(&region("read_only 16", 7));
    rejected(Code::PointerArithmetic, &region("read_only 16", 8));
    rejected(Code::RegionOutOfBounds, &region("read_only 4", 4));
}

#[test]
fn a_pointer_moved_by_or_is_where_a_sum_would_be() {
    let at = |move_on: &str| {
        format!("mov r2, r10\nadd r2, -8\n{move_on}\nstw [r2+4], 1\nmov r0, 0\nexit")
    };
    accepted(&at("or r2, 0"));
    rejected(Code::StackOutOfBounds, &at("or r2, 4"));
    rejected(
        Code::UninitialisedStack,
        "mov r2, r10\nadd r2, -8\nor r2, 4\nstw [r2], 1\nldxw r0, [r10-8]\nexit",
    );
    accepted("mov r2, r10\nadd r2, -8\nor r2, 4\nstw [r2], 1\nldxw r0, [r10-4]\nexit");
}

/// The bits were zero on the first path. A path that brings another number must not rest on its
/// proof.
#[test]
fn a_proof_of_zero_bits_is_one_of_the_number() {
    let with = |other: u32| {
        format!(
            "
                ldxw r4, [r1+24]
                mov r3, 0
                jgt r4, 9, meet
                mov r3, {other}
            meet:
                ja next
            next:
                mov r5, 0
                mov r5, 0
                mov r5, 0
                mov r5, 0
                mov r5, 0
                mov r5, 0
                mov r5, 0
                mov r5, 0
                jgt r4, 99, on
                mov r5, 1
            on:
                mov r2, r10
                add r2, -16
                add r2, r3
                or r2, 4
                stb [r2], 1
                mov r0, 0
                exit
            "
        )
    };
    accepted(&with(8));
    rejected(Code::PointerArithmetic, &with(4));
}

#[test]
fn the_distance_of_pointers_into_one_object_is_a_number() {
    accepted(&with_region("mov r5, r3\nsub r5, r2\nmov r0, r5\nexit"));
    accepted("mov r2, r10\nadd r2, -8\nmov r0, r10\nsub r0, r2\nexit");
    rejected(
        Code::PointerArithmetic,
        &with_region("mov r5, r10\nsub r5, r2"),
    );
}

#[test]
fn pointers_compare_with_null_and_with_their_like() {
    accepted(&with_region(
        "jeq r2, 0, out\njne r10, 0, out\njeq r1, 0, out",
    ));
    accepted(&with_region("mov r5, r2\nadd r5, 4\njgt r5, r2, out"));
    accepted(&with_region("jeq r2, r10, out"));
    for comparison in [
        "jeq r2, 1, out",
        "jgt r2, 0, out",
        "jgt r2, r4, out",
        "jset r2, r3, out",
        "jeq32 r2, 0, out",
        "jgt r2, r10, out",
        "jgt r4, r2, out",
    ] {
        rejected(Code::PointerComparison, &with_region(comparison));
    }
}

#[test]
fn objects_are_told_apart_by_pointers_that_are_inside() {
    let value = |body: &str| with_value(8, body);
    for inside in [
        "jeq r0, r10, out",
        "jne r0, r6, out",
        "mov r2, r0\nadd r2, 7\njeq r2, r10, out",
        "mov r2, r10\nadd r2, -512\njeq r2, r0, out",
        "lddw r1, map m\njeq r1, r0, out",
        "ldxdw r2, [r6]\njeq r2, r0, out",
        "ldxw r2, [r6+24]\nand r2, 7\nadd r2, r0\njeq r2, r10, out",
    ] {
        accepted(&value(inside));
    }
    for outside in [
        "mov r2, r0\nadd r2, 8\njeq r2, r10, out",
        "mov r2, r0\nadd r2, -1\njeq r2, r10, out",
        "mov r2, r10\nadd r2, -513\njeq r2, r0, out",
        "mov r2, r10\nadd r2, 1\njne r2, r0, out",
        "mov r2, r6\nadd r2, 28\njeq r2, r0, out",
        "ldxdw r2, [r6]\nadd r2, 1\njeq r2, r0, out",
        "ldxdw r2, [r6+8]\njeq r2, r0, out",
        "ldxw r2, [r6+24]\nand r2, 8\nadd r2, r0\njeq r2, r10, out",
    ] {
        rejected(Code::PointerComparison, &value(outside));
    }
    let in_region = |offset: u32| {
        with_region(&format!(
            "mov r5, r2\nadd r5, 8\njgt r5, r3, out\nadd r2, {offset}\njeq r2, r10, out"
        ))
    };
    accepted(&in_region(7));
    rejected(Code::PointerComparison, &in_region(8));
}

#[test]
fn what_may_be_null_is_told_from_other_objects_at_its_start() {
    let lookup = |body: &str| {
        format!(
            "
                .map m array key 4 value 8 entries 4
                mov r6, r1
                stw [r10-4], 0
                lddw r1, map m
                mov r2, r10
                add r2, -4
                call map_lookup_elem
                {body}
            out:
                mov r0, 0
                exit
            "
        )
    };
    accepted(&lookup("jeq r0, r6, out"));
    rejected(
        Code::PointerComparison,
        &lookup("add r0, 4\njeq r0, r6, out"),
    );
}

#[test]
fn values_of_one_map_are_compared_unless_an_application_places_them() {
    let two_of = |kind: &str, comparison: &str| {
        format!(
            "
                .map m {kind} key 4 value 8 entries 4
                stw [r10-4], 0
                lddw r1, map m
                mov r2, r10
                add r2, -4
                call map_lookup_elem
                jeq r0, 0, out
                mov r6, r0
                lddw r1, map m
                mov r2, r10
                add r2, -4
                call map_lookup_elem
                jeq r0, 0, out
                mov r7, r0
                add r7, 8
                {comparison}
            out:
                mov r0, 0
                exit
            "
        )
    };
    accepted(&two_of("array", "jge r6, r7, out"));
    accepted(&two_of("hash", "jeq r6, r7, out"));
    accepted(&two_of("application", "jeq r6, r0, out"));
    rejected(
        Code::PointerComparison,
        &two_of("application", "jeq r6, r7, out"),
    );
    rejected(
        Code::PointerComparison,
        &two_of("application", "jgt r6, r0, out"),
    );
}

#[test]
fn a_frame_has_every_place_that_is_told_from_another_frames() {
    let program = accepted(
        "
            mov r1, r10
            add r1, -40
            call different
            exit
        different:
            mov r0, 1
            jne r1, r10, out
            mov r0, 0
        out:
            exit
        ",
    );
    let sizes: Vec<u32> = program.functions().iter().map(|f| f.stack_size).collect();
    assert_eq!(sizes, [40, 0]);
}

#[test]
fn a_pointer_is_never_a_number() {
    rejected(Code::PointerReturned, "mov r0, r1\nexit");
    rejected(Code::PointerReturned, "ldxdw r0, [r1+8]\nexit");
    rejected(Code::PointerLeak, "stxdw [r1+16], r10\nmov r0, 0\nexit");
    rejected(
        Code::PointerLeak,
        ".context writable 16\nldxdw r2, [r1]\nstxdw [r2], r10\nmov r0, 0\nexit",
    );
    rejected(Code::PointerLeak, &with_value(8, "stxdw [r0], r10"));
    rejected(Code::PointerLeak, "call get_sys_time\nmov r0, 0\nexit");
    rejected(
        Code::PointerLeak,
        "stxdw [r10-8], r1\nmov r1, r10\nadd r1, -8\nmov r2, 8\ncall hash\nmov r0, 0\nexit",
    );
}

#[test]
fn numbers_never_become_pointers() {
    rejected(
        Code::NotAPointer,
        &with_value(8, "ldxdw r1, [r0]\nldxdw r2, [r1]"),
    );
    rejected(
        Code::NotAPointer,
        "mov r2, 0\nstxdw [r2], r2\nmov r0, 0\nexit",
    );
}

#[test]
fn comparisons_do_not_tell_where_memory_lies() {
    // Whether an address wraps when 2^63 or so is added tells one bit of it. Other numbers would
    // tell all bits.
    let moved = |base: &str, comparison: &str| {
        format!(
            "
                ldxdw r3, [r1+8]
                mov r2, {base}
                lddw r4, 0xffff800000000000
                add r2, r4
                mov r0, 0
                {comparison}, out
                mov r0, 1
            out:
                exit
            "
        )
    };
    rejected(Code::PointerComparison, &moved("r10", "jlt r2, r10"));
    rejected(Code::PointerComparison, &moved("r10", "jsgt r10, r2"));
    rejected(Code::PointerComparison, &moved("r10", "jeq r2, 0"));
    rejected(
        Code::PointerComparison,
        &with_value(
            8,
            "mov r2, r0\nlddw r4, 0xffff800000000000\nadd r2, r4\njgt r2, r0, out",
        ),
    );
    rejected(
        Code::Unbounded,
        &with_region("ldxdw r4, [r1+16]\nadd r2, r4\njgt r2, r3, out"),
    );
}

#[test]
fn a_pointer_that_is_read_and_not_used_has_to_be_whole_on_every_path() {
    let read_where_paths_meet = |way: &str| {
        format!(
            "
                stxdw [r10-16], r1
                ldxw r2, [r1+24]
                .repeat 8 mov r0, 0
                jeq r2, 1, other
                jeq r2, 2, other
                ja meet
            other:
                {way}
            meet:
                ldxdw r7, [r10-16]
                mov r0, 0
                exit
            "
        )
    };
    accepted(&read_where_paths_meet("stw [r10-24], 0"));
    rejected(
        Code::PointerPartial,
        &read_where_paths_meet("stw [r10-16], 0"),
    );
}
