//! Loops whose iterations are merged. The merged state must cover every path that came together.
//!
//! Each program runs through a loop with eight ways. On some ways, `way` leaves something else
//! behind than `before` did. The code that may fail afterwards runs for one count only, which
//! neither the shortest nor the longest path has. So states that are explored one by one do not
//! meet it first.

use super::{accepted, rejected, verify};
use jbpf_verifier::VerifiedProgram;
use jbpf_verifier::program::Fact;
use jbpf_verifier::report::Code;

/// r9 is the context, and r6 counts. r0 to r5 are free, and all but r2 and r5 are kept through the
/// loop.
fn program(before: &str, way: &str, after: &str) -> String {
    format!(
        "
            .map m array key 4 value 16 entries 4
            .map in control_input value 8 entries 4
            mov r9, r1
            {before}
            mov r6, 0
            mov r7, 0
            mov r2, 0
        again:
            ldxw r5, [r9+24]
            jset r5, 1, first
            add r6, 1
        first:
            jset r5, 2, second
            add r7, 1
        second:
            jset r5, 4, third
            {way}
        third:
            .repeat 8 add r2, 0
            add r2, 1
            jlt r2, 20, again
            jne r6, 10, out
            {after}
        out:
            mov r0, 0
            exit
        "
    )
}

#[track_caller]
fn merged(before: &str, way: &str, after: &str) {
    let summary = accepted(&program(before, way, after)).summary().clone();
    assert!(summary.merged > 0, "{summary:?}");
    // There are 8^20 ways.
    assert!(summary.processed < 50_000, "{summary:?}");
}

/// A way that is open in only one of the merged iterations. Behind the loop, only the merged state
/// knows the values that this way left.
fn once(way: &str) -> String {
    format!("jne r2, 5, third\n{way}")
}

/// The same, explored in the other order.
fn once_last(way: &str) -> String {
    format!("jne r2, 5, third\njset r5, 8, on\nja third\non:\n{way}")
}

/// Two ways to leave one of two values behind are rejected alike, whichever path comes first.
#[track_caller]
fn rejected_both_ways(code: Code, one: &str, other: &str, after: &str) {
    for (before, way) in [(one, other), (other, one)] {
        for way in [way.to_owned(), once(way), once_last(way)] {
            rejected(code, &program(before, &way, after));
        }
    }
}

#[test]
fn every_path_goes_on() {
    merged("", "", "");
    rejected(Code::NotAPointer, &program("", "", "ldxdw r0, [r6]"));
    rejected(
        Code::NotAPointer,
        &program("", "add r6, 1", "ldxdw r0, [r6]"),
    );
}

#[test]
fn numbers_are_those_of_all_paths() {
    let index = "
        mov r3, r10
        add r3, -8
        add r3, r4
        stxb [r3], r0
    ";
    merged("mov r0, 0\nmov r4, 3", "mov r4, 7", index);
    let (small, large) = ("mov r0, 0\nmov r4, 3", "mov r0, 0\nmov r4, 8");
    rejected_both_ways(Code::StackOutOfBounds, small, large, index);
    let (large, small) = ("mov r0, 0\nlddw r4, 0x100000003", "mov r0, 0\nmov r4, 3");
    rejected_both_ways(Code::StackOutOfBounds, small, large, index);
    // The low half is a part of it as much as the whole is.
    let (low, high) = ("mov r4, -1", "mov32 r4, 8");
    let narrow = format!("mov r0, 0\nmov32 r4, r4\njgt32 r4, 9, out\n{index}");
    rejected_both_ways(Code::StackOutOfBounds, low, high, &narrow);
    rejected_both_ways(
        Code::StackOutOfBounds,
        "lddw r4, 0x100000007",
        "mov r4, 8",
        &narrow,
    );
}

#[test]
fn copies_are_copies_on_all_paths_or_none() {
    let bound_by_copy = "
        jgt r3, 7, out
        mov r0, r10
        add r0, -8
        add r0, r4
        stb [r0], 1
    ";
    let copy = "mov r4, r3";
    // After merging, it is not known to be a copy, and the paths are followed one by one.
    let copied = format!("ldxw r3, [r9+24]\n{copy}");
    let exact = accepted(&program(&copied, "mov r4, 7", bound_by_copy));
    assert_eq!(exact.summary().merged, 0);
    let loaded = "ldxw r3, [r9+24]\nmov r0, 0";
    for (before, way) in [(copy, "mov r4, 9"), ("mov r4, 9", copy)] {
        for way in [way.to_owned(), once(way), once_last(way)] {
            let copied = program(&format!("{loaded}\n{before}"), &way, bound_by_copy);
            rejected(Code::StackOutOfBounds, &copied);
        }
    }
}

