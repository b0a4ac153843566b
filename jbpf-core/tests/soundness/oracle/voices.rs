//! Accepted programs, run by the interpreter, by machine code, by machine code with guards, by
//! machine code that is compiled fast, and by the evaluator side by side: the same r0, region,
//! fields, maps and records. No guard ever fires.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use jbpf_core::engine::abort::AbortKind;
use jbpf_core::engine::{BoundCodelet, CompileOptions, CompiledHook, Engine, Input, interpreter};
use jbpf_core::map::Storage;
use jbpf_hooks::hook::HookKind;
use jbpf_verifier::VerifiedProgram;

use super::super::application;
use super::super::choices::Choices;
use super::super::evaluator::{Byte, Ending, Evaluator, Left, Stop, Subject};
use super::super::feature::Circumstance;
use super::super::row::Row;
use super::layout::{Ground, Traces};
use super::listing;
use super::world::{Surroundings, bind, byte, contents, maps_of};

/// An accepted program with its inputs.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub verified: VerifiedProgram,
    /// Whether clocks and chance are the application's.
    pub replaced: bool,
}

/// Codelets in one dispatch function.
struct Native {
    /// How they run, for reports.
    who: &'static str,
    codelets: Vec<Arc<BoundCodelet>>,
    hook: CompiledHook,
}

impl Native {
    fn new(codelets: Vec<Arc<BoundCodelet>>, options: CompileOptions) -> Self {
        let who = match (options.guard_accesses, options.fast_compile) {
            (false, false) => "natively",
            (true, false) => "natively with guards",
            (false, true) => "natively, compiled fast",
            (true, true) => "natively with guards, compiled fast",
        };
        let hook = Engine::Native
            .compile_with(HookKind::Control, &codelets, None, options)
            .unwrap_or_else(|error| {
                let listings = listings(&codelets);
                panic!("accepted, not compiled {who}: {error}\n{listings}")
            });
        Self {
            who,
            codelets,
            hook,
        }
    }
}

/// Codelets that the interpreter runs, the same once more in one dispatch function, once more in
/// one with guards, once more in one that is compiled fast, and once more evaluated.
pub struct Voices {
    pub interpreted: Vec<Arc<BoundCodelet>>,
    natives: [Native; 3],
    evaluator: Evaluator,
    /// How often each codelet left its call.
    aborts: Vec<u64>,
    /// The circumstances of the runs.
    pub circumstances: BTreeSet<Circumstance>,
    /// Why the evaluator said no more.
    pub silent: Option<Stop>,
}

impl Voices {
    pub fn new(programs: &[&Accepted]) -> Self {
        let bound = || {
            let programs = programs.iter();
            programs
                .map(|Accepted { verified, replaced }| bind(verified, *replaced, maps_of(verified)))
                .collect()
        };
        let interpreted: Vec<_> = bound();
        // Either way to compile fast, in turns.
        let length: usize = interpreted
            .iter()
            .map(|one| one.program().facts().len())
            .sum();
        let options = [
            (false, false),
            (true, false),
            (length.is_multiple_of(2), true),
        ];
        let natives = options.map(|(guard_accesses, fast_compile)| {
            let options = CompileOptions {
                guard_accesses,
                fast_compile,
            };
            Native::new(bound(), options)
        });
        let subjects: Vec<Subject<'_>> =
            programs.iter().map(|program| subject_of(program)).collect();
        Self {
            interpreted,
            natives,
            evaluator: Evaluator::new(&subjects),
            aborts: Vec::new(),
            circumstances: BTreeSet::new(),
            silent: None,
        }
    }

    /// Rows of the table that runs met.
    pub fn met(&mut self) -> BTreeSet<Row> {
        std::mem::take(&mut self.evaluator.met)
    }

    /// Sends the same to the input channels of all, now and then.
    pub fn send_input(&mut self, choices: &mut Choices) {
        for (index, interpreted) in self.interpreted.iter().enumerate() {
            for (at, map) in interpreted.maps().iter().enumerate() {
                if !matches!(map.storage(), Storage::ControlInput(_)) || !choices.chance(50) {
                    continue;
                }
                let record = vec![byte(choices); map.def().value_size as usize];
                let natives = self.natives.iter();
                let others = natives.map(|native| &native.codelets[index].maps()[at]);
                for map in others.chain([map]) {
                    if let Storage::ControlInput(input) = map.storage() {
                        // A full ring is as good.
                        let _ = input.ring().send_bytes(&record);
                    }
                }
                self.evaluator.give(index, at, &record);
            }
        }
    }

