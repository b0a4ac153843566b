//! The subject of a compilation: a codelet, and the verifier's facts about it.

use jbpf_verifier::RawInsn;
use jbpf_verifier::program::{Fact, Objects, VerifiedFunction};

use super::homes::Effort;
use crate::engine::{BoundCodelet, CompileOptions, EngineError};

/// A codelet that is compiled.
#[derive(Clone, Copy)]
pub(super) struct Subject<'c> {
    pub codelet: &'c BoundCodelet,
    insns: &'c [RawInsn],
    facts: &'c [Fact],
    pub options: CompileOptions,
    pub effort: Effort,
    /// Whether r10 is 0 in functions that store nothing in their frames: a mistake of the engine.
    #[cfg(test)]
    pub null_frames: bool,
}

impl<'c> Subject<'c> {
    pub(super) fn new(codelet: &'c BoundCodelet, options: CompileOptions, effort: Effort) -> Self {
        let program = codelet.program();
        Self {
            codelet,
            insns: &program.program().insns,
            facts: program.facts(),
            options,
            effort,
            #[cfg(test)]
            null_frames: false,
        }
    }

    /// The codelet with instructions or facts that differ from the verified ones.
    #[cfg(test)]
    pub(super) fn forged(
        codelet: &'c BoundCodelet,
        insns: &'c [RawInsn],
        facts: &'c [Fact],
        options: CompileOptions,
    ) -> Self {
        Self {
            codelet,
            insns,
            facts,
            options,
            effort: Effort::Optimised,
            null_frames: false,
        }
    }

    /// The same, made with the mistake that [`null_frames`](Self::null_frames) is.
    #[cfg(test)]
    pub(super) fn with_null_frames(self) -> Self {
        Self {
            null_frames: true,
            ..self
        }
    }

    pub(super) fn functions(&self) -> &'c [VerifiedFunction] {
        self.codelet.program().functions()
    }

    /// The function that a call of the codelet runs.
    pub(super) fn entry(&self) -> Result<&'c VerifiedFunction, EngineError> {
        let codelet = || self.codelet.name().to_owned();
        let entry = self.functions().first();
        entry.ok_or_else(|| EngineError::NoFunction { codelet: codelet() })
    }

    /// Index of the function that starts at an instruction.
    pub(super) fn function_at(&self, start: usize) -> Option<usize> {
        self.functions()
            .binary_search_by_key(&start, |function| function.start)
            .ok()
    }

    pub(super) fn insn(&self, at: usize) -> Option<RawInsn> {
        self.insns.get(at).copied()
    }

    /// How many slots there are.
    pub(super) fn len(&self) -> usize {
        self.insns.len()
    }

    pub(super) fn fact(&self, at: usize) -> Fact {
        self.facts.get(at).copied().unwrap_or(Fact::Unreachable)
    }

    /// Whether no path was proven to reach an instruction.
    pub(super) fn is_dead(&self, at: usize) -> bool {
        self.fact(at) == Fact::Unreachable
    }

    /// The objects that an operand of an instruction may point into.
    pub(super) fn objects(&self, at: usize, operand: u8) -> Option<&'c Objects> {
        self.codelet.program().objects(at, operand)
    }
}