#[test]
fn pointers_are_where_any_path_left_them() {
    let at = |offset: i32| format!("mov r4, r10\nadd r4, {offset}");
    let store = "stdw [r4], 1";
    merged(&at(-32), &at(-16), store);
    rejected_both_ways(Code::StackOutOfBounds, &at(-32), &at(-4), store);
    rejected_both_ways(Code::StackDepth, &at(-8), &at(-520), store);
    // A pointer on one path and a number on another is neither.
    for other in ["mov r4, 8", "mov r4, r9"] {
        for (before, way) in [(at(-8).as_str(), other), (other, at(-8).as_str())] {
            assert!(
                verify(&program(before, way, store)).is_err(),
                "{before}, {way}"
            );
        }
    }
}

#[test]
fn bytes_are_written_when_every_path_wrote_them() {
    let load = "ldxdw r0, [r10-16]";
    merged("stdw [r10-16], 1", "stdw [r10-16], 300", load);
    merged("stdw [r10-16], 1", "stb [r10-13], 3", load);
    // The verifier may know much of the stored value, or nothing. Each case is tried.
    let unknown = "ldxdw r0, [r9+16]\nstxw [r10-16], r0\nstxw [r10-12], r0";
    for stored in ["stdw [r10-16], 1", unknown] {
        for way in [stored.to_owned(), once(stored), once_last(stored)] {
            for before in ["", "stw [r10-16], 1"] {
                rejected(Code::UninitialisedStack, &program(before, &way, load));
            }
        }
    }
}

#[test]
fn what_one_path_left_of_a_pointer_is_no_number() {
    let received = "
        lddw r1, map in
        mov r2, r10
        add r2, -16
        mov r3, 8
        call control_input_receive
        ldxdw r0, [r10-16]
        mov r6, r0
        mov r0, r6
        exit
    ";
    merged("", "stdw [r10-16], 1", received);
    // The record may be missing, and the pointer stay.
    for (before, way) in [
        ("", "stxdw [r10-16], r9"),
        ("stxdw [r10-16], r9", "stdw [r10-16], 1"),
        ("stdw [r10-16], 1", "stxdw [r10-16], r9"),
    ] {
        for way in [way.to_owned(), once(way), once_last(way)] {
            assert!(
                verify(&program(before, &way, received)).is_err(),
                "{before}, {way}"
            );
        }
    }
}

/// Leaves a value, or null, at fp-24, and another one at fp-32.
const LOOKUPS: &str = "
    stw [r10-4], 0
    lddw r1, map m
    mov r2, r10
    add r2, -4
    call map_lookup_elem
    stxdw [r10-24], r0
    lddw r1, map m
    mov r2, r10
    add r2, -4
    call map_lookup_elem
    stxdw [r10-32], r0
";

#[test]
fn what_may_be_null_on_one_path_may_be_null() {
    let take = |slot: i32| format!("ldxdw r4, [r10{slot}]\nstxdw [r10-16], r4");
    let checked = format!("{LOOKUPS}\nldxdw r4, [r10-24]\njeq r4, 0, out");
    let one = format!("{checked}\n{}", take(-24));
    let other = format!("{checked}\n{}", take(-32));
    let load = "ldxdw r4, [r10-16]\nldxb r0, [r4]";
    merged(
        &one,
        &take(-32),
        "ldxdw r4, [r10-16]\njeq r4, 0, out\nldxb r0, [r4]",
    );
    rejected(Code::NullDereference, &program(&one, &take(-32), load));
    rejected(Code::NullDereference, &program(&other, &take(-24), load));
}

#[test]
fn a_check_of_what_was_merged_is_none_of_either_object() {
    let take = |slot: i32| format!("ldxdw r4, [r10{slot}]\nstxdw [r10-16], r4");
    for (first, second) in [(-24, -32), (-32, -24)] {
        let before = format!("{LOOKUPS}\n{}", take(first));
        for unchecked in [-24, -32] {
            let after = format!(
                "ldxdw r4, [r10-16]\njeq r4, 0, out\nldxdw r3, [r10{unchecked}]\nldxb r0, [r3]"
            );
            rejected(
                Code::NullDereference,
                &program(&before, &take(second), &after),
            );
        }
    }
}

