//! Proofs of other paths, and merged paths, are shortcuts. A program that is accepted with them
//! has to be accepted with every path followed to its end, and the findings have to be the same.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

#[path = "../assembly/mod.rs"]
mod assembly;

mod generated;
mod kinds;
mod oracle;
