//! The promises of the engines beyond results: dispatch in order, measuring, memory that is never
//! writable and executable, code that goes when it is dropped, refusals that name the culprit.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    unsafe_code,
    missing_docs
)]

#[path = "../support/mod.rs"]
mod support;

mod aborts;
mod addresses;
mod comparisons;
mod compiling;
mod facts;
mod results;
mod sharing;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jbpf_core::builtins;
use jbpf_core::clock;
use jbpf_core::declared;
use jbpf_core::engine::measure::HookStats;
use jbpf_core::engine::native::list_dispatch;
use jbpf_core::engine::{
    BindError, BoundCodelet, CodeletEnvironment, CompiledHook, Engine, Input, InputError,
    interpreter,
};
use jbpf_core::map::{Map, MapOptions};
use jbpf_hooks::context::{ContextLayout, JbpfContext, RegionLayout};
use jbpf_hooks::hook::{Hook, HookInfo, HookKind};
use jbpf_hooks::reclaim;
use jbpf_verifier::types::{ContextDef, HelperTable, MapDef, MapKind};
use support::*;

const ENGINES: [Engine; 2] = [Engine::Native, Engine::Interpreter];

/// A codelet that writes `10 * old + digit` to the first word of its memory, and returns it.
fn append(digit: u8) -> Arc<BoundCodelet> {
    let text = format!("ldxdw r0, [r1]\nmul r0, 10\nadd r0, {digit}\nstxdw [r1], r0\nexit");
    bind(
        &format!("append_{digit}"),
        assemble(&text),
        ContextDef::memory(8),
        &[],
    )
}

/// The same, too large to be inlined.
fn append_at_length(digit: u8) -> Arc<BoundCodelet> {
    let mut text = "ldxdw r0, [r1]\nmul r0, 10\n".to_owned();
    text.push_str(&"add r0, 1\nsub r0, 1\n".repeat(200));
    text.push_str(&format!("add r0, {digit}\nstxdw [r1], r0\nexit"));
    bind(
        &format!("append_{digit}"),
        assemble(&text),
        ContextDef::memory(8),
        &[],
    )
}

fn first_word(effects: &Effects) -> u64 {
    u64::from_ne_bytes(effects.1[..8].try_into().unwrap())
}

#[test]
fn codelets_run_in_the_order_given() {
    let codelets = [
        append(1),
        append_at_length(2),
        append(3),
        append_at_length(4),
    ];
    for engine in ENGINES {
        let hook = engine
            .compile(HookKind::Monitoring, &codelets, None)
            .unwrap();
        let effects = call(&hook, &[0; 8], &[]);
        assert_eq!(first_word(&effects), 1234, "{engine:?}");
        assert_eq!(effects.0, 0, "monitoring hooks answer nothing");
    }
}

#[test]
fn control_hooks_answer_what_their_codelet_returns() {
    for engine in ENGINES {
        for codelet in [append(7), append_at_length(7)] {
            let hook = engine.compile(HookKind::Control, &[codelet], None).unwrap();
            let (answer, ..) = call(&hook, &5_u64.to_ne_bytes(), &[]);
            assert_eq!(answer, 57, "{engine:?}");
        }
    }
}

#[test]
fn a_hook_without_codelets_does_nothing() {
    for engine in ENGINES {
        let hook = engine.compile(HookKind::Monitoring, &[], None).unwrap();
        assert_eq!(call(&hook, &[], &[]).0, 0, "{engine:?}");
    }
}

