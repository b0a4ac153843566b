//! Codelets that leave their call before its end: `abort`, in the entry and deep inside of
//! functions, inlined into the dispatch function and called by it, measured and not.

use std::sync::atomic::{AtomicU32, Ordering};

use jbpf_core::declared;
use jbpf_core::engine::{Abort, AbortKind};

use super::*;

/// Too many instructions to be inlined.
fn padded(text: &str) -> String {
    format!("{}{text}", "mov r4, 1\n".repeat(200))
}

/// Adds 1 to the first word of its memory, aborts if the second one is not 0, and else adds 10 and
/// returns 77.
const ABORTS_IF_TOLD: &str = "ldxdw r0, [r1]
    add r0, 1
    stxdw [r1], r0
    ldxdw r2, [r1+8]
    jeq r2, 0, +2
    mov r1, 1
    call 31
    add r0, 10
    stxdw [r1], r0
    mov r0, 77
    exit";

/// The same, three functions deep, each with something to do afterwards.
const ABORTS_DEEP_INSIDE: &str = "mov r6, r1
    call +5
    ldxdw r0, [r6]
    add r0, 10
    stxdw [r6], r0
    mov r0, 77
    exit
    mov r6, r1
    call +1
    exit
    ldxdw r0, [r1]
    add r0, 1
    stxdw [r1], r0
    mov r6, r1
    call +2
    mov r0, 1
    exit
    ldxdw r2, [r1+8]
    jeq r2, 0, +2
    mov r1, 4
    call 31
    mov r0, 0
    exit";

fn memory(told: bool) -> Vec<u8> {
    [0_u64, u64::from(told)]
        .iter()
        .flat_map(|word| word.to_ne_bytes())
        .collect()
}

/// The answer of a hook, and the first word of its memory afterwards.
fn answer(hook: &CompiledHook, told: bool) -> (Option<u64>, u64) {
    let mut memory = Memory::new(&memory(told));
    let mut input = Input {
        fields: &mut [],
        region: memory.bytes_mut(),
    };
    let answer = hook.answer(&mut input).unwrap();
    let word = u64::from_ne_bytes(input.region[..8].try_into().unwrap());
    (answer, word)
}

fn codelet(name: &str, text: &str) -> Arc<BoundCodelet> {
    bind(name, assemble(text), ContextDef::memory(16), &[])
}

#[test]
fn a_control_hook_answers_nothing_when_its_codelet_leaves() {
    for (text, kind, measured) in [
        (ABORTS_IF_TOLD, AbortKind::Assertion, false),
        (ABORTS_IF_TOLD, AbortKind::Assertion, true),
        (ABORTS_DEEP_INSIDE, AbortKind::Unwrap, false),
        (ABORTS_DEEP_INSIDE, AbortKind::Unwrap, true),
    ] {
        for text in [text.to_owned(), padded(text)] {
            let call = text.lines().position(|line| line.trim() == "call 31");
            for engine in ENGINES {
                let codelet = codelet("leaver", &text);
                let stats = measured.then(|| Arc::new(HookStats::new(1)));
                let hook = engine
                    .compile(HookKind::Control, &[Arc::clone(&codelet)], stats.clone())
                    .unwrap();
                assert_eq!(answer(&hook, false), (Some(77), 11), "{engine:?}\n{text}");
                assert_eq!(codelet.aborts().last(), None);
                for _ in 0..3 {
                    assert_eq!(answer(&hook, true), (None, 1), "{engine:?}\n{text}");
                }
                assert_eq!(answer(&hook, false), (Some(77), 11), "{engine:?}\n{text}");
                let abort = Abort {
                    kind,
                    insn: call.unwrap(),
                };
                let last = codelet.aborts().last().unwrap();
                assert_eq!((codelet.aborts().of(kind), last.abort), (3, abort));
                assert_eq!(codelet.aborts().total(), 3);
                if let Some(stats) = stats {
                    assert_eq!(stats.hook().totals().calls, 5);
                    assert_eq!(stats.codelets()[0].totals().calls, 5);
                }
            }
        }
    }
}

