//! The checks of an accepted program.
//!
//! It runs in the checked interpreter on contexts of all sorts, without a fault and in no more
//! instructions than the worst case. At each instruction, each register lies within the verifier's
//! bounds for it, jumps go to places that the verifier says they can reach, and accesses touch the
//! memory that the engine is told of (`witness`). At all places of memory (`layout`), machine
//! code, machine code with guards and an evaluator that knows no addresses have the same effects,
//! for the program alone and among others in one dispatch function (`voices`). No guard fires. A
//! program that is accepted with merged states is accepted path by path as well.

mod layout;
pub mod threads;
mod voices;
mod witness;
mod world;

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use jbpf_core::declared;
use jbpf_core::engine::BoundCodelet;
use jbpf_verifier::program::{Fact, VerifiedFunction};
use jbpf_verifier::report::{Code, disassemble};
use jbpf_verifier::types::HelperTable;
use jbpf_verifier::{
    Limits, Program, Record, Rejection, VerifiedProgram, verify_recorded, verify_with,
};

use super::application;
use super::choices::Choices;
use super::evaluator::{Evaluator, Stop, Subject};
use super::feature::{Circumstance, Feature, Use};
use super::program::Case;
use super::row::Row;
use layout::Ground;
pub use voices::Accepted;
use voices::{Voices, subject_of};
use witness::Witness;
use world::Surroundings;

/// How often an accepted program runs.
const RUNS: usize = 4;
/// Codelets of more instructions are called by dispatch functions.
const INLINED: usize = 128;
/// How many instructions of a rejected program are evaluated.
const ATTEMPTED: u64 = 2000;
/// How many accepted programs are remembered, to run with later ones in one dispatch function.
const REMEMBERED: usize = 40;

/// The verdict on a program.
pub enum Verdict {
    Rejected {
        /// Rows that a run meets before it goes wrong, or does not.
        met: BTreeSet<Row>,
        /// Path by path, it is accepted.
        needlessly: bool,
        /// Nothing is wrong with it but its size.
        too_complex: bool,
    },
    Accepted {
        /// Whether its registers were held against a record.
        recorded: bool,
        /// Whether following all paths said the same; not if they are too many.
        path_by_path: bool,
        /// Paths through loops that went on merged.
        merged: u64,
        circumstances: BTreeSet<Circumstance>,
        /// Rows that some run met.
        met: BTreeSet<Row>,
        /// Why the evaluator gave no answer.
        silent: Option<Stop>,
        /// Instructions that some run executed.
        executed: BTreeSet<usize>,
    },
}

/// Puts programs to the test.
pub struct Oracle {
    /// The built-in helpers and the application's, and the same with clocks and chance replaced.
    helpers: [Arc<HelperTable>; 2],
    limits: Limits,
    /// Programs that were accepted lately.
    before: RefCell<VecDeque<Accepted>>,
    ground: RefCell<Ground>,
}

impl Oracle {
    pub fn new() -> Self {
        Self {
            helpers: [false, true].map(|replaced| {
                Arc::new(declared::helpers(application::helpers(replaced)).unwrap())
            }),
            limits: Limits {
                instructions: 40_000,
                ..Limits::default()
            },
            before: RefCell::default(),
            ground: RefCell::new(Ground::new()),
        }
    }

    /// Ties a program to maps of its own, if it is accepted.
    pub fn bind(&self, case: &Case) -> Option<Arc<BoundCodelet>> {
        let helpers = &self.helpers[usize::from(case.replaced)];
        let verified = verify_with(&case.program, &case.context, helpers, self.limits).ok()?;
        Some(world::bind(
            &verified,
            case.replaced,
            world::maps_of(&verified),
        ))
    }

    /// Verifies a program, and runs it if that succeeds. Panics at the first thing that is not as
    /// the verifier says.
    pub fn judge(&self, case: &Case, choices: &mut Choices) -> Verdict {
        let (program, context) = (&case.program, &case.context);
        let helpers = &self.helpers[usize::from(case.replaced)];
        let all_paths = Limits {
            exhaustive: true,
            ..self.limits
        };
        let path_by_path = verify_with(program, context, helpers, all_paths);
        let verified = match verify_with(program, context, helpers, self.limits) {
            Ok(verified) => verified,
            Err(rejection) => {
                return Verdict::Rejected {
                    met: self.attempt(case, choices),
                    needlessly: path_by_path.is_ok(),
                    too_complex: is_exhausted(&rejection),
                };
            }
        };
        let mut circumstances = circumstances_of(case, &verified);
        let is_same = path_by_path.is_ok();
        match path_by_path {
            Ok(_) => {}
            Err(rejection) => assert!(
                is_exhausted(&rejection),
                "{}: accepted, but path by path at {}: {rejection}\n{}",
                program.name,
                rejection.insn,
                listing(program)
            ),
        }
        let recorded = verify_recorded(program, context, helpers, self.limits);
        let record = recorded.map(|(_, record)| record).ok();
        let recorded = record.is_some();
        let merged = verified.summary().merged;
        let frameless = verified.functions().first().map(|entry| entry.stack_size) == Some(0);
        let accepted = Accepted {
            verified,
            replaced: case.replaced,
        };
        let mut runs = Runs::new(&accepted, record);
        for _ in 0..RUNS {
            runs.run(&mut self.ground.borrow_mut(), choices);
        }
        let compared = |used: &Use| {
            used.feature == Feature::ComparedFrames && runs.executed.contains(&used.insn)
        };
        if frameless && case.uses.iter().any(compared) {
            circumstances.insert(Circumstance::FramelessCompared);
        }
        let silent = runs.voices.silent.take();
        circumstances.append(&mut runs.voices.circumstances);
        let met = runs.voices.met();
        if silent.is_none() {
            circumstances.append(&mut self.fuse(accepted, choices));
        }
        Verdict::Accepted {
            recorded,
            path_by_path: is_same,
            merged,
            circumstances,
            silent,
            met,
            executed: runs.executed,
        }
    }

