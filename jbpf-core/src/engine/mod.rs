//! From verified programs to the function that a hook calls.
//!
//! `native` compiles with Cranelift; `interpreter` checks every access and is the oracle of the
//! tests and the engine of targets that Cranelift does not serve. Both take [`BoundCodelet`]s and
//! nothing else, and give a [`CompiledHook`]: a dispatch function for
//! [`Hook::attach`](jbpf_hooks::hook::Hook::attach).

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use jbpf_hooks::hook::{Dispatch, HookKind};

pub mod abort;
mod bound;
mod input;
#[doc(hidden)]
pub mod interpreter;
#[doc(hidden)]
pub mod measure;
#[doc(hidden)]
pub mod native;

pub use abort::{Abort, AbortKind, Aborts, LastAbort};
#[doc(hidden)]
pub use bound::{BindError, BoundCodelet, CodeletEnvironment};
#[doc(hidden)]
pub use input::{Input, InputError};
use jbpf_verifier::bug::Bug;
use measure::HookStats;

/// The engine that runs codelets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// Machine code, compiled with Cranelift.
    Native,
    /// The checked interpreter: some fifty times slower, on every target.
    Interpreter,
}

impl Default for Engine {
    /// The native engine, on targets that have it.
    fn default() -> Self {
        if cfg!(all(
            any(
                target_arch = "x86_64",
                target_arch = "aarch64",
                target_arch = "riscv64"
            ),
            target_endian = "little",
            unix,
        )) {
            Self::Native
        } else {
            Self::Interpreter
        }
    }
}

/// Options of compilation that do not change the results of codelets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct CompileOptions {
    /// Whether machine code checks accesses against the objects that the verifier says they point
    /// into. It checks each access whose address is not constant, and each pointer with its size
    /// that a helper gets. An access to anything else is not made: the codelet leaves its call by
    /// [`AbortKind::Guard`]. The interpreter checks all accesses in any case.
    pub guard_accesses: bool,
    /// Whether every codelet is compiled in the way of large ones: in time that grows with its
    /// length and no faster, without optimisation, and with its registers in memory.
    pub fast_compile: bool,
}

impl Engine {
    /// Makes the dispatch function of a hook that runs `codelets`, the first one first; with
    /// `stats` it times each.
    ///
    /// # Errors
    /// The engine does not serve this machine, or the compiler refuses a program.
    pub fn compile(
        self,
        kind: HookKind,
        codelets: &[Arc<BoundCodelet>],
        stats: Option<Arc<HookStats>>,
    ) -> Result<CompiledHook, EngineError> {
        self.compile_with(kind, codelets, stats, CompileOptions::default())
    }

    /// [`compile`](Self::compile), as `options` say.
    ///
    /// # Errors
    /// As of [`compile`](Self::compile).
    pub fn compile_with(
        self,
        kind: HookKind,
        codelets: &[Arc<BoundCodelet>],
        stats: Option<Arc<HookStats>>,
        options: CompileOptions,
    ) -> Result<CompiledHook, EngineError> {
        Ok(match self {
            Self::Native => {
                let native = native::compile_dispatch(kind, codelets, stats, options)?;
                CompiledHook::Native(Box::new(native))
            }
            Self::Interpreter => CompiledHook::Interpreted(Box::new(
                interpreter::InterpretedHook::new(kind, codelets, stats),
            )),
        })
    }
}

/// The attachment of a hook: a dispatch function, its environment, and all that they refer to.
///
/// The owner keeps it until the hook was given another one (or none) and a
/// [`synchronize`](jbpf_hooks::reclaim::synchronize) after that returned `Ok`.
#[derive(Debug)]
pub enum CompiledHook {
    /// Machine code.
    Native(Box<native::NativeDispatch>),
    /// Programs for the interpreter.
    Interpreted(Box<interpreter::InterpretedHook>),
}

impl CompiledHook {
    /// The function to attach.
    #[must_use]
    pub fn dispatch(&self) -> Dispatch {
        match self {
            Self::Native(native) => native.dispatch(),
            Self::Interpreted(_) => interpreter::dispatch,
        }
    }

    /// The environment to attach it with; null when it needs none.
    #[must_use]
    pub fn environment(&self) -> *mut c_void {
        match self {
            Self::Native(_) => ptr::null_mut(),
            Self::Interpreted(hook) => ptr::from_ref(&**hook).cast_mut().cast(),
        }
    }
}

/// Why codelets cannot be made to run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Cranelift does not compile for this machine.
    #[error("there is no native engine for this machine ({reason}); use the interpreter")]
    NoBackend {
        /// Cranelift's error, as text.
        reason: String,
    },
    /// The verifier let an instruction pass that the engine does not know.
    #[error("instruction {insn} of codelet `{codelet}` (opcode {opcode:#04x}) is not implemented")]
    Unsupported {
        /// The codelet.
        codelet: String,
        /// Index of the instruction.
        insn: usize,
        /// Its operation code.
        opcode: u8,
    },
    /// The lowering found that a function leaves its codelet, and the scan before it had found
    /// that it cannot: a mistake of the engine.
    #[error(
        "codelet `{codelet}` would leave at instruction {insn}, which was not foreseen; please report it"
    )]
    Leaving {
        /// The codelet.
        codelet: String,
        /// Index of the instruction.
        insn: usize,
    },
    /// A mistake of the engine itself.
    #[error("a mistake of the engine itself: {0}; please report it")]
    Bug(Bug),
    /// A program without functions.
    #[error("codelet `{codelet}` has no function")]
    NoFunction {
        /// The codelet.
        codelet: String,
    },
    /// The program refers to a map that it was not bound to.
    #[error("codelet `{codelet}` refers to map {map}, which it is not bound to")]
    MissingMap {
        /// The codelet.
        codelet: String,
        /// Index of the map.
        map: usize,
    },
    /// The program calls a helper that has no function.
    #[error("codelet `{codelet}` calls helper {helper}, which has no function")]
    MissingHelper {
        /// The codelet.
        codelet: String,
        /// The helper's id.
        helper: u32,
    },
    /// The machine code of a function takes more stack than small threads have.
    #[error(
        "the machine code of `{function}` takes {bytes} bytes of stack beside its own; the limit is {limit}; split the function"
    )]
    MachineFrame {
        /// The function.
        function: String,
        /// Bytes that its machine code takes, beside the codelet's stack.
        bytes: u32,
        /// The most that it may take.
        limit: u32,
    },
    /// Cranelift failed.
    #[error("the compiler refused `{function}`: {message}")]
    Compiler {
        /// The function that was being compiled.
        function: String,
        /// The error, as text.
        message: String,
    },
}

impl From<Bug> for EngineError {
    fn from(bug: Bug) -> Self {
        Self::Bug(bug)
    }
}
