//! Proofs of other paths and merged paths are shortcuts: what is accepted with them has to be accepted when every
//! path is followed to its end, and the same has to be found of it.

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
