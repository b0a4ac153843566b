//! The verifier of jbpf: bytecode and the types around it in; a [`VerifiedProgram`], or a
//! [`Rejection`] that says why not, out.
//!
//! It knows no runtime, holds no unsafe code, and can be used offline and fuzzed on its own.

#![forbid(unsafe_code)]

mod declared;
pub mod program;
pub mod report;
pub mod scalar;
pub mod types;

pub use program::{Program, RawInsn, VerifiedProgram};
pub use report::Rejection;