    /// A program if the verifier accepts it, and the rows that it meets.
    pub fn accept(&self, case: &Case, choices: &mut Choices) -> Option<(Accepted, BTreeSet<Row>)> {
        let helpers = &self.helpers[usize::from(case.replaced)];
        let verified = verify_with(&case.program, &case.context, helpers, self.limits).ok()?;
        let accepted = Accepted {
            verified,
            replaced: case.replaced,
        };
        let mut evaluator = Evaluator::new(&[subject_of(&accepted)]);
        for _ in 0..RUNS {
            let surroundings = Surroundings::new(&case.context, choices);
            evaluator
                .run(surroundings.region(), &surroundings.fields)
                .ok()?;
        }
        Some((accepted, evaluator.met))
    }

    /// The rows that a rejected program meets before it goes wrong.
    fn attempt(&self, case: &Case, choices: &mut Choices) -> BTreeSet<Row> {
        let subject = Subject {
            program: &case.program,
            context: &case.context,
            helpers: &self.helpers[usize::from(case.replaced)],
            replaced: case.replaced,
            limit: ATTEMPTED,
        };
        let mut evaluator = Evaluator::new(&[subject]);
        for _ in 0..RUNS {
            let surroundings = Surroundings::new(&case.context, choices);
            // Whatever comes of it.
            let _ = evaluator.run(surroundings.region(), &surroundings.fields);
        }
        evaluator.met
    }

    /// Runs a program between two that were accepted before, in one dispatch function; now and
    /// then, because that is half of all the work otherwise.
    fn fuse(&self, accepted: Accepted, choices: &mut Choices) -> BTreeSet<Circumstance> {
        let mut before = self.before.borrow_mut();
        let context = accepted.verified.context().clone();
        let same_context = |other: &&Accepted| *other.verified.context() == context;
        let others: Vec<_> = before.iter().rev().filter(same_context).take(2).collect();
        let mut fused = BTreeSet::new();
        if let [last, first] = others[..]
            && choices.chance(20)
        {
            let programs = [first, &accepted, last];
            fused.insert(Circumstance::Fused);
            if programs.iter().any(|program| is_large(&program.verified)) {
                fused.insert(Circumstance::FusedLarge);
            }
            let mut voices = Voices::new(&programs);
            for _ in 0..RUNS {
                voices.send_input(choices);
                let surroundings = Surroundings::new(&context, choices);
                let ground = &mut self.ground.borrow_mut();
                voices.run(&surroundings, ground, choices, |_, _| ());
            }
        }
        before.push_back(accepted);
        if before.len() > REMEMBERED {
            before.pop_front();
        }
        fused
    }
}

/// Whether a codelet is too large to be lowered into dispatch functions.
fn is_large(verified: &VerifiedProgram) -> bool {
    verified.program().insns.len() > INLINED
}

/// The circumstances of an accepted program that are known before it runs.
fn circumstances_of(case: &Case, verified: &VerifiedProgram) -> BTreeSet<Circumstance> {
    let region = &case.context.region;
    let frameless = |function: &VerifiedFunction| function.stack_size == 0;
    let functions = verified.functions();
    [
        (verified.summary().merged > 0, Circumstance::Merged),
        (
            functions.first().is_some_and(frameless),
            Circumstance::FramelessEntry,
        ),
        (
            functions.iter().skip(1).any(frameless),
            Circumstance::FramelessFunction,
        ),
        (
            region.known_size > 0 && region.sized_by_end,
            Circumstance::KnownRegion,
        ),
        (!region.sized_by_end, Circumstance::FixedRegion),
        (!region.writable, Circumstance::ReadOnlyRegion),
        (region.align == 1, Circumstance::Align1),
        (region.align == 2, Circumstance::Align2),
        (region.align == 4, Circumstance::Align4),
        (
            case.context.fields.iter().all(|field| field.writable),
            Circumstance::WritableField,
        ),
        (case.replaced, Circumstance::OwnClocks),
        (!case.replaced, Circumstance::BuiltInClocks),
        (is_large(verified), Circumstance::Large),
    ]
    .into_iter()
    .filter_map(|(holds, circumstance)| holds.then_some(circumstance))
    .collect()
}

fn is_exhausted(rejection: &Rejection) -> bool {
    matches!(rejection.code, Code::TooComplex | Code::OutOfMemory)
}

/// An accepted program while it runs.
struct Runs {
    voices: Voices,
    facts: Vec<Fact>,
    record: Option<Record>,
    executed: BTreeSet<usize>,
}

impl Runs {
    fn new(accepted: &Accepted, record: Option<Record>) -> Self {
        Self {
            voices: Voices::new(&[accepted]),
            facts: accepted.verified.facts().to_vec(),
            record,
            executed: BTreeSet::new(),
        }
    }

    fn run(&mut self, ground: &mut Ground, choices: &mut Choices) {
        self.voices.send_input(choices);
        let codelet = Arc::clone(&self.voices.interpreted[0]);
        let surroundings = Surroundings::new(codelet.program().context(), choices);
        let mut witness = Witness::new(
            codelet.program().program(),
            &self.facts,
            self.record.as_ref(),
            &mut self.executed,
        );
        self.voices
            .run(&surroundings, ground, choices, |step, region| {
                witness.see(step, region);
            });
    }
}

pub fn listing(program: &Program) -> String {
    let helpers = HelperTable::builtin();
    (0..program.insns.len())
        .map(|at| format!("{at}: {}\n", disassemble(program, &helpers, at)))
        .collect()
}
