//! The verifier on any bytes as instructions. The first bytes choose the context, the maps and the
//! helpers; some choices are such as only a lying application declares. An accepted program
//! compiles, and runs natively as in the checked interpreter.

mod decisions;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use jbpf_core::builtins;
use jbpf_core::engine::{BoundCodelet, CodeletEnvironment, Engine, Input, interpreter};
use jbpf_core::map::{Map, MapOptions, Storage};
use jbpf_hooks::hook::HookKind;
use jbpf_verifier::program::{Fact, FunctionName, LineInfo};
use jbpf_verifier::report::{disassemble, render};
use jbpf_verifier::types::{
    ArgKind, ContextDef, ContextFieldDef, DataSection, EntryKind, HelperProto, HelperTable, MapDef,
    MapKind, MapKinds, RegionDef, ReturnKind, Work,
};
use jbpf_verifier::{Limits, Program, RawInsn, Rejection, VerifiedProgram, verify_with};
use zerocopy::IntoBytes as _;

use decisions::Decisions;

/// A budget that any input uses up within a second or so.
const LIMITS: Limits = Limits {
    instructions: 30_000,
    memory: 2 << 20,
    exhaustive: false,
};
/// Slots of a program; more are left out.
const MAX_SLOTS: usize = 512;
/// The most instructions that a program may execute; longer ones are not run.
const MAX_EXECUTED: u64 = 50_000;
/// Built-in helpers that return different numbers from call to call: clocks, random numbers, the
/// time that a call has taken.
const UNSTEADY: [u32; 5] = [7, 8, 9, 14, 15];
/// Runs of an accepted program on either engine.
const RUNS: u8 = 2;

/// The choice of a context, maps or helpers that no application declares, made from the bytes that
/// follow.
const LIE: u8 = 0xff;

/// The outcome of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Rejected,
    /// Accepted and not run, because a helper has no function, or returns a different number in
    /// each run, or the program is too long.
    Accepted,
    Run,
}

pub fn check(bytes: &[u8]) -> Outcome {
    let decisions = &mut Decisions::new(bytes);
    let choices = [decisions.byte(), decisions.byte(), decisions.byte()];
    let (context, maps) = (
        context_of(choices[0], decisions),
        maps_of(choices[1], decisions),
    );
    let helpers = helpers_of(choices[2], decisions);
    let mut insns = Vec::new();
    while !decisions.is_over() && insns.len() < MAX_SLOTS {
        insns.push(RawInsn::from_bytes(decisions.array()));
    }
    let has_lines = choices[2] & 0x40 != 0;
    let program = Program {
        name: "raw".to_owned(),
        lines: if has_lines {
            lines(insns.len())
        } else {
            Vec::new()
        },
        functions: names(&insns),
        insns,
        maps,
    };
    for at in 0..program.insns.len() {
        let _ = disassemble(&program, &helpers, at);
    }
    let (program, helpers) = (Arc::new(program), Arc::new(helpers));
    match verify_with(&program, &Arc::new(context), &helpers, LIMITS) {
        // The engines have no memory and no functions for declarations that no application makes.
        Ok(_) if choices.contains(&LIE) => Outcome::Accepted,
        Ok(verified) => accepted(verified),
        Err(rejection) => {
            check_rejection(&rejection, program.insns.len());
            Outcome::Rejected
        }
    }
}

fn context_of(choice: u8, decisions: &mut Decisions<'_>) -> ContextDef {
    let mut context = ContextDef::generic();
    if choice == LIE {
        let flags = decisions.byte();
        context.entry = [EntryKind::Context, EntryKind::Memory][usize::from(flags & 1)];
        context.readable = decisions.number(28) as u32;
        context.region = RegionDef {
            known_size: decisions.number(8),
            sized_by_end: flags & 2 != 0,
            writable: flags & 4 != 0,
            align: decisions.number(8),
        };
        for name in ["a", "b"] {
            context.fields.push(ContextFieldDef {
                name: name.to_owned(),
                offset: decisions.number(24) as u32,
                size: decisions.number(4) as u32,
                writable: flags & 8 != 0,
            });
        }
        return context;
    }
    match choice % 8 {
        0 => return context,
        1 => return ContextDef::memory(u64::from(choice / 8) * 4),
        2 => return ContextDef::stats(),
        3 => context.region.known_size = 16,
        4 => {
            context.region.known_size = 24;
            context.region.sized_by_end = false;
        }
        5 => context.region.writable = false,
        6 => context.region.align = [1, 2, 4, 8][usize::from(choice / 8) % 4],
        _ => {
            context.region.sized_by_end = false;
            context.readable = 45;
            let field = |name: &str, offset, size, writable| ContextFieldDef {
                name: name.to_owned(),
                offset,
                size,
                writable,
            };
            context.fields.extend([
                field("half", 28, 2, true),
                field("wide", 32, 8, true),
                field("last", 40, 5, false),
            ]);
        }
    }
    if choice >= 128 {
        context.max_instructions = Some(100);
    }
    context
}

