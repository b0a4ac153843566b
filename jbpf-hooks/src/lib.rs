//! What instrumented code links: hooks, contexts, layouts and helper declarations of jbpf.
//!
//! A library can declare hooks with this crate alone and pay one load and one branch per call; the
//! runtime that loads codelets (`jbpf`) is the application's choice.

extern crate self as jbpf_hooks;

pub mod context;
pub mod header;
pub mod helper;
pub mod hook;
pub mod layout;
pub mod reclaim;
pub mod region;
pub mod registry;

/// Whether hooks do anything: false with the feature `disabled`, which compiles every hook to its
/// body.
pub const ENABLED: bool = !cfg!(feature = "disabled");
