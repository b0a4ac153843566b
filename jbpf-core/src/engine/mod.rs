//! From verified programs to the function that a hook calls.
//!
//! `native` compiles with Cranelift; `interpreter` checks every access and is the oracle of the tests
//! and the engine of targets that Cranelift does not serve; `dispatch` makes one function of all
//! codelets of a hook.

use std::sync::Arc;

use jbpf_verifier::VerifiedProgram;

use crate::builtins::HelperBindings;
use crate::map::Map;

/// A verified program together with the very maps and helpers that it runs on.
///
/// Made by [`BoundCodelet::bind`] alone, which checks that each map has the definition that the
/// program was verified against and that the bindings are those of its helper table.
#[derive(Debug, Clone)]
pub struct BoundCodelet {
    program: VerifiedProgram,
    maps: Vec<Arc<Map>>,
    helpers: Arc<HelperBindings>,
    environment: Arc<CodeletEnvironment>,
}

/// What built-in helpers need to know of the codelet that calls them. At a fixed address while the
/// code that refers to it exists.
#[derive(Debug)]
#[repr(C)]
pub struct CodeletEnvironment {
    /// The codelet's name: `printf` says it.
    pub name: String,
    /// The request's `runtime_threshold` in ns; 0: none.
    pub runtime_threshold_ns: u64,
}
