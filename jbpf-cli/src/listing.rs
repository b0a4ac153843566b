//! A program as text: functions, source lines, instructions, and what was proved of each.

use jbpf_verifier::program::{BranchOutcome, Fact, LineInfo, MemorySpace, VerifiedProgram};
use jbpf_verifier::report::disassemble;
use jbpf_verifier::types::HelperTable;
use jbpf_verifier::{Program, Rejection};

use crate::visible::shown;

/// Columns that an instruction takes before what is said of it.
const INSTRUCTION_WIDTH: usize = 36;

/// The lines of an accepted program.
pub(crate) fn accepted(verified: &VerifiedProgram) -> Vec<String> {
    let facts = verified.facts();
    lines(verified.program(), verified.helpers(), |at| {
        let fact = facts.get(at).copied().unwrap_or_default();
        (" ", describe(fact, verified.program()))
    })
}

/// The lines of a rejected program, with a mark at the instruction that it was rejected for.
pub(crate) fn rejected(
    program: &Program,
    helpers: &HelperTable,
    rejection: &Rejection,
) -> Vec<String> {
    lines(program, helpers, |at| {
        if at == rejection.insn {
            (">", rejection.to_string())
        } else {
            (" ", String::new())
        }
    })
}

fn lines(
    program: &Program,
    helpers: &HelperTable,
    remark: impl Fn(usize) -> (&'static str, String),
) -> Vec<String> {
    let mut lines = Vec::with_capacity(program.insns.len());
    let mut titles = Titles::new(program);
    for at in 0..program.insns.len() {
        let Some(instruction) = instruction(program, helpers, at) else {
            continue;
        };
        lines.extend(titles.before(at));
        let (mark, remark) = remark(at);
        lines.push(row(mark, at, &instruction, &remark));
    }
    lines
}

/// The functions and source lines above instructions, each where it begins to hold.
pub(crate) struct Titles<'p> {
    program: &'p Program,
    function: Option<usize>,
    line: Option<&'p LineInfo>,
}

impl<'p> Titles<'p> {
    pub(crate) fn new(program: &'p Program) -> Self {
        Self {
            program,
            function: None,
            line: None,
        }
    }

    /// The lines to show before an instruction.
    pub(crate) fn before(&mut self, at: usize) -> Vec<String> {
        let mut titles = Vec::new();
        let functions = &self.program.functions;
        let next = functions.partition_point(|function| function.start <= at);
        let function = next.checked_sub(1).and_then(|index| functions.get(index));
        let start = function.map(|function| function.start);
        if let Some(function) = function
            && self.function != start
        {
            titles.push(format!("{}:", visible(&function.name)));
            self.line = None;
        }
        self.function = start;
        if let Some(line) = self.program.line_of(at)
            && start.is_none_or(|start| start <= line.insn)
            && self
                .line
                .is_none_or(|shown| (shown.line, &shown.file) != (line.line, &line.file))
        {
            let (file, text) = (visible(&line.file), visible(line.text.trim()));
            titles.push(format!("      ; {file}:{}: {text}", line.line));
            self.line = Some(line);
        }
        titles
    }
}

/// One instruction as text, with the instruction that a jump goes to. `None`: the second slot of a
/// wide load.
pub(crate) fn instruction(program: &Program, helpers: &HelperTable, at: usize) -> Option<String> {
    let text = disassemble(program, helpers, at);
    if text.is_empty() {
        return None;
    }
    Some(match target(program, at) {
        Some(target) => format!("{text} -> {target}"),
        None => text,
    })
}

/// The line of an instruction, with a mark before it and a remark behind it.
pub(crate) fn row(mark: &str, at: usize, instruction: &str, remark: &str) -> String {
    let line = format!("{mark}{at:5}  {instruction:INSTRUCTION_WIDTH$}  {remark}");
    visible(line.trim_end())
}

/// The target of a jump.
fn target(program: &Program, at: usize) -> Option<usize> {
    let insn = program.insns.get(at)?;
    let (class, operation) = (insn.opcode & 7, insn.opcode >> 4);
    let distance = match (class, operation) {
        (5 | 6, 8 | 9) => return None,
        (6, 0) => insn.imm.try_into().ok()?,
        (5 | 6, _) => isize::from(insn.off),
        _ => return None,
    };
    (at + 1).checked_add_signed(distance)
}

fn describe(fact: Fact, program: &Program) -> String {
    let text = match fact {
        Fact::Reached | Fact::Branch(BranchOutcome::Both) | Fact::HelperCall { map: None } => {
            return String::new();
        }
        Fact::Unreachable => "unreachable",
        Fact::Memory(space) => match space {
            MemorySpace::Context => "context",
            MemorySpace::Stack => "stack",
            MemorySpace::Region => "data region",
            MemorySpace::MapValue => "map value",
            MemorySpace::PrivateValue => "value of this thread's own, or constant",
            MemorySpace::OutputBuffer => "output buffer",
            MemorySpace::Mixed => "memory of several kinds",
        },
        Fact::Branch(BranchOutcome::Always) => "always taken",
        Fact::Branch(BranchOutcome::Never) => "never taken",
        Fact::HelperCall { map: Some(map) } => {
            let name = program.maps.get(map).map(|map| map.name.as_str());
            return format!("; on map {}", name.unwrap_or_default());
        }
    };
    format!("; {text}")
}

/// Text of the object as it may be shown: without what a terminal would obey.
fn visible(text: &str) -> String {
    let text = text.replace('\t', " ");
    shown(text.as_bytes()).replace('\n', "\u{fffd}")
}