#[test]
fn a_monitoring_hook_goes_on_with_the_next_codelet() {
    for measured in [false, true] {
        for engine in ENGINES {
            let codelets = [
                codelet("leaves", ABORTS_IF_TOLD),
                codelet("leaves_when_called", &padded(ABORTS_IF_TOLD)),
                codelet("leaves_deep_inside", ABORTS_DEEP_INSIDE),
                codelet("stays", "ldxdw r0, [r1]\nadd r0, 100\nstxdw [r1], r0\nexit"),
            ];
            let stats = measured.then(|| Arc::new(HookStats::new(codelets.len())));
            let hook = engine
                .compile(HookKind::Monitoring, &codelets, stats.clone())
                .unwrap();
            assert_eq!(answer(&hook, false), (Some(0), 133), "{engine:?}");
            assert_eq!(answer(&hook, true), (Some(0), 103), "{engine:?}");
            let aborts = codelets.each_ref().map(|codelet| codelet.aborts().total());
            assert_eq!(aborts, [1, 1, 1, 0], "{engine:?}");
            for (stats, codelet) in stats.iter().flat_map(|s| s.codelets()).zip(&codelets) {
                assert_eq!(stats.totals().calls, 2, "{}", codelet.name());
            }
        }
    }
}

#[test]
fn kinds_are_what_the_codelet_passes_and_never_those_of_faults() {
    // From memory, and as a constant.
    let by_number = "ldxdw r1, [r1]\ncall 31\nexit";
    for number in [0, 1, 2, 3, 4, 5, 6, 7, 8, 0x1_0000_0001, u64::MAX] {
        let constant = format!("lddw r1, {}\ncall 31", number.cast_signed());
        for text in [by_number.to_owned(), constant] {
            for engine in ENGINES {
                let codelet = bind("kinds", assemble(&text), ContextDef::memory(8), &[]);
                let hook = engine
                    .compile(HookKind::Monitoring, &[Arc::clone(&codelet)], None)
                    .unwrap();
                call(&hook, &number.to_ne_bytes(), &[]);
                let kind = codelet.aborts().last().unwrap().abort.kind;
                assert_eq!(
                    kind,
                    AbortKind::of_argument(number),
                    "{engine:?} {number:#x}"
                );
                assert!(!kind.is_fault());
            }
        }
    }
}

#[test]
fn the_interpreter_tells_where_it_left() {
    let codelet = codelet("leaver", ABORTS_DEEP_INSIDE);
    let mut memory = Memory::new(&memory(true));
    let mut input = Input {
        fields: &mut [],
        region: memory.bytes_mut(),
    };
    let outcome = interpreter::run(&codelet, &mut input, &mut ()).unwrap();
    let left = outcome.left.unwrap();
    assert_eq!((left.kind, left.insn), (AbortKind::Unwrap, 20));
    assert_eq!(outcome.r0, 0);
    let worst = codelet.program().summary().worst_case_instructions;
    assert!(outcome.instructions <= worst);
}

#[test]
fn what_was_written_before_stays() {
    // Counts in a map and in the region; the third call leaves in between.
    let text = "mov r6, r1
        stw [r10-4], 0
        mov r2, r10
        add r2, -4
        lddw r1, map 0
        call 1
        jeq r0, 0, +8
        ldxdw r1, [r0]
        add r1, 1
        stxdw [r0], r1
        ldxdw r2, [r6+8]
        jne r1, r2, +2
        mov r1, 2
        call 31
        stxdw [r6], r1
        mov r0, 0
        exit";
    for engine in ENGINES {
        let counts = map("counts", MapKind::Array, 8, 1);
        let codelet = bind("counts", assemble(text), ContextDef::memory(16), &[counts]);
        let hook = engine
            .compile(HookKind::Monitoring, &[Arc::clone(&codelet)], None)
            .unwrap();
        let words = [99_u64, 3];
        let region: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        for expected in [1, 2, 99, 4] {
            let effects = call(&hook, &region, &[]);
            assert_eq!(first_word(&effects), expected, "{engine:?}");
        }
        assert_eq!(codelet.aborts().of(AbortKind::Index), 1, "{engine:?}");
    }
}

#[test]
fn codelets_that_cannot_leave_return_one_number() {
    let listing = |text: &str| {
        let codelet = codelet("listed", text);
        list_dispatch(HookKind::Control, &[codelet], None)
            .unwrap()
            .to_string()
    };
    let staying = ABORTS_DEEP_INSIDE.replace("call 31", "call 15");
    let staying = listing(&staying);
    assert!(
        !staying.contains("withhold_answer") && !staying.contains("-> i64, i64"),
        "{staying}"
    );
    let leaving = listing(ABORTS_DEEP_INSIDE);
    assert!(
        leaving.contains("withhold_answer") && leaving.contains("-> i64, i64"),
        "{leaving}"
    );
}

