//! The runtime of jbpf: it loads codelets into the running process and takes them out again.
//!
//! The rooms, from the bottom up:
//! * `clock`: ticks and times;
//! * [`map`]: the memory that codelets, helpers and the application share;
//! * `builtins`: the functions of the built-in helpers, and `declared` the application's own;
//! * [`engine`]: from verified programs to the function that a hook calls;
//! * [`codeletset`]: from a request to codelets that can be attached;
//! * [`runtime`]: the loaded codeletsets, and how they come and go;
//! * [`server`]: the control socket.
//!
//! [`error`], [`stats`] and [`builtin_hooks`] have the types that an application sees.
//! `containment` keeps panics of the application's callbacks from the runtime's threads.
//!
//! The API of this crate is what `jbpf` names. Items that the documentation hides are for the
//! tests, the benchmarks and the command of this repository, and change without notice.

pub mod builtin_hooks;
#[doc(hidden)]
pub mod builtins;
#[doc(hidden)]
pub mod clock;
pub mod codeletset;
mod containment;
#[doc(hidden)]
pub mod declared;
pub mod engine;
pub mod error;
pub mod map;
pub mod runtime;
pub mod server;

pub use jbpf_operator::stats;