#[test]
fn codelets_beyond_the_inlining_limit_of_a_hook_still_run() {
    // Each is small; together they are more than one dispatch function takes.
    let counters = map("counters", MapKind::Array, 8, 1);
    let map = Arc::new(Map::new(&counters, &MapOptions::default()).unwrap());
    let mut text =
        "stw [r10-4], 0\nmov r2, r10\nadd r2, -4\nlddw r1, map 0\ncall 1\njeq r0, 0, +3\n\
        ldxdw r1, [r0]\nadd r1, 1\nstxdw [r0], r1\n"
            .to_owned();
    text.push_str(&"mov r3, 1\n".repeat(60));
    text.push_str("mov r0, 0\nexit");
    let codelets: Vec<_> = (0..16)
        .map(|index| {
            let maps = [Arc::clone(&map)];
            bind_to(
                &format!("count_{index}"),
                assemble(&text),
                ContextDef::generic(),
                &maps,
            )
        })
        .collect();
    let hook = Engine::Native
        .compile(HookKind::Monitoring, &codelets, None)
        .unwrap();
    for _ in 0..5 {
        call(&hook, &[], &[]);
    }
    let read = bind_to(
        "read",
        assemble(
            "stw [r10-4], 0\nmov r2, r10\nadd r2, -4\nlddw r1, map 0\ncall 1\njne r0, 0, +1\nexit\n\
            ldxdw r0, [r0]\nexit",
        ),
        ContextDef::generic(),
        &[map],
    );
    assert_eq!(run_interpreted(&read, &[], &[]).0, 16 * 5);
}

#[test]
fn measuring_counts_each_codelet_and_the_hook() {
    let codelets = [append(1), append_at_length(2)];
    for engine in ENGINES {
        let stats = Arc::new(HookStats::new(codelets.len()));
        let hook = engine
            .compile(HookKind::Monitoring, &codelets, Some(Arc::clone(&stats)))
            .unwrap();
        for _ in 0..50 {
            assert_eq!(first_word(&call(&hook, &[0; 8], &[])), 12, "{engine:?}");
        }
        let whole = stats.hook().totals();
        assert_eq!(whole.calls, 50, "{engine:?}");
        assert!(whole.times.samples > 0 && whole.times.min_ns <= whole.times.max_ns);
        assert!((1..=50).contains(&whole.times.histogram.iter().sum::<u64>()));
        for codelet in stats.codelets() {
            let codelet = codelet.totals();
            assert_eq!(codelet.calls, 50);
            assert_eq!(codelet.times.samples, whole.times.samples);
            assert!(codelet.times.total_ns <= whole.times.total_ns);
        }
    }
}

#[test]
fn fields_are_seen_and_writable_ones_come_back() {
    // meta_data at 16 is writable, ctx_id at 24 is not.
    let text = "ldxw r0, [r1+24]\nldxdw r2, [r1+16]\nadd r2, r0\nstxdw [r1+16], r2\nexit";
    let codelet = bind("fields", assemble(text), ContextDef::generic(), &[]);
    let mut fields = [0; 16];
    fields[..8].copy_from_slice(&100_u64.to_ne_bytes());
    fields[8..12].copy_from_slice(&23_u32.to_ne_bytes());
    for effects in [
        run_native(&codelet, &[], &fields),
        run_interpreted(&codelet, &[], &fields),
    ] {
        assert_eq!(effects.0, 23);
        assert_eq!(effects.2[..8], 123_u64.to_ne_bytes());
    }
}

#[test]
fn calls_nest_eight_frames_deep_with_stacks_of_their_own() {
    // Each function keeps its depth on its stack, calls the next and adds both up.
    let mut text = String::new();
    for depth in 0..8 {
        text.push_str(&format!("stdw [r10-512], {depth}\n"));
        if depth < 7 {
            // Five instructions follow the call.
            text.push_str("call +4\n");
        } else {
            text.push_str("mov r0, 1000\n");
        }
        text.push_str("ldxdw r1, [r10-512]\nadd r0, r1\nexit\n");
    }
    let text = text.replace("call +4", "call +3");
    let codelet = bind("deep", assemble(&text), ContextDef::memory(0), &[]);
    let expected = 1000 + (0..8).sum::<u64>();
    assert_eq!(run_native(&codelet, &[], &[]).0, expected);
    assert_eq!(run_interpreted(&codelet, &[], &[]).0, expected);
}

// Binding.

