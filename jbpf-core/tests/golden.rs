//! The native engine's code for small programs, kept in `tests/golden/`: Cranelift IR as lowered,
//! and machine code. A change of either shows up as a difference to read;
//! `BLESS=1 cargo test -p jbpf-core --test golden` writes the current code.
//!
//! The machine code is that of x86-64 without optional features, so the test runs there alone.

#![cfg(target_arch = "x86_64")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod support;

use std::path::Path;
use std::sync::Arc;

use jbpf_core::engine::measure::HookStats;
use jbpf_core::engine::native::{list_dispatch, list_dispatch_with};
use jbpf_core::engine::{BoundCodelet, CompileOptions};
use jbpf_hooks::hook::HookKind;
use jbpf_verifier::types::{ContextDef, DataSection, MapDef, MapKind};
use support::*;

/// Compares the listing of a hook that runs `codelets` with the kept one.
fn hold(name: &str, kind: HookKind, codelets: &[Arc<BoundCodelet>], stats: Option<&HookStats>) {
    hold_with(name, kind, codelets, stats, CompileOptions::default());
}

/// The same, compiled as `options` say.
fn hold_with(
    name: &str,
    kind: HookKind,
    codelets: &[Arc<BoundCodelet>],
    stats: Option<&HookStats>,
    options: CompileOptions,
) {
    let listing = list_dispatch_with(kind, codelets, stats, options);
    let listing = listing.unwrap().to_string();
    let lines: Vec<&str> = listing.lines().map(str::trim_end).collect();
    let listing = format!("{}\n", lines.join("\n").trim_end());
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(format!("{name}.txt"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &listing).unwrap();
    }
    let held = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        held == listing,
        "{name} changed; BLESS=1 accepts it. Held:\n{held}\nNow:\n{listing}"
    );
}

/// The same for one program on a control hook. The answer keeps alive all that it computes.
fn hold_program(name: &str, context: ContextDef, maps: &[MapDef], text: &str) {
    let codelet = bind(name, assemble(text), context, maps);
    hold(name, HookKind::Control, &[codelet], None);
}

/// Adds 1 to the value of map 0 that r0 points at, if it does.
const INCREMENT_FOUND: &str = "
    jeq r0, 0, +3
    ldxdw r1, [r0]
    add r1, 1
    stxdw [r0], r1
    mov r0, 0
    exit";

/// Looks the number 3 up in map 0 and adds 1 to its value.
fn increment() -> String {
    format!(
        "stw [r10-4], 3
        mov r2, r10
        add r2, -4
        lddw r1, map 0
        call 1
        {INCREMENT_FOUND}"
    )
}

#[test]
fn an_empty_codelet_is_a_return() {
    hold_program("empty", ContextDef::generic(), &[], "mov r0, 0\nexit");
}

#[test]
fn fields_of_the_region_are_plain_loads_behind_one_comparison() {
    hold_program(
        "region_fields",
        ContextDef::generic(),
        &[map("sum", MapKind::Array, 8, 1)],
        "ldxdw r2, [r1]
        ldxdw r3, [r1+8]
        mov r4, r2
        add r4, 16
        jgt r4, r3, +15
        ldxb r6, [r2]
        ldxh r5, [r2+2]
        add r6, r5
        ldxw r5, [r2+4]
        add r6, r5
        ldxdw r5, [r2+8]
        add r6, r5
        stw [r10-4], 0
        mov r2, r10
        add r2, -4
        lddw r1, map 0
        call 1
        jeq r0, 0, +1
        stxdw [r0], r6
        mov r0, 0
        exit",
    );
}

#[test]
fn a_codelet_that_can_leave_says_so_in_a_second_number() {
    // The entry and one of its functions abort; the other function cannot, and returns one number.
    hold_program(
        "aborts",
        ContextDef::generic(),
        &[],
        "ldxw r6, [r1+24]
        jne r6, 0, +2
        mov r1, 1
        call 31
        mov r1, r6
        call +4
        mov r1, r0
        call +7
        add r0, r6
        exit
        mov r0, r1
        jlt r1, 10, +2
        mov r1, 2
        call 31
        exit
        mov r0, r1
        mul r0, 3
        exit",
    );
}