/// Source lines, well-formed or hostile.
fn lines(slots: usize) -> Vec<LineInfo> {
    let texts =
        ["x = y;", "", "\tif (größe → ∞) {\t", "\u{202e}\u{1b}[2J \0"].map(Arc::<str>::from);
    let line = |at: usize| LineInfo {
        insn: at,
        file: "./a.c".into(),
        line: if at % 7 == 6 { u32::MAX } else { at as u32 + 1 },
        column: [0, 1, 5, 80, u32::MAX][at % 5],
        text: texts[at % 4].clone(),
    };
    (0..slots).step_by(2).map(line).collect()
}

/// Names of the called functions that begin at an even index; the others have none.
fn names(insns: &[RawInsn]) -> Vec<FunctionName> {
    let calls = insns.iter().enumerate();
    let starts = calls.filter(|(_, insn)| insn.opcode == 0x85 && insn.src == 1);
    let starts = starts.filter_map(|(at, insn)| (at + 1).checked_add_signed(insn.imm as isize));
    let starts: BTreeSet<usize> = starts.filter(|start| start % 2 == 0).collect();
    let name = |start| FunctionName {
        start,
        name: format!("f{start}"),
    };
    starts.into_iter().map(name).collect()
}

/// A map for each bit, in the order of the bits; the highest bit adds two data sections.
fn maps_of(choice: u8, decisions: &mut Decisions<'_>) -> Vec<MapDef> {
    let map = |name: &str, kind, key_size, value_size, max_entries| MapDef {
        name: name.to_owned(),
        kind,
        key_size,
        value_size,
        max_entries,
        parameters: Default::default(),
        section: None,
    };
    if choice == LIE {
        let kind = MapKind::from_number(decisions.below(18).into()).unwrap_or(MapKind::Array);
        let [key, value, entries] = [4, 8, 1].map(|usual| decisions.number(usual) as u32);
        let mut lie = map("lie", kind, key, value, entries);
        lie.section = (decisions.byte() & 1 != 0).then(|| DataSection {
            contents: decisions.bytes(16).into(),
            read_only: decisions.byte() & 1 != 0,
        });
        return vec![lie, map("array", MapKind::Array, 4, 24, 3)];
    }
    let section = |name: &str, read_only| MapDef {
        section: Some(DataSection {
            contents: b"%d %s\0\x01\x02\x03\xff\xff\xff\x7f\x80\0\0\0\x10\0\0\0 %p %%\0"
                .as_slice()
                .into(),
            read_only,
        }),
        ..map(name, MapKind::Array, 4, 28, 1)
    };
    let all = [
        map("array", MapKind::Array, 4, 24, 3),
        map("hash", MapKind::Hash, 8, 16, 4),
        map("copies", MapKind::PerThreadArray, 4, 8, 2),
        map("counts", MapKind::PerThreadHash, 4, 12, 2),
        map("ring", MapKind::RingBuf, 0, 16, 4),
        map("out", MapKind::Output, 0, 32, 4),
        map("in", MapKind::ControlInput, 0, 16, 4),
    ];
    let mut maps: Vec<MapDef> = (0..)
        .zip(all)
        .filter(|(bit, _)| choice & 1 << bit != 0)
        .map(|(_, map)| map)
        .collect();
    if choice & 0x80 != 0 {
        maps.extend([section(".rodata", true), section(".data", false)]);
    }
    maps
}