#[test]
fn the_time_between_two_ticks_is_the_clocks_whatever_they_are() {
    let codelet = bind(
        "between",
        assemble("ldxdw r2, [r1+8]\nldxdw r1, [r1]\ncall 9\nexit"),
        ContextDef::memory(16),
        &[],
    );
    let extremes = [
        0,
        1,
        2,
        1 << 31,
        1 << 32,
        u64::MAX / 2,
        u64::MAX - 1,
        u64::MAX,
    ];
    for start in extremes {
        for end in extremes {
            let ticks: [u64; 2] = [start, end];
            let ticks: Vec<u8> = ticks.iter().flat_map(|tick| tick.to_ne_bytes()).collect();
            // Each codelet that another test binds measures the scale anew.
            let of_one_scale = || {
                let scale = clock::scale().load(Ordering::Relaxed);
                let expected = clock::ticks_to_ns(end.saturating_sub(start));
                let native = run_native(&codelet, &ticks, &[]).0;
                let interpreted = run_interpreted(&codelet, &ticks, &[]).0;
                let is_one = clock::scale().load(Ordering::Relaxed) == scale;
                is_one.then_some((expected, native, interpreted))
            };
            let results = std::iter::repeat_with(of_one_scale).flatten().next();
            let (expected, native, interpreted) = results.unwrap();
            assert_eq!((native, interpreted), (expected, expected));
        }
    }
}

#[test]
fn ticks_of_both_engines_are_those_of_one_clock() {
    // Values that are live across both reads of the counter do not change.
    let text = "
        mov r6, r1
        ldxdw r7, [r6]
        mov r1, 1
        call 8
        mov r8, r0
        mov r1, 0
        call 8
        sub r8, r0
        stxdw [r6+8], r8
        stxdw [r6], r0
        mov r0, r7
        exit";
    let codelet = bind("tick", assemble(text), ContextDef::memory(16), &[]);
    let mut last = clock::ticks();
    for run in [run_native, run_interpreted, run_native] {
        let mut memory = [0; 16];
        memory[0] = 77;
        let (kept, words, _) = run(&codelet, &memory, &[]);
        let word = |at: usize| u64::from_ne_bytes(words[at..at + 8].try_into().unwrap());
        let (second, first) = (word(0), word(0).wrapping_add(word(8)));
        assert_eq!(kept, 77);
        assert!(last <= first && first <= second && second <= clock::ticks());
        last = second;
    }
}

#[test]
fn a_frame_is_kept_for_earlier_code_that_reads_through_an_address_made_later() {
    // The code that reads and writes the frame stands before the code that makes its address, and
    // is reached by a jump back: if the engine took the frame for unread, as it seems in the order
    // of the code, the read would go to the host's own stack.
    let text = "
        stdw [r10-8], 0x1234
        stdw [r10-16], 0
        ja +6
        ldxdw r0, [r6-8]
        add r0, 1
        stxdw [r6+0], r0
        ldxdw r0, [r6+0]
        exit
        mov r0, 0
        mov r6, r10
        add r6, -8
        stdw [r6-8], 0x77
        ja -10
    ";
    let codelet = bind("backwards", assemble(text), ContextDef::memory(8), &[]);
    assert_eq!(run_interpreted(&codelet, &[0; 8], &[]).0, 0x78);
    assert_eq!(run_native(&codelet, &[0; 8], &[]).0, 0x78);
}

#[test]
fn functions_know_of_no_others_than_they_call() {
    // Thousands of functions would take minutes to compile if each imported all others.
    const COUNT: i64 = 30;
    let calls: String = (0..COUNT)
        .map(|at| format!("call +{}\n", COUNT + at))
        .collect();
    let text = format!("{calls}exit\n{}", "mov r0, 1\nexit\n".repeat(30));
    let codelet = bind("many", assemble(&text), ContextDef::memory(8), &[]);
    let listing = list_dispatch(HookKind::Control, &[codelet], None).unwrap();
    let (dispatch, functions) = listing.functions.split_last().unwrap();
    assert_eq!(functions.len(), 30);
    assert!(dispatch.ir.contains("fn29 = "));
    for function in functions {
        assert!(!function.ir.contains("fn0 = "), "{}", function.ir);
    }
}

