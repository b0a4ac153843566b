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
    let mut shown: Option<&LineInfo> = None;
    for at in 0..program.insns.len() {
        let text = disassemble(program, helpers, at);
        if text.is_empty() {
            continue;
        }
        if let Some(function) = program.functions.iter().find(|name| name.start == at) {
            lines.push(format!("{}:", visible(&function.name)));
            shown = None;
        }
        if let Some(line) = source(program, at)
            && shown.is_none_or(|shown| (shown.line, &shown.file) != (line.line, &line.file))
        {
            let (file, text) = (visible(&line.file), visible(line.text.trim()));
            lines.push(format!("      ; {file}:{}: {text}", line.line));
            shown = Some(line);
        }
        let (mark, remark) = remark(at);
        let instruction = match target(program, at) {
            Some(target) => format!("{text} -> {target}"),
            None => text,
        };
        let line = format!("{mark}{at:5}  {instruction:INSTRUCTION_WIDTH$}  {remark}");
        lines.push(visible(line.trim_end()));
    }
    lines
}

/// The source line that begins at an instruction.
fn source(program: &Program, at: usize) -> Option<&LineInfo> {
    let index = program
        .lines
        .binary_search_by_key(&at, |line| line.insn)
        .ok()?;
    program.lines.get(index)
}

/// Where a jump goes.
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
