//! Results of functions in r0, and code that is not reached: both engines agree with the verifier
//! on their meaning.

use crate::support::*;
use jbpf_verifier::types::ContextDef;

/// Assembles `entry` and behind it a function, which `call F` in the entry calls.
fn with_function(entry: &str, function: &str) -> String {
    let before = assemble(entry.split("call F").next().unwrap()).len();
    let entry_slots = assemble(&entry.replace("call F", "mov r0, 0")).len();
    let distance = entry_slots - before - 1;
    let entry = entry.replace("call F", &format!("call +{distance}"));
    format!("{entry}\n{function}")
}

#[track_caller]
fn returns(text: &str, fields: &[u8], expected: u64) {
    let codelet = bind("results", assemble(text), ContextDef::generic(), &[]);
    assert_eq!(run_interpreted(&codelet, &[], fields).0, expected);
    assert_eq!(run_native(&codelet, &[], fields).0, expected);
}

#[test]
fn a_function_that_returns_nothing_may_leave_anything() {
    let fields = |first: u8| {
        let mut fields = [0; 12];
        fields[0] = first;
        fields
    };
    // `put` writes through its argument, and leaves nothing in r0, a number, or a pointer into its
    // stack.
    for (left, from) in [("", ""), ("mov r0, 3", ""), ("mov r0, r10", "mov r0, 5")] {
        let function = format!(
            "
            {from}
            jset r2, 1, +1
            {left}
            {}
            stxdw [r1], r2
            exit
            ",
            if left.is_empty() { "mov r3, 0" } else { "" },
        );
        let entry = "
            ldxdw r2, [r1+16]
            mov r6, r1
            stdw [r10-8], 0
            mov r1, r10
            add r1, -8
            call F
            ldxdw r0, [r10-8]
            exit
        ";
        for first in [4, 5] {
            returns(
                &with_function(entry, &function),
                &fields(first),
                first.into(),
            );
        }
    }
}

#[test]
fn nothing_is_handed_on_from_function_to_function() {
    // r0 is nothing at the end of each function but the last, and r2 to r5 are nothing at its
    // start.
    let entry = "mov r0, 9\ncall F\nmov r0, 7\nexit";
    returns(
        &with_function(entry, "call +1\nexit\nmov r6, 1\nexit"),
        &[0; 12],
        7,
    );
}

#[test]
fn a_result_that_was_never_written_is_not_returned() {
    let text = with_function("mov r0, 9\ncall F\nexit", "mov r6, 1\nexit");
    let rejection = verify("unwritten", assemble(&text), ContextDef::generic(), &[]).unwrap_err();
    assert_eq!(rejection.code.to_string(), "E0014", "{rejection}");
}

/// Twelve iterations leave 0 or 3 in each of three registers. Their sum is never 1. In merged
/// states it may be 1, and the code for that case cannot be proven safe; path by path, no path
/// gets there.
#[test]
fn what_only_merged_paths_reach_is_not_compiled() {
    let entry = "
        mov r6, r1
        mov r9, 0
        mov r7, 0
        mov r8, 0
        mov r5, 0
        ldxw r2, [r6+24]
        mov r3, r2
        and r3, 1
        jne r3, 0, +1
        mov r7, 3
        mov r3, r2
        and r3, 2
        jne r3, 0, +1
        mov r8, 3
        mov r3, r2
        and r3, 4
        jne r3, 0, +1
        mov r5, 3
        add r9, 1
        jlt r9, 12, -15
        add r7, r8
        add r7, r5
        jne r7, 1, +2
        ldxdw r1, [r10-512]
        call F
        mov r0, r7
        exit
    ";
    let mut fields = [0; 12];
    fields[8] = 2;
    returns(&with_function(entry, "mov r0, 7\nexit"), &fields, 6);
}