#[test]
fn a_codelet_that_calls_helpers_in_a_thousand_places_does_what_it_says() {
    // So many calls are not inlined.
    let lookup_and_add = "
        lddw r1, map 0
        mov r2, r10
        add r2, -8
        call 1
        jeq r0, 0, +2
        mov r1, 1
        atomic_add_dw [r0], r1
    ";
    let text = format!(
        "stdw [r10-8], 1\n{}lddw r1, map 0\nmov r2, r10\nadd r2, -8\ncall 1\njeq r0, 0, +1\nldxdw r0, [r0]\nexit",
        lookup_and_add.repeat(1000)
    );
    let maps = [map("counters", MapKind::Array, 8, 2)];
    for run in [run_native, run_interpreted] {
        let codelet = bind("thousand", assemble(&text), ContextDef::memory(8), &maps);
        assert_eq!(run(&codelet, &[0; 8], &[]).0, 1000);
    }
}

#[test]
fn a_map_of_another_shape_is_refused() {
    let wanted = map("counters", MapKind::Array, 8, 4);
    let text = "lddw r1, map 0\nmov r0, 0\nexit";
    let verify_it = || {
        let maps = std::slice::from_ref(&wanted);
        verify("codelet", assemble(text), ContextDef::generic(), maps).unwrap()
    };
    let environment = || {
        Arc::new(CodeletEnvironment {
            name: "codelet".to_owned(),
            runtime_threshold_ns: 0,
        })
    };
    let helpers = || Arc::new(builtins::bindings(Arc::new(HelperTable::builtin()), []).unwrap());
    let make = |def: &MapDef| Arc::new(Map::new(def, &MapOptions::default()).unwrap());

    for other in [
        map("counters", MapKind::Array, 8, 5),
        map("counters", MapKind::Array, 16, 4),
        map("counters", MapKind::PerThreadArray, 8, 4),
    ] {
        let bound = BoundCodelet::bind(verify_it(), vec![make(&other)], helpers(), environment());
        assert!(
            matches!(bound, Err(BindError::MapDefinition { .. })),
            "{other:?}"
        );
    }
    let bound = BoundCodelet::bind(verify_it(), Vec::new(), helpers(), environment());
    assert_eq!(
        bound.unwrap_err().to_string(),
        "codelet `codelet` refers to 1 maps, but was given 0"
    );
    // A linked map is named otherwise.
    let renamed = map("theirs", MapKind::Array, 8, 4);
    BoundCodelet::bind(verify_it(), vec![make(&renamed)], helpers(), environment()).unwrap();

    let fewer =
        HelperTable::new(HelperTable::builtin().iter().filter(|p| p.id != 7).cloned()).unwrap();
    let fewer = Arc::new(builtins::bindings(Arc::new(fewer), []).unwrap());
    let bound = BoundCodelet::bind(verify_it(), vec![make(&wanted)], fewer, environment());
    assert!(matches!(bound, Err(BindError::HelperTable { .. })));
}

#[test]
fn inputs_that_do_not_fit_the_context_are_refused() {
    let codelet = append(1);
    let mut short = Memory::new(&[0; 4]);
    let error = interpreter::run(
        &codelet,
        &mut Input {
            fields: &mut [],
            region: short.bytes_mut(),
        },
        &mut (),
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "context `memory` has a region of 8 bytes, but 4 were given"
    );
    let mut words = Memory::new(&[0; 16]);
    let error = native(&codelet)
        .call(&mut Input {
            fields: &mut [],
            region: &mut words.bytes_mut()[1..9],
        })
        .unwrap_err();
    assert!(matches!(
        error,
        InputError::RegionAlignment { align: 8, .. }
    ));
}

