//! Compares each step of a run with the verifier's facts.

use std::collections::BTreeSet;
use std::ops::Range;

use jbpf_core::engine::interpreter;
use jbpf_verifier::program::{BranchOutcome, Fact, MemorySpace};
use jbpf_verifier::{Program, Record, Starts};

use super::listing;

/// Bytes of a frame.
const FRAME: u64 = 512;
/// Bytes of the frames of nested calls, with the gaps between them.
const FRAMES: u64 = 8 * (FRAME + 16);
/// Bytes of the contexts here, padding included.
const CONTEXT: u64 = 32;

/// Compares each step of a run with the verifier's facts.
pub struct Witness<'r> {
    program: &'r Program,
    facts: &'r [Fact],
    record: Option<&'r Record>,
    executed: &'r mut BTreeSet<usize>,
    region: Range<u64>,
    context: u64,
    /// The frame pointer of the first frame.
    entry_frame: u64,
    last: Option<usize>,
}

impl<'r> Witness<'r> {
    pub fn new(
        program: &'r Program,
        facts: &'r [Fact],
        record: Option<&'r Record>,
        executed: &'r mut BTreeSet<usize>,
    ) -> Self {
        Self {
            program,
            facts,
            record,
            executed,
            region: 0..0,
            context: 0,
            entry_frame: 0,
            last: None,
        }
    }

    /// Sees a step of a run. The region is at these addresses.
    pub fn see(&mut self, step: interpreter::Step<'_>, region: &Range<u64>) {
        self.region = region.clone();
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
        let touched = if within(self.entry_frame - FRAME, FRAMES) {
            Some(MemorySpace::Stack)
        } else if self.region.contains(&address) {
            Some(MemorySpace::Region)
        } else if within(self.context, CONTEXT) {
            Some(MemorySpace::Context)
        } else {
            None
        };
        let holds = match (space, touched) {
            (MemorySpace::Mixed, _) => true,
            (
                MemorySpace::MapValue | MemorySpace::PrivateValue | MemorySpace::OutputBuffer,
                touched,
            ) => touched.is_none(),
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
            region: self.region.start,
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
