//! Hooks: the places where codelets run, and the hot path through them.

use core::ffi::c_void;
use core::sync::atomic::{AtomicPtr, AtomicU64};

use crate::context::ContextLayout;
use crate::reclaim::ThreadRecord;

/// The function that a hook's pointer leads to: runs every attached codelet, in priority order, on
/// one context, and returns the control hook's answer (0 for monitoring hooks).
///
/// It may be called only by a thread that is inside a reader section of [`crate::reclaim`], whose
/// record it is given. `hook` is the hook that fires.
pub type Dispatch = unsafe extern "C" fn(
    context: *mut c_void,
    thread: *const ThreadRecord,
    hook: *const Hook,
) -> u64;

/// Whether a hook's codelets observe or decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HookKind {
    /// Runs every attached codelet; what they return is ignored.
    Monitoring,
    /// Takes one codelet; what it returns is the hook's answer.
    Control,
}

/// What is known of a hook at compile time.
#[derive(Debug)]
pub struct HookInfo {
    /// The name that load requests use; unique in the process.
    pub name: &'static str,
    /// Whether its codelets observe or decide.
    pub kind: HookKind,
    /// The program type it declares, such as `jbpf_ran`; `None`: codelets of generic and undeclared types.
    pub program_type: Option<&'static str>,
    /// The most instructions that one call of a codelet may execute.
    pub max_instructions: Option<u64>,
    /// What codelets receive.
    pub context: &'static ContextLayout,
    /// `module_path!()` of the declaration.
    pub module: &'static str,
    /// `file!()` of the declaration.
    pub file: &'static str,
    /// `line!()` of the declaration.
    pub line: u32,
    /// The function's doc comment, lines joined by newlines.
    pub docs: &'static str,
}

/// A place in the application where codelets may run. One `static` for each
/// [`#[jbpf_hook]`](crate::jbpf_hook).
#[derive(Debug)]
#[repr(C)]
pub struct Hook {
    /// Null while nothing is attached. The only word that an idle call reads.
    dispatch: AtomicPtr<c_void>,
    /// For the dispatch function's use: the interpreter finds its programs here.
    environment: AtomicPtr<c_void>,
    /// Calls skipped because hooks nested deeper than [`MAX_NESTING`](crate::reclaim::MAX_NESTING).
    skipped: AtomicU64,
    info: HookInfo,
}