/// Calls the other hook from a helper, and adds its answer.
static INNER: Hook = test_hook(HookKind::Control);
static OUTER: Hook = test_hook(HookKind::Control);
static CALLED: AtomicU32 = AtomicU32::new(0);

extern "C" fn call_inner(number: u64, _: u64, _: u64, _: u64, _: u64) -> u64 {
    CALLED.fetch_add(1, Ordering::Relaxed);
    fire(&INNER, number).0.unwrap_or(1000)
}

/// The program, with a helper 40 that fires [`INNER`].
fn with_helper(name: &str, text: &str) -> Arc<BoundCodelet> {
    use jbpf_hooks::helper::{HelperArgument, HelperDeclaration, HelperInfo, HelperReturn};
    use jbpf_hooks::layout::Scalar;
    let declaration = HelperDeclaration {
        id: 40,
        name: "call_inner",
        argument_names: &[],
        arguments: &[HelperArgument::Number(Scalar::U64)],
        returns: HelperReturn::U64,
        file: file!(),
        line: line!(),
        docs: "",
    };
    // SAFETY: the function takes a u64, which any number is, and returns one.
    let info = unsafe { HelperInfo::new(declaration, call_inner) };
    let mut table = HelperTable::builtin();
    table.insert(declared::prototype(&info)).unwrap();
    let table = Arc::new(table);
    let program = jbpf_verifier::Program {
        name: name.to_owned(),
        insns: assemble(text),
        ..Default::default()
    };
    let context = Arc::new(declared::context(&LAYOUT));
    let verified = jbpf_verifier::verify(&Arc::new(program), &context, &table).unwrap();
    let helpers = Arc::new(builtins::bindings(table, [&info]).unwrap());
    let environment = Arc::new(CodeletEnvironment {
        name: name.to_owned(),
        runtime_threshold_ns: 0,
    });
    Arc::new(BoundCodelet::bind(verified, Vec::new(), helpers, environment).unwrap())
}

#[test]
fn the_innermost_call_alone_is_left() {
    // The inner one aborts on odd numbers. The outer one adds its helper's result, and aborts on
    // multiples of 4.
    let inner_text = "ldxdw r0, [r1+24]
        mov r2, r0
        and r2, 1
        jeq r2, 0, +2
        mov r1, 1
        call 31
        exit";
    let outer_text = "mov r6, r1
        ldxdw r1, [r6+24]
        call 40
        mov r7, r0
        ldxdw r1, [r6+24]
        stdw [r6+24], 5
        and r1, 3
        jne r1, 0, +2
        mov r1, 1
        call 31
        mov r0, r7
        add r0, 1
        exit";
    for outer_engine in ENGINES {
        for inner_engine in ENGINES {
            let inner = with_helper("inner", inner_text);
            let outer = with_helper("outer", outer_text);
            let compile = |engine: Engine, codelet: &Arc<BoundCodelet>| {
                engine
                    .compile(HookKind::Control, std::slice::from_ref(codelet), None)
                    .unwrap()
            };
            let compiled = [compile(inner_engine, &inner), compile(outer_engine, &outer)];
            // SAFETY: the codelets were verified against the context of both hooks, and `compiled`
            // outlives the `synchronize` below.
            unsafe { INNER.attach(compiled[0].dispatch(), compiled[0].environment()) };
            // SAFETY: as above.
            unsafe { OUTER.attach(compiled[1].dispatch(), compiled[1].environment()) };
            let called = CALLED.load(Ordering::Relaxed);
            assert_eq!(fire(&OUTER, 2), (Some(3), 5));
            assert_eq!(
                fire(&OUTER, 1),
                (Some(1001), 5),
                "inner aborted, outer goes on"
            );
            assert_eq!(fire(&OUTER, 4), (None, 5), "outer aborted, inner answered");
            assert_eq!(fire(&OUTER, 6), (Some(7), 5));
            assert_eq!(fire(&INNER, 3), (None, 3));
            assert_eq!(fire(&INNER, 4), (Some(4), 4));
            assert_eq!(CALLED.load(Ordering::Relaxed) - called, 4);
            assert_eq!((inner.aborts().total(), outer.aborts().total()), (2, 1));
            INNER.detach();
            OUTER.detach();
            reclaim::synchronize().unwrap();
        }
    }
}
