//! Functions: frames, arguments, results, depth.

use super::{accepted, rejected};
use jbpf_verifier::report::Code;

#[test]
fn a_callee_works_on_its_callers_memory() {
    let verified = accepted(
        "
            mov r0, 0
            stxdw [r10-8], r0
            mov r1, r10
            add r1, -8
            call double
            ldxdw r0, [r10-8]
            exit
        double:
            ldxdw r2, [r1]
            lsh r2, 1
            stxdw [r1], r2
            stxdw [r10-16], r2
            exit
        ",
    );
    let sizes: Vec<_> = verified.functions().iter().map(|f| f.stack_size).collect();
    assert_eq!(sizes, [8, 16]);
    assert_eq!(verified.summary().stack_bytes, 24);
}

#[test]
fn frames_are_separate() {
    rejected(
        Code::UninitialisedStack,
        "
            mov r0, 0
            stxdw [r10-8], r0
            call f
            exit
        f:
            ldxdw r0, [r10-8]
            exit
        ",
    );
}

#[test]
fn callee_saved_registers_come_back_and_others_do_not() {
    accepted("mov r6, 7\ncall f\nmov r0, r6\nexit\nf:\nmov r6, 0\nmov r0, 0\nexit");
    rejected(
        Code::UninitialisedRegister,
        "mov r3, 7\ncall f\nmov r0, r3\nexit\nf:\nmov r0, 0\nexit",
    );
    rejected(
        Code::UninitialisedRegister,
        "mov r6, 7\ncall f\nexit\nf:\nmov r0, r6\nexit",
    );
}

#[test]
fn a_function_that_returns_nothing_leaves_nothing() {
    accepted("call f\nmov r0, 0\nexit\nf:\nmov r1, 0\nexit");
    // This holds for any value of r0 before the call.
    rejected(
        Code::UninitialisedRegister,
        "mov r0, 1\ncall f\nexit\nf:\nmov r1, 0\nexit",
    );
    // On one way, the function leaves a pointer into its own stack, on another a number.
    let leaves = |after: &str| {
        format!(
            "call f\n{after}\nexit\nf:\nldxb r2, [r1+24]\nmov r0, r10\njeq r2, 0, out\nmov r0, 1\nout:\nexit"
        )
    };
    accepted(&leaves("mov r0, 0"));
    rejected(Code::PointerReturned, &leaves("mov r1, r0\nmov r0, 0"));
}

#[test]
fn a_function_may_return_a_pointer_but_not_into_its_own_stack() {
    accepted("call f\nldxw r0, [r0+24]\nexit\nf:\nmov r0, r1\nexit");
    rejected(Code::PointerReturned, "call f\nexit\nf:\nmov r0, r10\nexit");
    rejected(
        Code::PointerReturned,
        "call f\nmov r1, r0\nmov r0, 0\nexit\nf:\nmov r0, r10\nexit",
    );
    rejected(
        Code::PointerLeak,
        "mov r1, r10\nadd r1, -8\ncall f\nmov r0, 0\nexit\nf:\nstxdw [r1], r10\nexit",
    );
}

#[test]
fn every_call_is_checked_with_its_own_arguments() {
    let call = |second: &str| {
        format!(
            "
                mov r6, r1
                mov r0, 0
                stxdw [r10-8], r0
                mov r1, r10
                mov r2, 0
                call f
                mov r1, r10
                {second}
                call f
                mov r0, 0
                exit
            f:
                add r1, -8
                add r1, r2
                ldxb r0, [r1]
                exit
            "
        )
    };
    accepted(&call("mov r2, 7"));
    rejected(Code::StackOutOfBounds, &call("mov r2, 8"));
}

#[test]
fn jumps_stay_in_their_function() {
    rejected(
        Code::JumpOutOfBounds,
        "call f\nback:\nexit\nf:\nmov r0, 0\nja back",
    );
    rejected(
        Code::FallsOffTheEnd,
        "call f\nmov r0, 0\nf:\nmov r0, 0\nexit",
    );
}