    /// Runs all of them. `observe` sees each step of the interpreter, and the addresses of the
    /// region.
    pub fn run(
        &mut self,
        surroundings: &Surroundings,
        ground: &mut Ground,
        choices: &mut Choices,
        mut observe: impl FnMut(interpreter::Step<'_>, &Range<u64>),
    ) {
        let context = self.interpreted[0].program().context().clone();
        let mut layout = ground.lay_out(surroundings, &context, choices);
        let mut fields = surroundings.fields.clone();
        let region = surroundings.region();
        if region.is_empty() {
            self.circumstances.insert(Circumstance::EmptyRegion);
        }
        if !region.len().is_multiple_of(8) {
            self.circumstances.insert(Circumstance::OddRegion);
        }
        let mut outcomes = Vec::new();
        application::begin();
        let start = match layout.region() {
            // As inputs have it.
            [] => context.region.align,
            bytes => bytes.as_ptr() as u64,
        };
        let range = start..start + surroundings.region().len() as u64;
        for codelet in &self.interpreted {
            let mut input = Input {
                fields: &mut fields,
                region: layout.region(),
            };
            let mut observe = |step: interpreter::Step<'_>| observe(step, &range);
            let outcome = interpreter::run(codelet, &mut input, &mut observe)
                .unwrap_or_else(|fault| panic!("{fault}\n{}", listings(&self.interpreted)));
            outcomes.push(outcome);
        }
        if outcomes.iter().any(|outcome| outcome.left.is_some()) {
            self.circumstances.insert(Circumstance::Left);
        }
        let last = outcomes.last().filter(|outcome| outcome.left.is_none());
        let interpreted = Traces {
            fields,
            ..layout.traces(last.map(|outcome| outcome.r0))
        };
        let natives = self.natives.each_ref().map(|native| {
            let mut layout = ground.lay_out(surroundings, &context, choices);
            application::begin();
            let answer = layout.call(&native.hook);
            (native.who, layout.traces(answer))
        });
        self.check_faults();
        // Now and then only, so that rings fill up.
        let with_channels = choices.chance(50);
        if let Some(left) = self.evaluate(surroundings) {
            for (ending, outcome) in left.endings.iter().zip(&outcomes) {
                let kind = outcome.left.map(|left| left.kind);
                if kind != kind_of(ending) {
                    self.differ(&format!("{ending:?} is {kind:?} interpreted"));
                }
            }
            self.hold(&left, "interpreted", &interpreted);
            for (who, traces) in &natives {
                self.hold(&left, who, traces);
            }
            self.compare_aborts(&left);
            self.compare_maps(with_channels);
        } else if with_channels {
            self.drain();
        }
    }

    /// The effects, unless they are a matter of chance.
    fn evaluate(&mut self, surroundings: &Surroundings) -> Option<Left> {
        if self.silent.is_some() {
            return None;
        }
        match self
            .evaluator
            .run(surroundings.region(), &surroundings.fields)
        {
            Ok(left) => Some(left),
            Err((codelet, at, what @ (Stop::Fault(_) | Stop::Layout(_)))) => {
                let name = self.interpreted[codelet].name();
                panic!(
                    "{name}: instruction {at} {what}\n{}",
                    listings(&self.interpreted)
                );
            }
            Err((_, _, stop)) => {
                self.silent = Some(stop);
                None
            }
        }
    }

    fn hold(&self, left: &Left, who: &str, traces: &Traces) {
        if let Err(what) = agree(left, traces) {
            self.differ(&format!("{who}, {what}"));
        }
    }

    /// Checks the counts of the verifier's mistakes in machine code, even if the evaluator gave no
    /// answer.
    fn check_faults(&self) {
        for Native { who, codelets, .. } in &self.natives {
            for codelet in codelets {
                for kind in [AbortKind::Guard, AbortKind::Unreachable] {
                    if codelet.aborts().of(kind) > 0 {
                        let last = codelet.aborts().last();
                        let name = codelet.name();
                        self.differ(&format!("{name} left by {kind} {who}: {last:?}"));
                    }
                }
            }
        }
    }

    /// Machine code counts the calls that codelets leave.
    fn compare_aborts(&mut self, left: &Left) {
        self.aborts.resize(self.interpreted.len(), 0);
        let endings = left.endings.iter().zip(&mut self.aborts);
        for (ending, aborts) in endings {
            *aborts += u64::from(kind_of(ending).is_some());
        }
        for Native { who, codelets, .. } in &self.natives {
            for (codelet, expected) in codelets.iter().zip(&self.aborts) {
                let counted = codelet.aborts().total();
                if counted != *expected {
                    self.differ(&format!("{counted} calls were left {who}, not {expected}"));
                }
            }
            for (ending, codelet) in left.endings.iter().zip(codelets) {
                let last = codelet.aborts().last().map(|last| last.abort.kind);
                if let Some(kind) = kind_of(ending)
                    && last != Some(kind)
                {
                    self.differ(&format!("a call was left {who} by {last:?}, not {kind:?}"));
                }
            }
        }
    }

    fn compare_maps(&mut self, with_channels: bool) {
        for (index, interpreted) in self.interpreted.iter().enumerate() {
            for (at, map) in interpreted.maps().iter().enumerate() {
                let is_channel = map.def().kind.is_channel();
                if is_channel && !with_channels {
                    continue;
                }
                let expected = self.evaluator.contents(index, at);
                let natives = self.natives.iter();
                let natives =
                    natives.map(|native| (native.who, &native.codelets[index].maps()[at]));
                for (who, map) in natives.chain([("interpreted", map)]) {
                    let held = contents(map);
                    let same = held.len() == expected.len()
                        && held.iter().zip(&expected).all(|((key, value), expected)| {
                            *key == expected.0 && are(&expected.1, value)
                        });
                    if !same {
                        let (held, expected) = (
                            shown(&held, |byte| Byte::Is(*byte)),
                            shown(&expected, |byte| *byte),
                        );
                        let name = &map.def().name;
                        self.differ(&format!(
                            "map {name} of codelet {index} holds {held} {who}, not {expected}"
                        ));
                    }
                }
                if is_channel {
                    self.evaluator.drain(index, at);
                }
            }
        }
    }

    fn drain(&self) {
        let natives = self.natives.iter().flat_map(|native| &native.codelets);
        for codelet in natives.chain(&self.interpreted) {
            for map in codelet.maps() {
                if map.def().kind.is_output() {
                    contents(map);
                }
            }
        }
    }

    fn differ(&self, what: &str) -> ! {
        panic!("{what}\n{}", listings(&self.interpreted));
    }
}

/// An accepted program for the evaluator.
pub fn subject_of(program: &Accepted) -> Subject<'_> {
    let Accepted { verified, replaced } = program;
    Subject {
        program: verified.program(),
        context: verified.context(),
        helpers: verified.helpers(),
        replaced: *replaced,
        limit: verified.summary().worst_case_instructions,
    }
}

