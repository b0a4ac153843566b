//! Rejections: what was wrong, where, why, and what to try.
//!
//! `codes` holds the stable codes, `pages` their explanations, `render` the terminal's view, `disassembly`
//! instructions as text.

use serde::{Deserialize, Serialize};

pub(crate) mod build;
pub mod codes;
mod disassembly;
mod pages;
pub mod render;

pub use codes::Code;
pub use disassembly::disassemble;
pub use render::render;

/// Why a program was rejected. A value: `Display` is its one sentence, [`render()`] shows the rest.
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
    /// The function it is in, when named.
    pub function: Option<String>,
    /// Its source line, when the object knows it.
    pub location: Option<SourceLine>,
    /// The failed obligation in numbers: "reads 4 bytes at data+40; 40 are known to be there".
    pub obligation: Option<String>,
    /// The registers that matter, as (name, abstract value).
    pub registers: Vec<(String, String)>,
    /// Where the missing fact was last known or lost.
    pub origin: Option<Origin>,
    /// The path from the entry to the instruction; long ones are shortened in the middle.
    pub path: Vec<PathStep>,
    /// What to try.
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
    /// Column, from 1; 0 when unknown.
    pub column: u32,
    /// The line's text.
    pub text: String,
}

/// An earlier instruction that explains the failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// What happened there: "the result of map_lookup_elem may be null".
    pub what: String,
    /// Index of the instruction.
    pub insn: usize,
    /// The instruction in assembly.
    pub disassembly: String,
    /// Its source line, when known.
    pub location: Option<SourceLine>,
}

/// One step of the path to the failure: a branch, a call, a return, or the failure itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathStep {
    /// Index of the instruction.
    pub insn: usize,
    /// What happened: "if r2 > r3: not taken".
    pub what: String,
    /// Its source line, when known.
    pub location: Option<SourceLine>,
}
