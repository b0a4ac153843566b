//! What an accepted program is held against.
//!
//! It runs in the checked interpreter on contexts of all sorts, without a fault and in no more
//! instructions than the worst case. Each register lies within what the verifier knew of it at each
//! instruction, jumps go where the verifier says that they can go, accesses touch the memory that the engine is
//! told of; and what is accepted with states that stand for others is accepted path by path as well.

use std::collections::BTreeSet;
use std::sync::Arc;

use jbpf_core::builtins;
use jbpf_core::engine::{BoundCodelet, CodeletEnvironment, Input, interpreter};
use jbpf_core::map::{Map, MapOptions, Storage};
use jbpf_verifier::program::{BranchOutcome, Fact, MemorySpace};
use jbpf_verifier::report::{Code, disassemble};
use jbpf_verifier::types::HelperTable;
use jbpf_verifier::{
    Limits, Program, Record, Rejection, Starts, VerifiedProgram, verify_recorded, verify_with,
};

use super::choices::Choices;
use super::program::{Case, RECORD};
use super::support::Memory;

/// Bytes of a frame.
const FRAME: u64 = 512;
/// Frames of nested calls.
const FRAMES: u64 = 8;
/// Bytes of the contexts here, padding included.
const CONTEXT: u64 = 32;
/// How often an accepted program runs.
const RUNS: usize = 4;

/// What became of a program.
pub enum Verdict {
    Rejected {
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
        /// Instructions that some run executed.
        executed: BTreeSet<usize>,
    },
}

/// Puts programs to the test.
pub struct Oracle {
    helpers: Arc<HelperTable>,
    limits: Limits,
}

impl Oracle {
    pub fn new() -> Self {
        Self {
            helpers: Arc::new(HelperTable::builtin()),
            limits: Limits {
                instructions: 40_000,
                ..Limits::default()
            },
        }
    }

    /// Verifies a program, and runs it if that succeeds. Panics at the first thing that is not as the
    /// verifier says.
    pub fn judge(&self, case: &Case, choices: &mut Choices) -> Verdict {
        let (program, context, helpers) = (&case.program, &case.context, &self.helpers);
        let all_paths = Limits {
            exhaustive: true,
            ..self.limits
        };
        let path_by_path = verify_with(program, context, helpers, all_paths);
        let verified = match verify_with(program, context, helpers, self.limits) {
            Ok(verified) => verified,
            Err(rejection) => {
                return Verdict::Rejected {
                    needlessly: path_by_path.is_ok(),
                    too_complex: is_exhausted(&rejection),
                };
            }
        };
        let is_same = path_by_path.is_ok();
        if let Err(rejection) = path_by_path.map(drop) {
            assert!(
                is_exhausted(&rejection),
                "{}: accepted, but path by path at {}: {rejection}\n{}",
                program.name,
                rejection.insn,
                listing(program)
            );
        }
        let recorded = verify_recorded(program, context, helpers, self.limits);
        let record = recorded.map(|(_, record)| record).ok();
        let recorded = record.is_some();
        let merged = verified.summary().merged;
        let mut runs = Runs::new(verified, record);
        for _ in 0..RUNS {
            runs.run(choices);
        }
        Verdict::Accepted {
            recorded,
            path_by_path: is_same,
            merged,
            executed: runs.executed,
        }
    }
}

fn is_exhausted(rejection: &Rejection) -> bool {
    matches!(rejection.code, Code::TooComplex | Code::OutOfMemory)
}

/// An accepted program while it runs.
struct Runs {
    codelet: Arc<BoundCodelet>,
    facts: Vec<Fact>,
    record: Option<Record>,
    executed: BTreeSet<usize>,
}

impl Runs {
    fn new(verified: VerifiedProgram, record: Option<Record>) -> Self {
        let maps: Vec<Arc<Map>> = verified
            .program()
            .maps
            .iter()
            .map(|def| Arc::new(Map::new(def, &MapOptions::default()).unwrap()))
            .collect();
        let bindings = builtins::bindings(verified.helpers().clone(), []).unwrap();
        let environment = Arc::new(CodeletEnvironment {
            name: verified.program().name.clone(),
            runtime_threshold_ns: 0,
        });
        let facts = verified.facts().to_vec();
        let codelet = BoundCodelet::bind(verified, maps, Arc::new(bindings), environment).unwrap();
        Self {
            codelet: Arc::new(codelet),
            facts,
            record,
            executed: BTreeSet::new(),
        }
    }