/// Compares a run's effects on its own memory with the evaluator's.
pub fn agree(left: &Left, traces: &Traces) -> Result<(), String> {
    let Traces {
        answer,
        region,
        fields,
    } = traces;
    let same = match left.endings.last() {
        Some(Ending::Answered(r0)) => *answer == Some(*r0),
        Some(Ending::Chance) => answer.is_some(),
        _ => answer.is_none(),
    };
    if !same {
        let expected = &left.endings;
        return Err(format!("the answer is {answer:#x?}, not {expected:#x?}"));
    }
    for (what, expected, bytes) in [
        ("region", &left.region, region),
        ("fields", &left.fields, fields),
    ] {
        if !are(expected, bytes) {
            let expected = text(expected);
            return Err(format!("{what}: {bytes:02x?}, not {expected}"));
        }
    }
    Ok(())
}

/// Why a codelet left its call.
fn kind_of(ending: &Ending) -> Option<AbortKind> {
    match ending {
        Ending::Left(number) => Some(AbortKind::of_argument(*number)),
        _ => None,
    }
}

/// Whether bytes are these, except bytes that are a matter of chance.
fn are(expected: &[Byte], bytes: &[u8]) -> bool {
    expected.len() == bytes.len()
        && expected.iter().zip(bytes).all(|(expected, byte)| {
            matches!(expected, Byte::Chance) || *expected == Byte::Is(*byte)
        })
}

/// Bytes for reports.
fn text(bytes: &[Byte]) -> String {
    let digits = bytes.iter().map(|byte| match byte {
        Byte::Is(byte) => format!("{byte:02x}"),
        _ => "??".to_owned(),
    });
    digits.collect::<Vec<_>>().join(" ")
}

fn shown<B>(contents: &[(Vec<u8>, Vec<B>)], byte: impl Fn(&B) -> Byte) -> String {
    let elements = contents.iter().map(|(key, value)| {
        let value: Vec<Byte> = value.iter().map(&byte).collect();
        format!("{key:02x?}: {}; ", text(&value))
    });
    elements.collect()
}

fn listings(codelets: &[Arc<BoundCodelet>]) -> String {
    codelets
        .iter()
        .map(|codelet| {
            let program = codelet.program().program();
            format!("{}\n{}", program.name, listing(program))
        })
        .collect()
}
