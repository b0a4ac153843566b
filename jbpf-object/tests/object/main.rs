//! Codelet objects through the public API: real ones, hand-made ones, and damaged ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod elf;
mod foreign;
mod fuzzed;
mod linking;
mod maps;
mod mutated;
mod real;

use std::path::PathBuf;

/// A file below `codelets/`.
fn codelet(path: &str) -> Vec<u8> {
    let path = codelets().join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn codelets() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../codelets")
}