/// The built-in helpers, alone or beside others that only the verifier knows.
fn helpers_of(choice: u8, decisions: &mut Decisions<'_>) -> HelperTable {
    let mut helpers = HelperTable::builtin();
    if choice == LIE {
        for id in 0..decisions.below(4) {
            // A table refuses prototypes that make no sense.
            let _ = helpers.insert(HelperProto {
                id: id.into(),
                name: format!("lie_{id}"),
                args: (0..decisions.below(8))
                    .map(|_| argument(decisions))
                    .collect(),
                returns: returned(decisions),
                work: (0..decisions.below(3)).map(|_| work(decisions)).collect(),
            });
        }
        return helpers;
    }
    if choice.is_multiple_of(2) {
        return helpers;
    }
    let mut declare = |id, args: &[ArgKind], returns| {
        let is_sized = args.contains(&ArgKind::Size);
        let given = is_sized.then_some(Work::Given);
        let proto = HelperProto {
            id,
            name: format!("own_{id}"),
            args: args.to_vec(),
            returns,
            work: given.into_iter().chain([Work::Bytes(64)]).collect(),
        };
        helpers.insert(proto).unwrap();
    };
    use ArgKind::{
        Ignored, Map, MapKey, MapValue, Number, Readable, ReadableFixed, Size, Writable,
        WritableFixed,
    };
    declare(
        100,
        &[ReadableFixed(12), WritableFixed(8), Number],
        ReturnKind::AnyNumber,
    );
    declare(
        101,
        &[Map(MapKinds::Any), Ignored],
        ReturnKind::Number { min: -3, max: 9 },
    );
    declare(
        102,
        &[Readable, Size, Writable, Size, Number],
        ReturnKind::Number { min: 0, max: 0 },
    );
    declare(
        103,
        &[Map(MapKinds::Values), MapKey, MapValue],
        ReturnKind::MapValueOrNull,
    );
    declare(
        u32::MAX,
        &[],
        ReturnKind::Number {
            min: i64::MIN,
            max: i64::MAX,
        },
    );
    helpers
}

fn argument(decisions: &mut Decisions<'_>) -> ArgKind {
    match decisions.below(14) {
        0 => ArgKind::Number,
        1 => ArgKind::Ignored,
        2 => ArgKind::Map(MapKinds::Any),
        3 => ArgKind::Map(MapKinds::Values),
        4 => ArgKind::Map(MapKinds::Only(vec![MapKind::Output])),
        5 => ArgKind::MapKey,
        6 => ArgKind::MapValue,
        7 => ArgKind::Readable,
        8 => ArgKind::Writable,
        9 => ArgKind::ReadableFixed(decisions.number(8) as u32),
        10 => ArgKind::WritableFixed(decisions.number(8) as u32),
        11 => ArgKind::Size,
        12 => ArgKind::Format,
        _ => ArgKind::FormatArg,
    }
}

fn work(decisions: &mut Decisions<'_>) -> Work {
    match decisions.below(6) {
        0 => Work::Bytes(decisions.number(8) as u32),
        1 => Work::Given,
        2 => Work::Key,
        3 => Work::Value,
        4 => Work::Clear,
        _ => Work::Dump,
    }
}

fn returned(decisions: &mut Decisions<'_>) -> ReturnKind {
    match decisions.below(5) {
        0 => ReturnKind::Number {
            min: decisions.number(0).cast_signed(),
            max: decisions.number(0).cast_signed(),
        },
        1 => ReturnKind::AnyNumber,
        2 => ReturnKind::MapValueOrNull,
        3 => ReturnKind::OutputBufferOrNull,
        _ => ReturnKind::SentOutput,
    }
}

/// Checks that a rejection names an instruction of the program, has a message and a code, and
/// survives JSON.
fn check_rejection(rejection: &Rejection, slots: usize) {
    assert!(rejection.insn < slots.max(1), "{rejection:?}");
    assert!(!rejection.message.is_empty());
    for color in [false, true] {
        assert!(render(rejection, color).contains(&rejection.code.to_string()));
    }
    let json = serde_json::to_string(rejection).unwrap();
    let again: Rejection = serde_json::from_str(&json).unwrap();
    assert_eq!(again, *rejection);
}