#[test]
fn a_guarded_access_is_a_comparison_and_one_of_a_known_place_is_none() {
    // The context, the own frame and a constant address are known; the region and a value are not.
    let counters = map("counters", MapKind::Array, 8, 8);
    let text = format!(
        "ldxdw r6, [r1]
        ldxdw r3, [r1+8]
        mov r2, r6
        add r2, 8
        jgt r2, r3, +12
        ldxdw r7, [r6]
        ldxw r4, [r1+24]
        stxw [r10-4], r4
        mov r2, r10
        add r2, -4
        lddw r1, map 0
        call 1
        {INCREMENT_FOUND}"
    );
    let codelet = bind(
        "guarded",
        assemble(&text),
        ContextDef::generic(),
        &[counters],
    );
    let options = CompileOptions {
        guard_accesses: true,
        ..CompileOptions::default()
    };
    hold_with("guarded", HookKind::Monitoring, &[codelet], None, options);
}

#[test]
fn an_array_entry_of_a_constant_index_is_an_address() {
    // No key on the stack, no comparison, no null check.
    hold_program(
        "array_constant_index",
        ContextDef::generic(),
        &[map("counters", MapKind::Array, 8, 8)],
        &increment(),
    );
}

#[test]
fn an_array_entry_of_a_variable_index_is_one_comparison() {
    hold_program(
        "array_variable_index",
        ContextDef::generic(),
        &[map("counters", MapKind::Array, 24, 100)],
        &format!(
            "ldxw r3, [r1+24]
            stxw [r10-4], r3
            mov r2, r10
            add r2, -4
            lddw r1, map 0
            call 1
            {INCREMENT_FOUND}"
        ),
    );
}

#[test]
fn a_reset_of_a_small_value_is_stores() {
    hold_program(
        "array_reset",
        ContextDef::generic(),
        &[map("counters", MapKind::Array, 16, 100)],
        &format!(
            "ldxw r3, [r1+24]
            stxw [r10-4], r3
            mov r2, r10
            add r2, -4
            lddw r1, map 0
            call 2
            {INCREMENT_FOUND}"
        ),
    );
}

#[test]
fn a_per_thread_array_is_found_through_the_threads_slot() {
    hold_program(
        "per_thread_array",
        ContextDef::generic(),
        &[map("counters", MapKind::PerThreadArray, 8, 8)],
        &increment(),
    );
}

#[test]
fn a_hash_lookup_is_a_direct_call() {
    hold_program(
        "hash_lookup",
        ContextDef::generic(),
        &[map("counters", MapKind::Hash, 8, 64)],
        &increment(),
    );
}

/// A data section of 12 bytes.
fn section(read_only: bool) -> MapDef {
    MapDef {
        parameters: Default::default(),
        section: Some(DataSection {
            contents: Arc::from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
            read_only,
        }),
        ..map(".data", MapKind::Array, 12, 1)
    }
}

#[test]
fn data_sections_are_constant_addresses() {
    hold_program(
        "data_section",
        ContextDef::generic(),
        &[section(false)],
        "lddw r1, section 0 + 8
        ldxw r2, [r1]
        add r2, 1
        stxw [r1], r2
        mov r0, 0
        exit",
    );
}

/// Eleven accesses of eleven instructions. A thread that is alone would need none of them: loads
/// of the same word twice, in parts, and as it was stored; stores of a loaded value; and two
/// stores of which the second overwrites the first.
const SHARED: &str = "
    lddw r1, section 0 + 0
    ldxdw r2, [r1]
    ldxdw r3, [r1]
    ldxw r4, [r1]
    stxdw [r1], r3
    stxdw [r1], r3
    stw [r1+8], 1
    stw [r1+8], 0
    ldxw r5, [r1+8]
    stxw [r1+8], r5
    ldxdw r0, [r1]
    sub r0, r2
    sub r0, r3
    add r0, r4
    add r0, r5
    jeq r0, 0, +1
    ldxw r0, [r1+8]
    exit";

