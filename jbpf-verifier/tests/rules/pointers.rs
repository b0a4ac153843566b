//! Arithmetic on pointers, comparisons, and where pointers must not go.

use super::{accepted, rejected, with_region, with_value};
use jbpf_verifier::report::Code;

#[test]
fn arithmetic_is_limited_to_moving() {
    for body in [
        "mul r2, 2",
        "and r2, -8",
        "or r2, 1",
        "lsh r2, 1",
        "xor r2, r2\nxor r2, r1",
        "neg r2",
        "add32 r2, 4",
        "mov32 r2, r2",
        "le32 r2",
        "sub r4, r2",
        "add r2, r3",
    ] {
        rejected(Code::PointerArithmetic, &with_region(body));
    }
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
