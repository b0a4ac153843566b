//! The runtime of jbpf: it loads codelets into the running process and takes them out again.

pub mod builtin_hooks;
pub mod builtins;
pub mod clock;
pub mod codeletset;
mod containment;
pub mod declared;
pub mod engine;
pub mod error;
pub mod map;
pub mod runtime;
pub mod server;

pub use jbpf_operator::stats;
