//! Reports from failures: places in the source, and the path from the entry.

use super::{Code, Origin, PathStep, Rejection, SourceLine, disassemble};
use crate::explore::{CostlyCall, Failure, Success, TrailStep, Turn};
use crate::fault::Fault;
use crate::insn::{GateError, Insn, Operand};
use crate::program::Program;
use crate::state::State;
use crate::step::Subject;
use crate::types::{ContextDef, HelperTable, MAX_CALL_INSTRUCTIONS};

/// Steps that a report keeps at each end of a long path.
const PATH_ENDS: usize = 12;

/// Finds the places in the source that instructions came from.
pub(crate) struct Places<'a> {
    pub(crate) program: &'a Program,
    pub(crate) helpers: &'a HelperTable,
}

impl Places<'_> {
    fn line(&self, at: usize) -> Option<SourceLine> {
        let line = self.program.line_of(at)?;
        Some(SourceLine {
            file: line.file.to_string(),
            line: line.line,
            column: line.column,
            text: line.text.to_string(),
        })
    }

    fn function(&self, at: usize) -> Option<String> {
        self.program.function_of(at).map(str::to_owned)
    }

    fn function_name(&self, start: usize) -> String {
        let named = self.program.functions.iter().find(|f| f.start == start);
        named.map_or_else(
            || format!("function at instruction {start}"),
            |function| function.name.clone(),
        )
    }

    fn step(&self, at: usize, what: String) -> PathStep {
        PathStep {
            insn: at,
            what,
            location: self.line(at),
        }
    }

    fn rejection(&self, fault: Fault, at: usize) -> Rejection {
        Rejection {
            code: fault.code,
            message: fault.message,
            program: self.program.name.clone(),
            insn: at,
            disassembly: disassemble(self.program, self.helpers, at),
            function: self.function(at),
            location: self.line(at),
            obligation: fault.obligation,
            registers: fault.registers,
            origin: fault
                .origin
                .filter(|(insn, _)| *insn != at)
                .map(|(insn, what)| Origin {
                    what,
                    insn,
                    disassembly: disassemble(self.program, self.helpers, insn),
                    location: self.line(insn),
                }),
            path: Vec::new(),
            hint: fault.hint,
            frames: Vec::new(),
        }
    }

    /// The rejection for a program that the gate did not let pass.
    pub(crate) fn gate(&self, error: GateError) -> Box<Rejection> {
        let hint = match error.code {
            Code::UnknownOpcode | Code::ReservedField => {
                Some("was the object made by a compiler that targets BPF, and is it complete?")
            }
            Code::Recursion => Some("write the recursion as a loop with a bound"),
            Code::TooManyInstructions | Code::TooManyMaps => Some("split the codelet"),
            _ => None,
        };
        let mut fault = Fault::new(error.code, error.message);
        fault.hint = hint.map(str::to_owned);
        Box::new(self.rejection(*fault, error.insn))
    }

    /// Compares the worst case with the limit of the hook, or with the usual one.
    pub(crate) fn check_limit(
        &self,
        context: &ContextDef,
        success: &Success,
    ) -> Result<(), Box<Rejection>> {
        let worst_case = success.worst_case;
        let limit = context.max_instructions.unwrap_or(MAX_CALL_INSTRUCTIONS);
        if worst_case <= limit {
            return Ok(());
        }
        let who = match context.max_instructions {
            Some(_) => format!("the hook allows {limit}"),
            None => format!("{limit} are allowed where the application does not allow more"),
        };
        let mut fault = Fault::new(
            Code::InstructionLimit,
            format!("one call may execute {worst_case} instructions; {who}"),
        )
        .obligation(format!(
            "executes up to {worst_case} instructions; {limit} are allowed"
        ))
        .hint("do less in one call, with smaller values and maps; or the application allows more: `max_instructions` of the hook, or of the runtime");
        // A call is named only if the loops alone are not the cause.
        if let Some(CostlyCall { at, work }) =
            success.costliest.filter(|call| call.work > limit / 16)
        {
            let called = match self
                .program
                .insns
                .get(at)
                .map(|insn| insn.imm.cast_unsigned())
            {
                Some(id) => self
                    .helpers
                    .get(id)
                    .map_or("a helper", |helper| &helper.name),
                None => "a helper",
            };
            fault = fault.origin(
                at as u32,
                format!("{called} counts {work} instructions here: eight bytes that it may touch are one"),
            );
        }
        Err(Box::new(self.rejection(*fault, 0)))
    }

    /// The rejection for a failure of the exploration.
    pub(crate) fn failure(&self, failure: Failure, subject: &Subject) -> Box<Rejection> {
        let Failure {
            fault,
            at,
            trail,
            state,
        } = failure;
        let message = fault.message.clone();
        let mut rejection = self.rejection(*fault, at);
        rejection.path = self.path(&trail, subject);
        rejection.path.push(self.step(at, message));
        rejection.frames = state.map_or_else(Vec::new, |state| self.frames(&state, subject));
        Box::new(rejection)
    }

    fn path(&self, trail: &[TrailStep], subject: &Subject) -> Vec<PathStep> {
        let tell = |step: &TrailStep| {
            let at = usize::from(step.insn);
            self.step(at, self.turn(at, step.what, subject))
        };
        let skipped = trail.len().saturating_sub(2 * PATH_ENDS);
        if skipped == 0 {
            return trail.iter().map(tell).collect();
        }
        let first = trail.iter().take(PATH_ENDS);
        let last = trail.iter().skip(PATH_ENDS + skipped);
        let at = trail
            .get(PATH_ENDS)
            .map_or(0, |step| usize::from(step.insn));
        let gap = self.step(at, format!("... {skipped} more steps ..."));
        first.map(tell).chain([gap]).chain(last.map(tell)).collect()
    }

    fn turn(&self, at: usize, turn: Turn, subject: &Subject) -> String {
        match (turn, subject.insns.get(at)) {
            (Turn::Call, Some(Insn::CallFunction { target })) => {
                format!("calls {}", self.function_name(*target))
            }
            (Turn::Return, _) => "returns".to_owned(),
            (
                _,
                Some(Insn::Branch {
                    cond,
                    width,
                    lhs,
                    rhs,
                    ..
                }),
            ) => {
                use crate::scalar::{JumpCond, Width};
                let sign = match cond {
                    JumpCond::Eq => "==",
                    JumpCond::Ne => "!=",
                    JumpCond::Gt => ">",
                    JumpCond::Ge => ">=",
                    JumpCond::Lt => "<",
                    JumpCond::Le => "<=",
                    JumpCond::Sgt => "s>",
                    JumpCond::Sge => "s>=",
                    JumpCond::Slt => "s<",
                    JumpCond::Sle => "s<=",
                    JumpCond::Set => "&",
                };
                let prefix = if *width == Width::W32 { "w" } else { "r" };
                let rhs = match rhs {
                    Operand::Reg(rhs) => format!("{prefix}{}", rhs.number()),
                    Operand::Imm(value) => (*value as i64).to_string(),
                };
                let taken = if turn == Turn::Taken {
                    "taken"
                } else {
                    "not taken"
                };
                format!("if {prefix}{} {sign} {rhs}: {taken}", lhs.number())
            }
            _ => "goes on".to_owned(),
        }
    }

    fn frames(&self, state: &State, subject: &Subject) -> Vec<String> {
        let frames = state.frames().map(|(_, frame)| {
            let start = subject.flow.functions().get(frame.function);
            let name = self.function_name(start.map_or(0, |function| function.start));
            let lowest = frame.stack.cells().first().map_or(0, |cell| -cell.start);
            format!("{name}: {lowest} bytes of stack written")
        });
        let mut frames: Vec<_> = frames.collect();
        frames.reverse();
        frames
    }
}
