//! The native engine: Cranelift, from verified programs to one dispatch function a hook.
//!
//! # Dispatch functions
//!
//! When the codelets of a hook change, one *dispatch function* is compiled. Small codelets are
//! lowered right into it, one after the other, so that an armed call is one indirect call and the
//! second codelet costs its own work. A codelet beyond [`INLINE_INSTRUCTIONS`] is compiled once,
//! as a function of its own that every later dispatch function calls directly; so attaching one
//! more codelet never compiles the large ones again.
//!
//! # Ownership of the code
//!
//! Each compilation has a `JITModule` of its own, mapped writable, then readable and executable,
//! never both. [`NativeDispatch`] owns the dispatch function's, and keeps alive every codelet (its
//! maps, its environment, its own compiled function) that the code refers to. Dropping it unmaps
//! the code. Its owner drops it only when no thread is inside.
//!
//! # Rooms
//!
//! `insn` decodes; `lower` walks a function; `homes` keeps its registers, in memory if it is
//! large; `alu`, `access` and `call` lower the kinds of instructions, `lookup`, `channel`, `send`
//! and `clock` inline helpers; `subject` is the codelet that is compiled; `guard` checks accesses
//! when they are made, if that is asked for; `leaving` finds the functions that can leave their
//! codelet before its end; `shared` keeps accesses that other threads see; `known` remembers facts
//! that help to inline helpers, and `frame` drops the stack frame if inlining made it useless;
//! `code` compiles and owns memory, `memory` maps it; `dispatch` puts codelets together.

mod access;
mod alu;
mod call;
mod channel;
mod clock;
mod code;
mod dispatch;
mod frame;
mod guard;
mod homes;
mod insn;
mod known;
mod leaving;
mod listing;
mod lookup;
mod lower;
#[cfg(target_arch = "x86_64")]
mod memory;
mod send;
mod shared;
mod subject;
#[cfg(test)]
mod tests;

pub use dispatch::{
    INLINE_INSTRUCTIONS, INLINE_INSTRUCTIONS_TOTAL, NativeDispatch, compile_dispatch,
};
pub use listing::{ListedFunction, Listing, list_dispatch, list_dispatch_with};

pub(super) use code::CodeletCode;
use code::{function_signature, registers_signature};