fn accepted(verified: VerifiedProgram) -> Outcome {
    let (program, summary) = (verified.program().clone(), verified.summary().clone());
    assert!(summary.processed <= LIMITS.instructions);
    assert_eq!(verified.facts().len(), program.insns.len());
    assert!(summary.maps.iter().all(|map| *map < program.maps.len()));
    assert!(summary.stack_bytes <= 8 * 512);
    if let Some(limit) = verified.context().max_instructions {
        assert!(summary.worst_case_instructions <= limit);
    }
    let unsteady = summary
        .helpers
        .iter()
        .any(|helper| UNSTEADY.contains(helper));
    if verified.helpers().get(100).is_some() {
        return Outcome::Accepted;
    }
    let facts = verified.facts().to_vec();
    let maps = || -> Vec<Arc<Map>> {
        let maps = program.maps.iter();
        maps.map(|def| Arc::new(Map::new(def, &MapOptions::default()).unwrap()))
            .collect()
    };
    let bindings = Arc::new(builtins::bindings(verified.helpers().clone(), []).unwrap());
    let bind = |maps: Vec<Arc<Map>>| {
        let environment = CodeletEnvironment {
            name: "raw".to_owned(),
            runtime_threshold_ns: 0,
        };
        let bound = BoundCodelet::bind(
            verified.clone(),
            maps,
            bindings.clone(),
            Arc::new(environment),
        );
        Arc::new(bound.unwrap())
    };
    let native = bind(maps());
    let compiled = Engine::Native
        .compile(HookKind::Control, std::slice::from_ref(&native), None)
        .unwrap_or_else(|error| {
            panic!("accepted, and not compiled: {error}\n{}", listing(&native))
        });
    if unsteady || summary.worst_case_instructions > MAX_EXECUTED {
        return Outcome::Accepted;
    }
    let interpreted = bind(maps());
    for run in 0..RUNS {
        let mut steps = 0;
        let expected = on_fresh_memory(&interpreted, run, |input| {
            let mut observe = |step: interpreter::Step<'_>| {
                steps += 1;
                assert_ne!(facts[step.insn], Fact::Unreachable, "{}", listing(&native));
            };
            let outcome = interpreter::run(&interpreted, input, &mut observe);
            outcome
                .unwrap_or_else(|fault| panic!("accepted, and {fault}\n{}", listing(&native)))
                .r0
        });
        assert!(
            steps <= summary.worst_case_instructions,
            "{steps}\n{}",
            listing(&native)
        );
        let found = on_fresh_memory(&native, run, |input| compiled.call(input).unwrap());
        assert_eq!(
            found,
            expected,
            "native and interpreted\n{}",
            listing(&native)
        );
    }
    Outcome::Run
}

/// The result of a run: r0, the region, the fields, and the contents of the maps.
type Left = (u64, Vec<u8>, Vec<u8>, Vec<Vec<u8>>);

/// Runs a codelet on memory that depends on `run` alone.
fn on_fresh_memory(
    codelet: &BoundCodelet,
    run: u8,
    call: impl FnOnce(&mut Input<'_>) -> u64,
) -> Left {
    let context = codelet.program().context();
    let sized = if context.region.sized_by_end { 40 } else { 0 };
    let len = context.region.known_size as usize + sized * usize::from(run);
    let mut words: Vec<u64> = (0..len.div_ceil(8) as u64)
        .map(|word| word.wrapping_mul(0x0123_4567_89ab_cdef) ^ u64::from(run))
        .collect();
    let mut fields: Vec<u8> =
        vec![run.wrapping_mul(0x91); context.readable.saturating_sub(16) as usize];
    for map in codelet.maps() {
        if let Storage::ControlInput(input) = map.storage() {
            let _ = input.ring().send_bytes(&[run, 1, 2, 3]);
        }
    }
    let mut input = Input {
        fields: &mut fields,
        region: &mut words.as_mut_bytes()[..len],
    };
    let r0 = call(&mut input);
    let region = words.as_bytes()[..len].to_vec();
    (
        r0,
        region,
        fields,
        codelet.maps().iter().map(|map| contents(map)).collect(),
    )
}

/// The elements of a map, sorted; the records of a channel, in their order.
fn contents(map: &Map) -> Vec<u8> {
    match map.storage() {
        Storage::RingBuf(output) | Storage::Output(output) => {
            let reader = output.ring().primary().unwrap();
            reader.try_iter().flatten().collect()
        }
        Storage::ControlInput(input) => input.ring().received().to_ne_bytes().to_vec(),
        _ => {
            let mut elements = Vec::new();
            let each = |_thread, key: &[u8], value: &[u8]| {
                elements.push([key, value].concat());
                ControlFlow::Continue(())
            };
            map.for_each_after(0, each).unwrap();
            elements.sort();
            elements.concat()
        }
    }
}

fn listing(codelet: &BoundCodelet) -> String {
    let program = codelet.program();
    let line = |at| {
        format!(
            "{at}: {}\n",
            disassemble(program.program(), program.helpers(), at)
        )
    };
    (0..program.program().insns.len()).map(line).collect()
}
