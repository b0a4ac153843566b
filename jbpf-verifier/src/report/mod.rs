//! Rejections: the fault, its place, its reason, and a hint.
//!
//! `codes` holds the stable codes, and `pages` their explanations. `build` makes rejections from
//! failures, `render` shows them in a terminal, and `disassembly` writes instructions as text.

use serde::{Deserialize, Serialize};

pub(crate) mod build;
pub mod codes;
mod disassembly;
mod pages;
pub mod render;

pub use codes::Code;
pub use disassembly::disassemble;
pub use render::render;

/// The reason why a program was rejected. `Display` is its one sentence, and [`render()`] shows
/// the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Rejection {
    /// The stable code.
    pub code: Code,
    /// One sentence that names the culprit.
    pub message: String,
    /// The program's name.
    pub program: String,
    /// Index of the instruction.
    pub insn: usize,
    /// The instruction in assembly.
    pub disassembly: String,
    /// The name of the function that it is in, if the object has one.
    pub function: Option<String>,
    /// Its source line, if the object has it.
    pub location: Option<SourceLine>,
    /// The failed obligation in numbers: "reads 4 bytes at data+40; 40 are known to be there".
    pub obligation: Option<String>,
    /// The registers that matter, as (name, abstract value).
    pub registers: Vec<(String, String)>,
    /// The place where the missing fact was last known or lost.
    pub origin: Option<Origin>,
    /// The path from the entry to the instruction. The middle of a long path is left out.
    pub path: Vec<PathStep>,
    /// A hint at the mend.
    pub hint: Option<String>,
    /// Frames of the calls that were active, innermost first, with their stack use.
    pub frames: Vec<String>,
}

/// A place in the author's source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceLine {
    /// Path as the compiler wrote it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1; 0 if unknown.
    pub column: u32,
    /// The line's text.
    pub text: String,
}

/// An earlier instruction that explains the failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The event there: "the result of map_lookup_elem may be null".
    pub what: String,
    /// Index of the instruction.
    pub insn: usize,
    /// The instruction in assembly.
    pub disassembly: String,
    /// Its source line, if known.
    pub location: Option<SourceLine>,
}

/// One step of the path to the failure: a branch, a call, a return, or the failure itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathStep {
    /// Index of the instruction.
    pub insn: usize,
    /// The event: "if r2 > r3: not taken".
    pub what: String,
    /// Its source line, if known.
    pub location: Option<SourceLine>,
}