/// Programs that safe code can make up, and the checks that stop them. Without the checks, each of
/// them read or wrote memory outside of every object.
mod without_unsafe_code {
    #![forbid(unsafe_code)]

    use super::*;
    use jbpf_verifier::types::{ArgKind, EntryKind, HelperProto, ReturnKind};

    fn call(context: ContextDef, text: &str) -> Result<u64, InputError> {
        let codelet = bind("made_up", assemble(text), context, &[]);
        let mut region = Memory::new(&[0; 16]);
        let mut input = Input {
            fields: &mut [],
            region: region.bytes_mut(),
        };
        native(&codelet).call(&mut input)
    }

    /// Rounded up to whole words in 32 bits, its size was 0.
    #[test]
    fn a_context_of_all_the_bytes_there_are_is_refused() {
        let largest = ContextDef {
            readable: u32::MAX,
            ..ContextDef::generic()
        };
        let reads_far_away = "mov r2, r1\nadd r2, 1073741824\nldxdw r0, [r2]\nexit";
        assert_eq!(
            call(largest, reads_far_away).unwrap_err().to_string(),
            "context `jbpf_generic_ctx` has 4294967295 bytes, and at most 1048576 are made outside of hooks"
        );
    }

    #[test]
    fn an_alignment_that_is_no_power_of_two_is_refused() {
        let mut odd = ContextDef::memory(16);
        for align in [0, 3, 9, 24] {
            odd.region.align = align;
            assert!(
                matches!(
                    call(odd.clone(), "mov r0, 0\nexit"),
                    Err(InputError::RegionAlignment { .. })
                ),
                "{align}"
            );
        }
        assert_eq!(odd.entry, EntryKind::Memory);
    }

    /// The engines call a helper, or do its work themselves, by its number. The table says which
    /// arguments it takes.
    #[test]
    fn a_table_that_says_something_else_of_a_built_in_helper_is_bound_to_nothing() {
        for proto in HelperTable::builtin().iter() {
            let mut args = proto.clone();
            args.args.truncate(4);
            args.args.push(ArgKind::Ignored);
            let mut returns = proto.clone();
            returns.returns = ReturnKind::Number { min: 7, max: 7 };
            let mut work = proto.clone();
            work.work.push(jbpf_verifier::types::Work::Bytes(8));
            for changed in [args, returns, work] {
                let table = Arc::new(HelperTable::new([changed]).unwrap());
                let error = builtins::bindings(table, []).unwrap_err();
                let name = proto.name.clone();
                assert_eq!(error, builtins::BindError::Prototype { id: proto.id, name });
            }
            let renamed = HelperProto {
                name: "another".to_owned(),
                ..proto.clone()
            };
            builtins::bindings(Arc::new(HelperTable::new([renamed]).unwrap()), []).unwrap();
        }
    }
}

// The interpreter as an observer sees it.

#[test]
fn the_interpreter_counts_and_shows_each_instruction() {
    let codelet = append(1);
    let mut memory = Memory::new(&[0; 8]);
    let mut steps = Vec::new();
    let outcome = interpreter::run(
        &codelet,
        &mut Input {
            fields: &mut [],
            region: memory.bytes_mut(),
        },
        &mut |step: interpreter::Step<'_>| {
            steps.push((
                step.insn,
                step.depth,
                step.registers[0],
                step.initialised & 1,
            ));
        },
    )
    .unwrap();
    assert_eq!(outcome.instructions, 5);
    assert_eq!(
        steps,
        [
            (0, 0, 0, 0),
            (1, 0, 0, 1),
            (2, 0, 0, 1),
            (3, 0, 1, 1),
            (4, 0, 1, 1)
        ]
    );
}

// Code memory.

/// The permissions of the mapping at an address, if there is one.
#[cfg(target_os = "linux")]
fn permissions(address: usize) -> Option<String> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().find_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let start = usize::from_str_radix(start, 16).ok()?;
        let end = usize::from_str_radix(end, 16).ok()?;
        (start..end)
            .contains(&address)
            .then(|| rest[..4].to_owned())
    })
}

