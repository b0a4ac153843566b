//! Faults that a step finds, before they are reported with their path.

use crate::bug::Bug;
use crate::report::Code;

/// A failed obligation at the current instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: Code,
    /// One sentence that names the culprit.
    pub(crate) message: String,
    pub(crate) obligation: Option<String>,
    /// Registers that matter, as (name, value).
    pub(crate) registers: Vec<(String, String)>,
    /// An earlier event that explains the fault, with its instruction.
    pub(crate) origin: Option<(usize, String)>,
    pub(crate) hint: Option<String>,
}

impl Fault {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Box<Self> {
        Box::new(Self {
            code,
            message: message.into(),
            obligation: None,
            registers: Vec::new(),
            origin: None,
            hint: None,
        })
    }

    /// The fault for a case that cannot be: the verifier contradicts itself, and proves nothing.
    /// The message names the caller's place in the source.
    #[track_caller]
    pub(crate) fn internal(what: &'static str) -> Box<Self> {
        let message = format!("internal error of the verifier, {}", Bug::new(what));
        Self::new(Code::Internal, message)
            .hint("this is a fault of the verifier, not of the codelet: report it with the object")
    }

    pub(crate) fn obligation(mut self: Box<Self>, text: impl Into<String>) -> Box<Self> {
        self.obligation = Some(text.into());
        self
    }

    pub(crate) fn register(
        mut self: Box<Self>,
        name: impl Into<String>,
        value: String,
    ) -> Box<Self> {
        self.registers.push((name.into(), value));
        self
    }

    pub(crate) fn origin(mut self: Box<Self>, insn: u32, what: impl Into<String>) -> Box<Self> {
        self.origin = Some((insn as usize, what.into()));
        self
    }

    pub(crate) fn hint(mut self: Box<Self>, text: impl Into<String>) -> Box<Self> {
        self.hint = Some(text.into());
        self
    }
}