/// Instructions of the machine that move something to or from memory, for a program without a
/// frame.
fn accesses(maps: &[MapDef], text: &str) -> usize {
    let codelet = bind("accesses", assemble(text), ContextDef::generic(), maps);
    let listing = list_dispatch(HookKind::Control, &[codelet], None).unwrap();
    let listing = listing.to_string();
    let lines = listing.lines().map(str::trim_start);
    lines
        .filter(|line| line.starts_with("mov") && line.contains("(%"))
        .count()
}

#[test]
fn accesses_to_memory_that_threads_share_are_all_made() {
    let maps = [section(false)];
    hold_program("shared_value", ContextDef::generic(), &maps, SHARED);
    assert_eq!(accesses(&maps, SHARED), 11);
}

#[test]
fn loads_of_constants_are_merged() {
    let loads: Vec<&str> = SHARED.lines().filter(|line| !line.contains("st")).collect();
    let (maps, loads) = ([section(true)], loads.join("\n"));
    hold_program("constant_value", ContextDef::generic(), &maps, &loads);
    assert_eq!(accesses(&maps, &loads), 3);
}

#[test]
fn dead_branches_leave_no_code() {
    // r2 is known: one branch always jumps, one never does, and the code between them is left out.
    hold_program(
        "dead_branches",
        ContextDef::generic(),
        &[],
        "ldxw r2, [r1+24]
        and r2, 7
        jgt r2, 7, +3
        jle r2, 7, +1
        mul r2, 1000
        jne r2, 9, +1
        mul r2, 2000
        mov r0, r2
        exit",
    );
}

#[test]
fn division_checks_what_the_processor_traps_on() {
    hold_program(
        "division",
        ContextDef::memory(16),
        &[],
        "ldxdw r0, [r1]
        ldxdw r2, [r1+8]
        div r0, r2
        sdiv r0, r2
        mod32 r0, r2
        div r0, 10
        exit",
    );
}

#[test]
fn loops_keep_their_registers() {
    hold_program(
        "loop",
        ContextDef::memory(64),
        &[],
        "mov r0, 0
        mov r2, 0
        mov r3, r1
        add r3, r2
        ldxb r4, [r3]
        add r0, r4
        add r2, 1
        jlt r2, 64, -6
        exit",
    );
}

#[test]
fn functions_have_frames_of_their_own() {
    hold_program(
        "functions",
        ContextDef::memory(16),
        &[],
        "ldxdw r6, [r1]
        stxdw [r10-8], r6
        mov r1, r10
        add r1, -8
        call +2
        add r0, r6
        exit
        ldxdw r0, [r1]
        stxdw [r10-16], r0
        ldxdw r2, [r10-16]
        add r0, r2
        exit",
    );
}

#[test]
fn atomic_operations_are_the_processors() {
    hold_program(
        "atomics",
        ContextDef::memory(16),
        &[],
        "mov r0, 1
        mov r2, 2
        atomic_add_dw [r1], r2
        atomic_fetch_add_dw [r1], r2
        atomic_fetch_or_w [r1+8], r2
        atomic_xchg_dw [r1], r2
        atomic_cmpxchg_w [r1+8], r2
        add r0, r2
        exit",
    );
}

#[test]
fn a_helpers_output_on_the_stack_is_zeroed_first() {
    hold_program(
        "zero_on_entry",
        ContextDef::generic(),
        &[map("acks", MapKind::ControlInput, 12, 8)],
        "lddw r1, map 0
        mov r2, r10
        add r2, -16
        mov r3, 12
        call 16
        ldxw r0, [r10-16]
        exit",
    );
}

#[test]
fn an_empty_input_is_seen_without_a_call() {
    hold_program(
        "receive",
        ContextDef::generic(),
        &[map("acks", MapKind::ControlInput, 8, 8)],
        "stdw [r10-8], 0
        lddw r1, map 0
        mov r2, r10
        add r2, -8
        mov r3, 8
        call 16
        exit",
    );
}

#[test]
fn an_output_buffer_is_reserved_without_a_call() {
    hold_program(
        "reserve",
        ContextDef::generic(),
        &[map("out", MapKind::Output, 8, 8)],
        "lddw r1, map 0
        call 17
        jeq r0, 0, +4
        stdw [r0], 7
        lddw r1, map 0
        call 18
        mov r0, 0
        exit",
    );
}