#[cfg(target_os = "linux")]
#[test]
fn code_is_executable_and_not_writable() {
    let hook = native(&append(1));
    let address = hook.dispatch() as usize;
    assert_eq!(permissions(address).as_deref(), Some("r-xp"));
    drop(hook);
}

/// Elsewhere, each call would cost processors some cycles more.
#[test]
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn code_lies_near_the_program() {
    let program = code_lies_near_the_program as *const () as usize;
    let hooks: Vec<_> = (0..20).map(|digit| native(&append(digit % 10))).collect();
    let near = hooks
        .iter()
        .filter(|hook| (hook.dispatch() as usize).abs_diff(program) < 2 << 30)
        .count();
    // Other tests of this process may hold a place that is tried.
    assert!(near > 10, "{near} of 20");
    let offsets: std::collections::HashSet<_> = hooks
        .iter()
        .map(|hook| hook.dispatch() as usize % 4096)
        .collect();
    assert!(offsets.len() > 5, "{offsets:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn dropped_code_is_unmapped() {
    // Other tests map memory meanwhile, perhaps at the same place: code of this many hooks at once
    // does not come back all at its old places.
    let codelet = append_at_length(1);
    let hooks: Vec<CompiledHook> = (0..200).map(|_| native(&codelet)).collect();
    let addresses: Vec<usize> = hooks.iter().map(|hook| hook.dispatch() as usize).collect();
    let executable = |addresses: &[usize]| {
        addresses
            .iter()
            .filter(|address| permissions(**address).as_deref() == Some("r-xp"))
            .count()
    };
    assert_eq!(executable(&addresses), 200);
    drop(hooks);
    let left = executable(&addresses);
    assert!(left < 50, "{left} of 200 pages are still there");
}

// Attached to a hook.

#[repr(C)]
struct TestContext {
    data: *const u8,
    data_end: *const u8,
    meta_data: u64,
    number: u64,
}

// SAFETY: the layout is that of the struct: `repr(C)`, the number at 24.
unsafe impl JbpfContext for TestContext {
    const CONTEXT: ContextLayout = ContextLayout {
        name: "TestContext",
        readable: 32,
        size: 32,
        region: RegionLayout::None,
        fields: &[jbpf_hooks::context::ContextField {
            name: "number",
            offset: 24,
            scalar: jbpf_hooks::layout::Scalar::U64,
            writable: true,
        }],
    };
}

static LAYOUT: ContextLayout = TestContext::CONTEXT;

const fn test_hook(kind: HookKind) -> Hook {
    Hook::new(HookInfo {
        name: "test",
        kind,
        program_type: None,
        max_instructions: None,
        context: &LAYOUT,
        module: "engine",
        file: file!(),
        line: line!(),
        docs: "",
    })
}

/// Adds 1 to the context's number and returns it doubled.
fn add_and_double() -> Arc<BoundCodelet> {
    let text = "ldxdw r0, [r1+24]\nadd r0, 1\nstxdw [r1+24], r0\nlsh r0, 1\nexit";
    bind("double", assemble(text), declared::context(&LAYOUT), &[])
}

fn fire(hook: &Hook, number: u64) -> (Option<u64>, u64) {
    let mut context = TestContext {
        data: std::ptr::null(),
        data_end: std::ptr::null(),
        meta_data: 0,
        number,
    };
    // SAFETY: the hook's layout is that of `TestContext`. Its region is empty.
    let answer = unsafe { hook.fire_control(&mut context) };
    (answer, context.number)
}

#[test]
fn a_hook_changes_its_engine_while_it_is_attached() {
    static HOOK: Hook = test_hook(HookKind::Control);
    assert_eq!(fire(&HOOK, 20), (None, 20));
    let codelet = add_and_double();
    let compiled: Vec<CompiledHook> = [Engine::Interpreter, Engine::Native, Engine::Interpreter]
        .into_iter()
        .map(|engine| {
            engine
                .compile(HookKind::Control, std::slice::from_ref(&codelet), None)
                .unwrap()
        })
        .collect();
    for one in &compiled {
        // SAFETY: the codelets were verified against this hook's context, and `compiled` outlives
        // the last `synchronize` below.
        unsafe { HOOK.attach(one.dispatch(), one.environment()) };
        assert_eq!(fire(&HOOK, 20), (Some(42), 21));
    }
    HOOK.detach();
    reclaim::synchronize().unwrap();
    drop(compiled);
    assert_eq!(fire(&HOOK, 20), (None, 20));
}

/// A chain of functions: each calls the next one. They fill frames of 512 bytes byte by byte, and
/// read them after a call of a helper.
fn full_frames() -> String {
    const FRAMES: usize = 6;
    let bytes = |of: &dyn Fn(usize) -> String| (1..=512).map(of).collect::<String>();
    let frame = |call: &str| {
        format!(
            "mov r6, r1\nstw [r10-4], 1\nmov r2, r10\nadd r2, -4\nlddw r1, map 0\n{}call 1\nmov r0, 0\n{}{call}exit\n",
            bytes(&|at| format!("ldxb r7, [r6+{}]\nstxb [r10-{at}], r7\n", at % 64)),
            bytes(&|at| format!("ldxb r7, [r10-{at}]\nadd r0, r7\n")),
        )
    };
    // Behind the call comes `exit`, and then the next function.
    let calling = "mov r7, r0\nmov r1, r6\ncall +2\nadd r0, r7\n";
    (1..=FRAMES)
        .map(|depth| frame(if depth < FRAMES { calling } else { "" }))
        .collect()
}

#[test]
fn functions_that_call_each_other_run_on_the_stack_of_a_small_thread() {
    let map = map("counts", MapKind::PerThreadArray, 8, 4);
    let codelet = bind(
        "frames",
        assemble(&full_frames()),
        ContextDef::memory(64),
        &[map],
    );
    let region: Vec<u8> = (0..64).collect();
    let wanted = run_interpreted(&codelet, &region, &[]).0;
    let hook = native(&codelet);
    assert_eq!(on_a_small_thread(|| call(&hook, &region, &[]).0), wanted);
}

/// Runs `f` on a thread with 24 KiB of stack.
fn on_a_small_thread<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    let small = std::thread::Builder::new().stack_size(24 << 10);
    std::thread::scope(|scope| small.spawn_scoped(scope, f).unwrap().join().unwrap())
}