    fn run(&mut self, choices: &mut Choices) {
        let context = self.codelet.program().context();
        let len = if context.region.sized_by_end {
            choices
                .pick(&[16_u64, 17, 24, 40, 63, 64, 100, 0, 1, 9])
                .max(context.region.known_size)
        } else {
            context.region.known_size
        };
        // No more aligned than promised.
        let before = context.region.align as usize % 8;
        let bytes: Vec<u8> = (0..before as u64 + len).map(|_| byte(choices)).collect();
        let mut memory = Memory::new(&bytes);
        let mut fields: Vec<u8> = (0..12).map(|_| byte(choices)).collect();
        for map in self.codelet.maps() {
            if let Storage::ControlInput(input) = map.storage()
                && choices.chance(50)
            {
                // A full ring is as good.
                let _ = input.ring().send_bytes(&[byte(choices); RECORD as usize]);
            }
        }
        let region = &mut memory.bytes_mut()[before..];
        let mut witness = Witness {
            program: self.codelet.program().program(),
            facts: &self.facts,
            record: self.record.as_ref(),
            executed: &mut self.executed,
            region: (region.as_ptr() as u64, len),
            context: 0,
            entry_frame: 0,
            last: None,
        };
        let mut input = Input {
            fields: &mut fields,
            region,
        };
        let mut observe = |step: interpreter::Step<'_>| witness.see(step);
        let outcome = interpreter::run(&self.codelet, &mut input, &mut observe);
        if let Err(fault) = outcome {
            let program = self.codelet.program().program();
            panic!("{}: {fault}\n{}", program.name, listing(program));
        }
    }
}

/// Holds each step of a run against what the verifier says.
struct Witness<'r> {
    program: &'r Program,
    facts: &'r [Fact],
    record: Option<&'r Record>,
    executed: &'r mut BTreeSet<usize>,
    /// Address and size.
    region: (u64, u64),
    context: u64,
    /// The frame pointer of the first frame.
    entry_frame: u64,
    last: Option<usize>,
}

impl Witness<'_> {
    fn see(&mut self, step: interpreter::Step<'_>) {
        if self.last.is_none() {
            self.context = step.registers[1];
            self.entry_frame = step.registers[10];
        }
        self.executed.insert(step.insn);
        self.check_jump(step.insn);
        self.check_access(&step);
        self.check_registers(&step);
        self.last = Some(step.insn);
    }

    fn check_jump(&self, to: usize) {
        let reached = self.facts[to] != Fact::Unreachable;
        self.assert(reached, || format!("instruction {to} is reached"));
        let Some(from) = self.last else { return };
        let Fact::Branch(outcome) = self.facts[from] else {
            return;
        };
        let target = (from as i64 + 1 + i64::from(self.program.insns[from].off)) as usize;
        let holds = match outcome {
            BranchOutcome::Both => to == target || to == from + 1,
            BranchOutcome::Always => to == target,
            BranchOutcome::Never => to == from + 1,
        };
        self.assert(holds, || format!("{from} goes to {to}, not {outcome:?}"));
    }

    fn check_access(&self, step: &interpreter::Step<'_>) {
        let Fact::Memory(space) = self.facts[step.insn] else {
            return;
        };
        let insn = self.program.insns[step.insn];
        let is_load = insn.opcode & 0x07 == 0x01;
        let base = if is_load { insn.src } else { insn.dst };
        let address = step.registers[usize::from(base)].wrapping_add_signed(insn.off.into());
        let within = |start: u64, len: u64| address.wrapping_sub(start) < len;
        let touched = if within(self.entry_frame - FRAME, FRAMES * FRAME) {
            Some(MemorySpace::Stack)
        } else if within(self.region.0, self.region.1) {
            Some(MemorySpace::Region)
        } else if within(self.context, CONTEXT) {
            Some(MemorySpace::Context)
        } else {
            None
        };
        let holds = match (space, touched) {
            (MemorySpace::Mixed, _) => true,
            (MemorySpace::MapValue | MemorySpace::OutputBuffer, touched) => touched.is_none(),
            (space, touched) => touched == Some(space),
        };
        self.assert(holds, || {
            format!("{} touches {touched:?}, not {space:?}", step.insn)
        });
    }

    fn check_registers(&self, step: &interpreter::Step<'_>) {
        let Some(record) = self.record else { return };
        let starts = Starts {
            frame: step.registers[10],
            region: self.region.0,
            context: self.context,
        };
        for register in 0..10 {
            let value = step.registers[register];
            let holds = step.initialised & 1 << register == 0
                || record.allows(step.insn, register, value, &starts);
            self.assert(holds, || {
                format!("r{register} is {value:#x} before {}", step.insn)
            });
        }
    }

    fn assert(&self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            let program = self.program;
            panic!("{}: {}\n{}", program.name, what(), listing(program));
        }
    }
}

pub fn listing(program: &Program) -> String {
    let helpers = HelperTable::builtin();
    (0..program.insns.len())
        .map(|at| format!("{at}: {}\n", disassemble(program, &helpers, at)))
        .collect()
}

fn byte(choices: &mut Choices) -> u8 {
    match choices.below(4) {
        0 => 0,
        1 => choices.pick(&[1, 0x7f, 0x80, 0xff]),
        2 => choices.below(16) as u8,
        _ => choices.below(256) as u8,
    }
}
