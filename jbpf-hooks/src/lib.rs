//! The crate that instrumented code links: hooks, contexts, layouts and helper declarations of
//! jbpf.
//!
//! A library can declare hooks with this crate alone and pay one load and one branch per call; the
//! runtime that loads codelets (`jbpf`) is the application's choice.
//!
//! ```
//! use jbpf_hooks::{jbpf_data, jbpf_hook};
//!
//! #[jbpf_data]
//! struct Packet { seq_no: i32, value: i32, #[jbpf(text)] name: [u8; 32] }
//!
//! /// Called for every packet received.
//! #[jbpf_hook]
//! fn example(packet: &Packet, ctx_id: u32) {}
//!
//! let packet = Packet { seq_no: 1, value: -1, name: [0; 32] };
//! example(&packet, 7);
//! ```
//!
//! # Calling hooks
//!
//! Any thread may call any hook at any time, also from a destructor while it exits, and from a
//! helper that a codelet called. Such calls nest up to [`MAX_NESTING`](reclaim::MAX_NESTING) deep,
//! and up to [`MAX_NESTED_CALLS`](reclaim::MAX_NESTED_CALLS) are nested in one call. Further ones
//! are skipped and counted. Two places are not supported:
//!
//! * *Signal handlers.* A codelet's maps take short locks, and a thread's first call takes memory.
//!   A handler that interrupts either would wait for itself. Have it set a flag, and call the hook
//!   in the code that reads the flag.
//! * *Shared objects that are loaded at run time* (`dlopen`). Hooks and helpers are collected when
//!   the program is linked. Hooks of such an object run their bodies, and nobody finds them by
//!   name.
//!
//! # Contents
//!
//! * [`hook`] and [`reclaim`]: the call itself, and the reclamation that keeps its functions alive
//!   during an unload.
//! * [`context`], [`region`], [`layout`]: the data of a call that codelets see, described at
//!   compile time.
//! * [`helper`]: functions of the application that codelets call.
//! * [`registry`]: all hooks, helpers and data of the process.
//! * [`words`]: single accesses to memory that codelets and other threads share.
//! * [`header`] and [`json`]: the descriptions as a C header, and records as text.

extern crate self as jbpf_hooks;

pub mod context;
pub mod header;
pub mod helper;
pub mod hook;
pub mod json;
pub mod layout;
pub mod reclaim;
pub mod region;
pub mod registry;
#[doc(hidden)]
pub mod rules;
pub mod words;

pub use context::JbpfContext;
pub use header::codelet_header;
pub use helper::{CodeletBytes, MapError, MapRef};
pub use hook::Hook;
pub use jbpf_macros::{JbpfContext, JbpfData, jbpf_data, jbpf_helper, jbpf_hook};
pub use layout::JbpfData;
pub use region::{Region, RegionMut};

/// Whether hooks do anything. It is false with the feature `disabled`, which compiles every hook
/// to its body.
pub const ENABLED: bool = !cfg!(feature = "disabled");

/// Items that only expansions of the macros name. Anything in here may change in any release.
#[doc(hidden)]
pub mod __private {
    pub use core;
    pub use linkme;
    pub use zerocopy;

    pub use crate::ENABLED;
    pub use crate::context::{
        ContextField, ContextLayout, ContextNumber, JbpfContext, PassedContext,
    };
    pub use crate::helper::{
        BytesCopy, HelperArgument, HelperDeclaration, HelperInfo, HelperResult, HelperValue,
        Registers, run,
    };
    pub use crate::hook::{Hook, HookInfo, HookKind};
    pub use crate::layout::{DataInfo, DataLayout, Field, FieldType, JbpfData, Scalar, Type};
    pub use crate::region::{Bounds, ContextRegion, RegionTarget, WritableTarget};
    pub use crate::registry::{JBPF_DATA_V1, JBPF_HELPERS_V1, JBPF_HOOKS_V1};
    pub use crate::rules;
}