#[test]
fn a_record_is_sent_without_a_call_and_never_was_on_the_stack() {
    hold_program(
        "send",
        ContextDef::generic(),
        &[map("out", MapKind::RingBuf, 24, 8)],
        "ldxw r2, [r1+24]
        stxdw [r10-16], r2
        stdw [r10-8], 7
        lddw r1, map 0
        mov r2, r10
        add r2, -16
        mov r3, 16
        call 12
        exit",
    );
}

#[test]
fn the_time_between_two_ticks_is_a_multiplication() {
    hold_program(
        "ticks_between",
        ContextDef::memory(16),
        &[],
        "ldxdw r2, [r1+8]
        ldxdw r1, [r1]
        call 9
        exit",
    );
}

#[test]
fn codelets_of_a_hook_are_one_function() {
    let codelets: Vec<_> = ["first", "second"]
        .map(|name| {
            let counters = map(name, MapKind::Array, 8, 8);
            bind(
                name,
                assemble(&increment()),
                ContextDef::generic(),
                &[counters],
            )
        })
        .into();
    hold("two_codelets", HookKind::Monitoring, &codelets, None);
    let stats = HookStats::new(codelets.len());
    hold(
        "two_codelets_measured",
        HookKind::Monitoring,
        &codelets,
        Some(&stats),
    );
}

#[test]
fn large_codelets_are_called() {
    let mut text = "mov r0, 0\n".to_owned();
    for _ in 0..jbpf_core::engine::native::INLINE_INSTRUCTIONS {
        text.push_str("add r0, 1\n");
    }
    text.push_str("exit");
    let codelet = bind("large", assemble(&text), ContextDef::generic(), &[]);
    hold("large_codelet", HookKind::Monitoring, &[codelet], None);
}

/// The most jumps to one block of a codelet's code, as lowered.
fn most_jumps(codelet: &Arc<BoundCodelet>, options: CompileOptions) -> usize {
    let codelets = std::slice::from_ref(codelet);
    let listing = list_dispatch_with(HookKind::Control, codelets, None, options).unwrap();
    let of_function = |ir: &str| {
        let mut jumps = std::collections::BTreeMap::new();
        let lines = ir.lines().map(str::trim);
        for line in lines.filter(|line| line.starts_with("jump ") || line.starts_with("brif ")) {
            for target in line.split("block").skip(1) {
                let digits = target.split(|c: char| !c.is_ascii_digit()).next().unwrap();
                *jumps.entry(digits.to_owned()).or_insert(0) += 1;
            }
        }
        jumps.into_values().max().unwrap_or(0)
    };
    let functions = listing.functions.iter();
    functions
        .map(|listed| of_function(&listed.ir))
        .max()
        .unwrap()
}

/// The compiler's time grows with the square of the aborts that one block counts.
#[test]
fn a_block_counts_few_aborts_however_many_there_are() {
    // Each guarded load may abort. The program is small enough to be listed with the dispatch.
    let loads = "ldxb r0, [r1+3]\n".repeat(120) + "exit";
    let loads = bind("loads", assemble(&loads), ContextDef::memory(8), &[]);
    let guarded = CompileOptions {
        guard_accesses: true,
        ..CompileOptions::default()
    };
    assert_eq!(most_jumps(&loads, guarded), 64);

    // Each of 200 aborts leaves, and none leaves a call that it is not reached by.
    let mut leaving = String::from("mov r6, r1\n");
    for byte in 0..200 {
        leaving.push_str(&format!(
            "ldxb r7, [r6]\njne r7, {byte}, +2\nmov r1, 2\ncall 31\n"
        ));
    }
    leaving.push_str("mov r0, 7\nexit");
    let leaving = bind("leaving", assemble(&leaving), ContextDef::memory(8), &[]);
    for byte in [0, 63, 64, 199, 200] {
        let region = [byte, 0, 0, 0, 0, 0, 0, 0];
        let (r0, ..) = run_native(&leaving, &region, &[]);
        assert_eq!(r0, if byte < 200 { 0 } else { 7 }, "{byte}");
    }
}