/// Computes thousands of numbers twice. An optimiser would keep all of them on the stack of the
/// hook's caller.
#[test]
fn a_large_codelet_runs_on_the_stack_of_a_small_thread() {
    const TERMS: i32 = 4000;
    let terms = |combine: &str| -> String {
        let term = |at| format!("mul r3, {}\n{combine} r0, r3\n", 2 * at + 3);
        (0..TERMS).map(term).collect()
    };
    let text = format!(
        "ldxw r2, [r1+24]\nmov r0, 0\nmov r3, r2\n{}mov r3, r2\n{}exit",
        terms("xor"),
        terms("add")
    );
    let codelet = bind("twice", assemble(&text), ContextDef::generic(), &[]);
    let hook = native(&codelet);
    let fields = [7; 16];
    let answer = on_a_small_thread(|| call(&hook, &[], &fields).0);

    let seed = u64::from(u32::from_ne_bytes([7; 4]));
    let combine = |start, combine: fn(u64, u64) -> u64| {
        let mut term = seed;
        (0..TERMS as u64).fold(start, |sum, at| {
            term = term.wrapping_mul(2 * at + 3);
            combine(sum, term)
        })
    };
    let wanted = combine(combine(0, |a, b| a ^ b), u64::wrapping_add);
    assert_eq!(answer, wanted);
}