#[test]
fn of_the_region_is_known_what_every_path_compared() {
    let compare = |size: u32| format!("mov r0, r3\nadd r0, {size}\njgt r0, r4, out");
    let region = "ldxdw r3, [r9]\nldxdw r4, [r9+8]";
    let load = "ldxdw r0, [r3]";
    merged(&format!("{region}\n{}", compare(8)), &compare(16), load);
    rejected(Code::RegionOutOfBounds, &program(region, &compare(8), load));
    rejected(
        Code::RegionOutOfBounds,
        &program(
            &format!("{region}\n{}", compare(8)),
            &compare(16),
            "ldxdw r0, [r3+8]",
        ),
    );
    // Behind a variable as well.
    let variable = format!("{region}\nldxw r1, [r9+24]\nand r1, 0xff\nadd r3, r1");
    rejected(
        Code::RegionOutOfBounds,
        &program(&variable, &compare(8), load),
    );
    let compared = format!("{variable}\n{}", compare(8));
    merged(&compared, &compare(16), load);
    rejected(
        Code::RegionOutOfBounds,
        &program(&compared, &compare(16), "ldxdw r0, [r3+8]"),
    );
}

/// The values that a check behind the loop rests on are compared when another path comes to the
/// loop.
#[test]
fn a_proof_through_merged_iterations_rests_on_what_they_were_made_of() {
    let with = |one: u32, other: u32, kept: &str| {
        program(
            &format!(
                "
                    ldxw r8, [r9+16]
                    mov r4, {one}
                    jgt r8, 99, entered
                    mov r4, {other}
                entered:
                    stxdw [r10-16], r4
                    ja on
                on:
                "
            ),
            kept,
            "
                ldxdw r4, [r10-16]
                mov r3, r10
                add r3, -8
                add r3, r4
                stb [r3], 1
            ",
        )
    };
    for kept in ["", "mov r4, r2", "ldxdw r4, [r10-16]\nstxdw [r10-16], r4"] {
        accepted(&with(3, 7, kept));
        rejected(Code::StackOutOfBounds, &with(3, 8, kept));
        rejected(Code::StackOutOfBounds, &with(8, 3, kept));
    }
}

#[test]
fn the_longest_of_merged_paths_counts() {
    let longest = |way: &str| {
        let verified = accepted(&program("", way, ""));
        verified.summary().worst_case_instructions
    };
    assert_eq!(longest("mov r0, 0\nmov r0, 1"), 4 + 20 * 18 + 3);
    // One iteration may be longer than all others.
    assert_eq!(longest("mov r0, 0"), 4 + 20 * 17 + 3);
}

/// A path that waits for the next iteration has proven nothing of the loops inside this one. Other
/// paths that come to their heads must be followed as well.
#[test]
fn a_loop_inside_is_not_proven_by_paths_that_wait() {
    let nested = |after: &str| {
        format!(
            "
                mov r9, r1
                mov r6, 0
                mov r7, 0
                mov r2, 0
            outer:
                ldxw r5, [r9+24]
                jset r5, 1, first
                add r6, 1
            first:
                jset r5, 2, second
                add r7, 1
            second:
                mov r3, 0
            inner:
                .repeat 10 add r3, 0
                add r3, 1
                jlt r3, 3, inner
                .repeat 8 add r2, 0
                add r2, 1
                jlt r2, 20, outer
                jne r6, 10, out
                {after}
            out:
                mov r0, 0
                exit
            "
        )
    };
    let summary = accepted(&nested("mov r0, r6")).summary().clone();
    assert!(summary.merged > 0, "{summary:?}");
    rejected(Code::NotAPointer, &nested("ldxdw r0, [r6]"));
}

/// The number that the check behind the loop rests on goes through another register in each
/// iteration, past the checkpoints of a loop inside.
#[test]
fn a_proof_rests_on_what_came_through_loops_inside() {
    let with = |one: u32, other: u32| {
        format!(
            "
                mov r9, r1
                ldxw r8, [r9+16]
                mov r4, 0
                mov r6, {one}
                jgt r8, 99, entered
                mov r6, {other}
            entered:
                mov r7, 0
                mov r0, 0
                mov r2, 0
            outer:
                ldxw r5, [r9+24]
                jset r5, 1, first
                add r7, 1
            first:
                jset r5, 2, second
                add r0, 1
            second:
                mov r4, r6
                mov r6, 0
                mov r3, 0
            inner:
                .repeat 10 add r3, 0
                add r3, 1
                jlt r3, 3, inner
                mov r6, r4
                mov r4, 0
                .repeat 8 add r2, 0
                add r2, 1
                jlt r2, 20, outer
                jne r7, 10, out
                mov r3, r10
                add r3, -8
                add r3, r6
                stb [r3], 1
            out:
                mov r0, 0
                exit
            "
        )
    };
    accepted(&with(3, 7));
    rejected(Code::StackOutOfBounds, &with(3, 8));
    rejected(Code::StackOutOfBounds, &with(8, 3));
}

