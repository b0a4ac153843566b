//! Loops: bounded by any value, joined if they would explode, refused if they may not end.

use super::{accepted, rejected, verify};
use jbpf_verifier::report::Code;

#[test]
fn the_worst_case_is_the_longest_path() {
    let straight = accepted("mov r0, 0\nexit");
    assert_eq!(straight.summary().worst_case_instructions, 2);
    let branch =
        accepted("ldxw r2, [r1+24]\nmov r0, 0\njeq r2, 0, out\nadd r0, 1\nadd r0, 1\nout:\nexit");
    assert_eq!(branch.summary().worst_case_instructions, 6);
    let counted = accepted("mov r0, 0\nagain:\nadd r0, 1\njlt r0, 100, again\nexit");
    assert_eq!(counted.summary().worst_case_instructions, 202);
    // A wide load counts once.
    let wide = accepted("lddw r0, 0x100000000\nexit");
    assert_eq!(wide.summary().worst_case_instructions, 2);
}

#[test]
fn the_worst_case_counts_what_pruned_paths_would_have_run() {
    // The longer way comes to the loop second, and is recognised there.
    let verified = accepted(
        "
            ldxw r2, [r1+24]
            jeq r2, 0, short
            mov r3, 0
            mov r3, 1
            mov r3, 2
            mov r3, 3
        short:
            mov r3, 0
            mov r0, 0
        again:
            add r0, 1
            add r3, 1
            jlt r0, 100, again
            exit
        ",
    );
    assert_eq!(
        verified.summary().worst_case_instructions,
        2 + 4 + 2 + 300 + 1
    );
}

#[test]
fn a_loop_that_may_never_end_is_refused() {
    rejected(Code::InfiniteLoop, "again:\nja again");
    rejected(
        Code::InfiniteLoop,
        "again:\ncall rand\njne r0, 0, again\nexit",
    );
    rejected(
        Code::InfiniteLoop,
        "mov r2, 0\nagain:\nadd r2, 1\nand r2, 7\nja again",
    );
}

#[test]
fn a_bound_known_at_run_time_is_a_bound() {
    accepted(
        "
            ldxw r2, [r1+24]
            and r2, 63
            mov r3, 0
            mov r0, 0
        again:
            jge r3, r2, out
            add r3, 1
            add r0, r3
            ja again
        out:
            exit
        ",
    );
}

/// A retry loop as the macros write it: the counter lives on the stack, the helper decides.
#[test]
fn a_retry_loop_is_fast() {
    let verified = accepted(
        "
            .map m hash key 8 value 8 entries 4
            mov r6, 0
            mov r7, 0
            stxdw [r10-16], r6
            stxw [r10-4], r6
        again:
            ldxw r1, [r10-4]
            jsgt r1, 99, out
            lddw r1, map m
            mov r2, r10
            add r2, -16
            mov r3, r2
            mov r4, 0
            call map_update_elem
            mov r7, r0
            jne r7, -2, out
            ldxw r1, [r10-4]
            add r1, 1
            stxw [r10-4], r1
            ja again
        out:
            mov r0, r7
            exit
        ",
    );
    assert!(verified.summary().processed < 3_000);
}

/// Three counters, each advanced by some steps. There would be some 2.8 million states if each
/// were told apart.
fn histogram(after: &str) -> jbpf_verifier::VerifiedProgram {
    accepted(&format!(
        "
            .map m array key 4 value 1024 entries 1
            mov r6, 0
            stxw [r10-4], r6
            lddw r1, map m
            mov r2, r10
            add r2, -4
            call map_lookup_elem
            jeq r0, 0, none
            mov r1, r0
            mov r2, 0
            mov r3, 0
            mov r4, 0
            mov r5, 0
        again:
            ldxb r7, [r1]
            jgt r7, 10, above
            add r3, 1
            ja next
        above:
            jgt r7, 100, far
            add r4, 1
            ja next
        far:
            add r5, 1
        next:
            add r1, 1
            add r2, 1
            jlt r2, 255, again
            mov r0, 0
            {after}
        out:
            exit
        none:
            mov r0, 0
            exit
        "
    ))
}

#[test]
fn iterations_are_merged_where_their_paths_multiply() {
    let with_constants = "
        jgt r3, 16, one
        add r0, 1
    one:
        jgt r4, 16, two
        add r0, 2
    two:
        jgt r5, 16, out
        add r0, 4
    ";
    let with_each_other = "
        jgt r3, r4, one
        add r0, 1
    one:
        jgt r4, r5, two
        add r0, 2
    two:
        jgt r5, r3, out
        add r0, 4
    ";
    // No more than 255 counts, each.
    let as_index = "
        add r6, r3
        jgt r6, 255, bad
        ja out
    bad:
        ldxdw r0, [r0]
    ";
    for after in [with_constants, with_each_other, as_index] {
        let verified = histogram(after);
        let summary = verified.summary();
        assert!(summary.processed < 30_000, "{summary:?}");
        // The count is 255 times the longest way through the body, and the code around it.
        let worst = summary.worst_case_instructions;
        assert!((255 * 8..255 * 8 + 30).contains(&worst), "{worst}");
    }
}

