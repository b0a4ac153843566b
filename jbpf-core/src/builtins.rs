//! The built-in helpers (ids 1 to 18) as functions that machine code calls.

use jbpf_verifier::types::HelperTable;
use std::sync::Arc;

/// Where each helper of a [`HelperTable`] is found, and how it is called.
#[derive(Debug)]
pub struct HelperBindings {
    table: Arc<HelperTable>,
    targets: Vec<HelperTarget>,
}

/// One helper's entry point and calling convention.
///
/// The function is `extern "C"`, takes `args` u64 registers, then the thread's record if
/// `needs_thread`, then the codelet's environment if `needs_codelet`, and returns u64. Map arguments
/// are `*const Map`.
#[derive(Debug, Clone, Copy)]
pub struct HelperTarget {
    /// The helper's id.
    pub id: u32,
    /// Address of the function.
    pub address: usize,
    /// How many of r1 to r5 it takes.
    pub args: u8,
    /// Whether `*const ThreadRecord` follows.
    pub needs_thread: bool,
    /// Whether `*const CodeletEnvironment` follows.
    pub needs_codelet: bool,
}
