//! Programs in the notation of `jbpf_testing`, as instructions. Maps are named by their index.

use jbpf_testing::assembly;
use jbpf_verifier::RawInsn;

/// Assembles a program.
pub fn assemble(text: &str) -> Vec<RawInsn> {
    let slots = assembly::assemble(text).insns;
    slots.into_iter().map(RawInsn::from_bytes).collect()
}
