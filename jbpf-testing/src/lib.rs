//! What the tests and benchmarks of several crates share, and no application links.
//!
//! * [`assembly`]: programs written as text, with maps, labels and helpers by name.
//!
//! This crate knows the numbers of `jbpf-abi` and no type of another crate, so that the tests of
//! each crate can use it. They turn its slots and maps into their own types.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that is written wrong fails with the line that is wrong"
)]

pub mod assembly;
