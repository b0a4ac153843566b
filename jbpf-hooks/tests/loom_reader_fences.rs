//! The model of reclamation where readers fence: see `model/mod.rs`.
#![cfg(loom)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]
#![allow(
    unsafe_code,
    reason = "attaches dispatch functions, as the runtime does"
)]

use jbpf_hooks::reclaim::Fences;

mod model;

const FENCES: Fences = Fences::Readers;
