//! The steps of a run, as they are made: each instruction, with the registers that it changed.

use jbpf_core::engine::interpreter::{Observer, Step};
use jbpf_verifier::VerifiedProgram;
use serde::Serialize;

use crate::listing::{self, Titles};
use crate::output::{Failure, Output};

/// Columns that each function call moves the instructions to the right.
const INDENT: usize = 2;

/// Prints the steps of one call.
///
/// The interpreter shows the state before each instruction. So an instruction is printed when the
/// next one comes, or when the call ends.
pub(crate) struct Trace<'a> {
    program: &'a VerifiedProgram,
    /// How events name the call; `None` prints text.
    json: Option<(&'static str, u64)>,
    output: &'a mut Output,
    titles: Titles<'a>,
    last: Option<State>,
    /// The first failure of the output, which ends the printing.
    printed: Result<(), Failure>,
}

/// A step that outlives the observer's call.
#[derive(Clone, Copy)]
struct State {
    insn: usize,
    depth: usize,
    registers: [u64; 11],
    initialised: u16,
}

#[derive(Serialize)]
struct Event<'a> {
    engine: &'static str,
    call: u64,
    insn: usize,
    depth: usize,
    instruction: &'a str,
    /// Path and line, if the object says.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// The registers that the instruction changed, as hexadecimal numbers.
    registers: serde_json::Map<String, serde_json::Value>,
}

impl<'a> Trace<'a> {
    /// Prints text.
    pub(crate) fn text(program: &'a VerifiedProgram, output: &'a mut Output) -> Self {
        Self {
            program,
            json: None,
            output,
            titles: Titles::new(program.program()),
            last: None,
            printed: Ok(()),
        }
    }

    /// Prints objects, for the call of this number on this engine.
    pub(crate) fn json(
        program: &'a VerifiedProgram,
        output: &'a mut Output,
        engine: &'static str,
        call: u64,
    ) -> Self {
        Self {
            json: Some((engine, call)),
            ..Self::text(program, output)
        }
    }

    /// Prints the last step, which has no next one.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        if let Some(last) = self.last.take() {
            self.show(last, Vec::new());
        }
        self.printed
    }

    fn show(&mut self, state: State, changed: Vec<(usize, u64)>) {
        if self.printed.is_ok() {
            self.printed = self.print(state, changed);
        }
    }

    fn print(&mut self, state: State, changed: Vec<(usize, u64)>) -> Result<(), Failure> {
        let program = self.program.program();
        let text = listing::instruction(program, self.program.helpers(), state.insn);
        let text = text.unwrap_or_default();
        let changed = changed
            .into_iter()
            .map(|(register, value)| (format!("r{register}"), format!("{value:#x}")));
        if let Some((engine, call)) = self.json {
            return self.output.json(&Event {
                engine,
                call,
                insn: state.insn,
                depth: state.depth,
                instruction: &text,
                source: program
                    .line_of(state.insn)
                    .map(|line| format!("{}:{}", line.file, line.line)),
                registers: changed
                    .map(|(register, value)| (register, value.into()))
                    .collect(),
            });
        }
        let indent = " ".repeat(INDENT * state.depth);
        for title in self.titles.before(state.insn) {
            self.output.line(format_args!("{indent}{title}"))?;
        }
        let changed: Vec<_> = changed
            .map(|(register, value)| format!("{register}={value}"))
            .collect();
        let row = listing::row(" ", state.insn, &text, &changed.join(" "));
        self.output.line(format_args!("{indent}{row}"))
    }
}

impl Observer for Trace<'_> {
    fn step(&mut self, step: Step<'_>) {
        let now = State {
            insn: step.insn,
            depth: step.depth,
            registers: *step.registers,
            initialised: step.initialised,
        };
        if let Some(before) = self.last.replace(now) {
            self.show(before, changes(&before, &now));
        }
    }
}

/// The registers that hold another value now, or one for the first time.
fn changes(before: &State, now: &State) -> Vec<(usize, u64)> {
    let registers = now.registers.iter().zip(&before.registers).enumerate();
    let changed = registers.filter(|(register, (new, old))| {
        let bit = 1 << register;
        now.initialised & bit != 0 && (before.initialised & bit == 0 || new != old)
    });
    changed
        .map(|(register, (new, _))| (register, *new))
        .collect()
}
