//! Verified programs, tied to the maps and helpers that they run on.

use std::sync::{Arc, OnceLock};

use jbpf_operator::stats::AbortStatistics;
use jbpf_verifier::VerifiedProgram;
use jbpf_verifier::program::{Fact, MapIndex};
use jbpf_verifier::types::EntryKind;

use super::abort::Aborts;
use super::native::CodeletCode;
use super::{CompileOptions, EngineError};
use crate::builtins::{HelperBindings, HelperTarget};
use crate::map::Map;

/// A verified program together with the very maps and helpers that it runs on.
///
/// Made by [`BoundCodelet::bind`] alone, which checks that each map has the definition that the
/// program was verified against and that the bindings are those of its helper table.
#[derive(Debug)]
pub struct BoundCodelet {
    program: VerifiedProgram,
    maps: Vec<Arc<Map>>,
    helpers: Arc<HelperBindings>,
    environment: Arc<CodeletEnvironment>,
    aborts: Arc<Aborts>,
    /// Calls of helpers in reachable code.
    helper_calls: usize,
    /// Compiled once, when the first dispatch function calls it: without guards and with, each
    /// optimised and fast.
    compiled: [[OnceLock<CodeletCode>; 2]; 2],
}

/// A codelet with more calls of helpers than this has none of them inlined.
const INLINED_HELPER_CALLS: usize = 512;

/// The facts about a codelet that its built-in helpers need. They stay at a fixed address while
/// code that refers to them exists.
#[derive(Debug)]
#[repr(C)]
pub struct CodeletEnvironment {
    /// The codelet's name: `printf` says it.
    pub name: String,
    /// The request's `runtime_threshold` in ns; 0: none.
    pub runtime_threshold_ns: u64,
}

/// Why a program cannot run on the maps and helpers that it was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// There are more maps, or fewer, than the program refers to.
    #[error("codelet `{codelet}` refers to {expected} maps, but was given {given}")]
    MapCount {
        /// The codelet.
        codelet: String,
        /// Maps of the program.
        expected: usize,
        /// Maps given.
        given: usize,
    },
    /// A map differs from the definition that the program was verified against.
    #[error(
        "map `{given}` cannot stand for map `{expected}` of codelet `{codelet}`: kind, sizes and contents must be equal"
    )]
    MapDefinition {
        /// The codelet.
        codelet: String,
        /// The name that the program knows.
        expected: String,
        /// The name of the map that was given.
        given: String,
    },
    /// The helpers differ from the table that the program was verified against.
    #[error("codelet `{codelet}` was verified against other helpers than it was given")]
    HelperTable {
        /// The codelet.
        codelet: String,
    },
    /// A helper that the program calls has no function.
    #[error("codelet `{codelet}` calls helper {helper}, which has no function")]
    MissingHelper {
        /// The codelet.
        codelet: String,
        /// The helper's id.
        helper: u32,
    },
}

impl BoundCodelet {
    /// Ties `program` to its maps, in the order of
    /// [`Program::maps`](jbpf_verifier::Program::maps), and to its helpers.
    ///
    /// # Errors
    /// A map or a helper differs from the one that the program was verified against.
    pub fn bind(
        program: VerifiedProgram,
        maps: Vec<Arc<Map>>,
        helpers: Arc<HelperBindings>,
        environment: Arc<CodeletEnvironment>,
    ) -> Result<Self, BindError> {
        let codelet = || environment.name.clone();
        let expected = &program.program().maps;
        if maps.len() != expected.len() {
            return Err(BindError::MapCount {
                codelet: codelet(),
                expected: expected.len(),
                given: maps.len(),
            });
        }
        for (map, expected) in maps.iter().zip(expected) {
            if !map.def().same_shape(expected) {
                return Err(BindError::MapDefinition {
                    codelet: codelet(),
                    expected: expected.name.clone(),
                    given: map.def().name.clone(),
                });
            }
        }
        if helpers.table() != program.helpers() {
            return Err(BindError::HelperTable { codelet: codelet() });
        }
        if let Some(&helper) = program
            .summary()
            .helpers
            .iter()
            .find(|id| helpers.get(**id).is_none())
        {
            return Err(BindError::MissingHelper {
                codelet: codelet(),
                helper,
            });
        }
        let is_call = |fact: &&Fact| matches!(fact, Fact::HelperCall { .. });
        Ok(Self {
            helper_calls: program.facts().iter().filter(is_call).count(),
            program,
            maps,
            helpers,
            environment,
            aborts: Arc::default(),
            compiled: Default::default(),
        })
    }

    /// The codelet's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.environment.name
    }

    /// The verified program.
    #[must_use]
    pub fn program(&self) -> &VerifiedProgram {
        &self.program
    }

    /// The maps, in the order of the program's.
    #[must_use]
    pub fn maps(&self) -> &[Arc<Map>] {
        &self.maps
    }

    /// The facts about this codelet that helpers read.
    #[must_use]
    pub fn environment(&self) -> &CodeletEnvironment {
        &self.environment
    }

    /// How often the codelet left its calls.
    #[must_use]
    pub fn aborts(&self) -> &Arc<Aborts> {
        &self.aborts
    }

    /// How often the codelet left its calls, and where it did last.
    #[must_use]
    pub fn abort_statistics(&self) -> AbortStatistics {
        let program = self.program.program();
        let last = self.aborts.last();
        AbortStatistics {
            count: self.aborts.total(),
            faults: self.aborts.faults(),
            last: last.map(|last| last.abort.place(program, last.at())),
        }
    }

    /// The number that r2 holds when the program starts: the size of what r1 points at, in bytes.
    /// The verifier computes with the same.
    #[must_use]
    pub fn context_size(&self) -> u64 {
        let context = self.program.context();
        match context.entry {
            // In 64 bits: a definition is anybody's, and rounding the largest u32 would give 0.
            EntryKind::Context => u64::from(context.readable).next_multiple_of(8),
            EntryKind::Memory => context.region.known_size,
        }
    }

    /// Whether helpers are lowered in place if they can be. They are not if there are so many
    /// calls that the code would grow out of proportion, and compiling it would take minutes.
    pub(super) fn inlines_helpers(&self) -> bool {
        self.helper_calls <= INLINED_HELPER_CALLS
    }

    pub(super) fn map(&self, index: MapIndex) -> Result<&Map, EngineError> {
        self.maps
            .get(index)
            .map(|map| &**map)
            .ok_or_else(|| EngineError::MissingMap {
                codelet: self.name().to_owned(),
                map: index,
            })
    }

    pub(super) fn helper(&self, id: u32) -> Result<HelperTarget, EngineError> {
        self.helpers
            .get(id)
            .ok_or_else(|| EngineError::MissingHelper {
                codelet: self.name().to_owned(),
                helper: id,
            })
    }

    /// The program as functions of its own, as far as dispatch functions have called them.
    pub(super) fn compiled_before(&self) -> impl Iterator<Item = &CodeletCode> {
        self.compiled.iter().flatten().filter_map(OnceLock::get)
    }

    /// The program as a function of its own, compiled on the first call.
    pub(super) fn compiled(&self, options: CompileOptions) -> Result<&CodeletCode, EngineError> {
        let [[plain, plain_fast], [guarded, guarded_fast]] = &self.compiled;
        let compiled = match (options.guard_accesses, options.fast_compile) {
            (false, false) => plain,
            (false, true) => plain_fast,
            (true, false) => guarded,
            (true, true) => guarded_fast,
        };
        if let Some(code) = compiled.get() {
            return Ok(code);
        }
        let code = CodeletCode::compile(self, options)?;
        Ok(compiled.get_or_init(|| code))
    }
}