/// Each of three registers is 0 or 3 behind the loop, so that their sum is never 1, and `nowhere`
/// is not reached. Each path by itself knows that. After merging, the sum is anything up to 9.
fn never_one(nowhere: &str) -> VerifiedProgram {
    let verified = accepted(&format!(
        "
            .map m array key 4 value 16 entries 4
            .map in control_input value 8 entries 4
            mov r6, r1
            mov r9, 0
            mov r7, 0
            mov r8, 0
            mov r5, 0
        again:
            ldxw r2, [r6+24]
            jset r2, 1, first
            mov r7, 3
        first:
            jset r2, 2, second
            mov r8, 3
        second:
            jset r2, 4, third
            mov r5, 3
        third:
            add r9, 1
            jlt r9, 12, again
            add r7, r8
            add r7, r5
            jne r7, 1, out
            {nowhere}
        out:
            mov r0, r7
            exit
        f:
            mov r0, 7
            stxdw [r10-256], r0
            exit
        "
    ));
    let summary = verified.summary();
    // No merged path is left.
    assert_eq!(summary.merged, 0, "{summary:?}");
    assert_eq!(
        summary.worst_case_instructions,
        5 + 12 * 9 + 5,
        "{summary:?}"
    );
    verified
}

#[test]
fn findings_of_merged_paths_that_failed_are_taken_back() {
    let wrong = "ldxdw r1, [r10-512]";
    // Calls, branches, and targets of jumps that only such paths take.
    for further in [
        "call f",
        "jgt r1, 5, out\nmov r7, 1",
        "jgt r1, 5, on\non:\nmov r7, 1\nja out",
        "",
    ] {
        let verified = never_one(&format!("{further}\n{wrong}"));
        let reached = verified.facts().iter().enumerate();
        let reached = reached.filter(|(at, fact)| *at > 16 && **fact != Fact::Unreachable);
        let reached: Vec<_> = reached.map(|(at, _)| at).collect();
        let end = verified.facts().len() - 3;
        assert_eq!(reached, [end - 2, end - 1], "{further}");
    }
    // Memory, stacks, helpers and maps.
    let verified = never_one(&format!(
        "
            stxdw [r10-128], r7
            call f
            lddw r1, map in
            mov r2, r10
            add r2, -200
            mov r3, 8
            call control_input_receive
            lddw r1, map m
            call map_clear
            call rand
            {wrong}
        "
    ));
    let summary = verified.summary();
    assert_eq!(
        (
            summary.stack_bytes,
            summary.helpers.len(),
            summary.maps.len()
        ),
        (0, 0, 0),
        "{summary:?}"
    );
    for function in verified.functions() {
        assert_eq!((function.stack_size, function.zero_on_entry.len()), (0, 0));
    }
}

/// One of the merged paths stored a number, and another one stored nothing. Nothing is known to be
/// there then, and no pointer is there. That holds as long as the stored value is a number.
#[test]
fn what_one_of_merged_paths_stored_is_no_pointer_if_it_was_none() {
    let stored = |last: &str| {
        format!(
            "
                .map in control_input value 8 entries 4
                mov r9, r1
                mov r8, 0
                mov r7, 0
                ldxb r1, [r9+24]
                jeq r1, 1, last
                jeq r1, 2, number
                ja start
            number:
                ldxdw r8, [r9+16]
                mov r7, 1
                ja start
            last:
                {last}
                mov r7, 1
            start:
                ; The first way stores nothing, and has the iterations of the others merged from the first on.
                mov r3, 0
                mov r4, 0
                mov r5, 0
            again:
                ldxb r1, [r9+24]
                jeq r7, 0, first
                jne r5, 0, first
                jset r1, 1, first
                stxdw [r10-16], r8
            first:
                jset r1, 2, second
                mov r3, 3
            second:
                jset r1, 4, third
                mov r4, 3
            third:
                add r5, 1
                jlt r5, 4, again
                add r3, r4
                jeq r3, 1, filled
            filled:
                lddw r1, map in
                mov r2, r10
                add r2, -16
                mov r3, 8
                call control_input_receive
                ldxdw r1, [r10-16]
                mov r0, 0
                exit
            "
        )
    };
    let verified = accepted(&stored("ldxdw r8, [r9+16]"));
    assert!(verified.summary().merged > 0);
    rejected(Code::PointerPartial, &stored("mov r8, r9"));
}