#[test]
fn nested_loops_are_merged_inside_each_other() {
    let verified = accepted(
        "
            mov r0, 0
            mov r2, 0
            mov r6, 0
            mov r7, 0
        outer:
            mov r3, 0
        inner:
            ldxw r4, [r1+24]
            jset r4, 1, even
            add r6, 1
            ja counted
        even:
            add r7, 1
        counted:
            add r3, 1
            jlt r3, 20, inner
            add r2, 1
            jlt r2, 20, outer
            jgt r6, r7, more
            mov r0, 1
        more:
            exit
        ",
    );
    let summary = verified.summary();
    assert!(summary.processed < 30_000, "{summary:?}");
    assert!(summary.worst_case_instructions < 20 * (20 * 7 + 4) + 20);
}

#[test]
fn what_decides_the_exit_is_not_lost_in_a_join() {
    // The count is the index. If it was joined to any number, the access would be refused.
    accepted(
        "
            mov r0, 0
            stxdw [r10-8], r0
            stxdw [r10-16], r0
            mov r2, 0
            mov r3, 0
            ldxdw r5, [r1+16]
        again:
            jset r5, 1, skip
            add r3, 1
        skip:
            rsh r5, 1
            add r2, 1
            jlt r2, 15, again
            mov r4, r10
            add r4, -16
            add r4, r3
            ldxb r0, [r4]
            exit
        ",
    );
}

#[test]
fn a_fault_is_told_of_the_exact_path() {
    // One byte too few for 16 counts.
    let rejection = rejected(
        Code::StackOutOfBounds,
        "
            mov r0, 0
            stxdw [r10-8], r0
            mov r2, 0
            mov r3, 0
            ldxdw r5, [r1+16]
        again:
            jset r5, 1, skip
            add r3, 1
        skip:
            rsh r5, 1
            add r2, 1
            jlt r2, 20, again
            mov r4, r10
            add r4, -8
            add r4, r3
            ldxb r0, [r4]
            exit
        ",
    );
    assert!(rejection.path.len() > 10);
}

#[test]
fn nested_loops_are_explored_once_for_each_iteration() {
    let verified = accepted(
        "
            mov r0, 0
            mov r2, 0
        outer:
            mov r3, 0
        inner:
            add r3, 1
            add r0, 3
            jlt r3, 20, inner
            add r2, 1
            jlt r2, 20, outer
            exit
        ",
    );
    let worst = verified.summary().worst_case_instructions;
    assert_eq!(worst, 2 + 20 * (1 + 60 + 2) + 1);
}

#[test]
fn a_hooks_limit_is_kept() {
    let with =
        |limit| format!(".limit {limit}\nmov r0, 0\nagain:\nadd r0, 1\njlt r0, 10, again\nexit");
    accepted(&with(22));
    let rejection = rejected(Code::InstructionLimit, &with(21));
    assert!(rejection.message.contains("22"), "{rejection}");
}

/// Proofs that rest on a number hold for no other number.
#[test]
fn pruning_keeps_what_checks_rest_on() {
    let with = |second: u32| {
        verify(&format!(
            "
                mov r0, 0
                stxdw [r10-8], r0
                ldxw r2, [r1+24]
                jeq r2, 0, other
                mov r3, 7
                ja meet
            other:
                mov r3, {second}
            meet:
                mov r4, r10
                add r4, -8
                jeq r2, 5, on
                mov r5, 1
            on:
                jeq r2, 6, further
                mov r5, 1
            further:
                add r4, r3
                ldxb r0, [r4]
                exit
            "
        ))
    };
    assert!(with(0).is_ok());
    assert_eq!(with(8).unwrap_err().code, Code::StackOutOfBounds);
}

/// A need for a value's shape may be known where the need for the value itself is new.
#[test]
fn a_number_first_needed_to_be_one_and_then_needed_exactly_is_compared() {
    let verified = accepted(
        "
            ldxw r8, [r1+24]
            ldxw r5, [r1+24]
            jgt r5, 29, far
            mov r8, 1
        far:
            mov r2, 16
        first:
            add r8, 0
            add r2, -1
            jne r2, 0, first
            mov r2, 16
        second:
            jgt r8, 14, on
            rsh r2, 35
        on:
            add r2, -1
            jsgt r2, 0, second
            mov r0, 0
            exit
        ",
    );
    let worst = verified.summary().worst_case_instructions;
    assert_eq!(worst, 4 + 16 * 3 + 1 + 16 * 3 + 2);
}
