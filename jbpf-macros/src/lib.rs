//! The attribute and derive macros of jbpf.
//!
//! Use them through `jbpf` or `jbpf-hooks`, whose documentation shows them at work. This file only
//! dispatches: `hook`, `context`, `data` and `helper` are one model each, with its parsing and its
//! expansion. `arguments` reads attributes, `diagnostics` gathers errors, `layout` describes
//! fields, and `paths` finds the crate that expansions name. No expansion names any other crate.

#![forbid(unsafe_code)]

mod arguments;
mod context;
mod data;
mod diagnostics;
mod helper;
mod hook;
mod layout;
mod paths;

use proc_macro::TokenStream;

/// Makes a function a hook: a place where codelets run.
///
/// ```
/// # use renamed_hooks::{jbpf_data, jbpf_hook};
/// # #[jbpf_data]
/// # struct Packet { seq_no: i32 }
/// # #[jbpf_data]
/// # struct Request { cost: u64 }
/// /// Called for every packet received.
/// #[jbpf_hook]
/// pub fn example(packet: &Packet, ctx_id: u32) {}
///
/// /// The body is the answer while no codelet is attached.
/// #[jbpf_hook(control, name = "admission")]
/// fn admit(request: &Request) -> u64 { 1 }
///
/// assert_eq!(admit(&Request { cost: 5 }), 1);
/// ```
///
/// # Parameters
///
/// * One reference at most, the *data region*. Codelets may read `&T` and `&[T]`, and also write
///   `&mut T` and `&mut [T]`. `T` is declared with [`#[jbpf_data]`](macro@jbpf_data), or a number,
///   or an array.
/// * Numbers by value, `u8` to `u64`, `i8` to `i64` and `bool`: the context's fields, in their
///   order. Codelets may write to a number marked `#[jbpf(writable)]`, for codelets after them.
/// * One `u64` marked `#[meta_data]`: the first value of the context's word of scratch.
/// * Any parameter marked `#[jbpf(skip)]`: only the function's body sees it.
/// * Or one context of your own, by value: see [`JbpfContext`](derive@JbpfContext).
///
/// Parameters are plain identifiers. The names `data`, `data_end` and `meta_data` belong to every
/// context.
///
/// # Arguments
///
/// * `name = "..."`: the name that load requests use. It is unique in a process, and by default
///   the function's own.
/// * `control`: the one attached codelet's return value is the answer. The function returns `u64`.
/// * `program_type = "..."`: codelets whose section says another declared type are refused.
/// * `max_instructions = N`: the longest path of a codelet that is accepted here, in place of the
///   runtime's limit, which is a million by default. An instruction counts for every eight bytes
///   that a helper may touch, too.
/// * `crate = ::path`: the path of `jbpf` or `jbpf_hooks`, if `Cargo.toml` does not say it.
///
/// # Expansion
///
/// `fn example` becomes three items: the function itself, which fires and then runs the body; the
/// context struct `ExampleContext`; and the static `EXAMPLE_HOOK`. All have the function's
/// visibility. With nothing attached, a call costs one load and one branch before the body.
#[proc_macro_attribute]
pub fn jbpf_hook(arguments: TokenStream, item: TokenStream) -> TokenStream {
    hook::expand(arguments.into(), item.into()).into()
}

/// Makes a struct data that codelets can see: in a hook's region, in a helper's arguments, in a
/// record of a channel.
///
/// It writes `#[repr(C)]`, the derives of zerocopy (`IntoBytes`, `Immutable`, `KnownLayout` and
/// `FromBytes`; you need no dependency of your own) and [`JbpfData`](derive@JbpfData). Fields are
/// numbers, arrays, and other structs of this kind, without padding between or after them.
///
/// ```
/// # use renamed_hooks::jbpf_data;
/// #[jbpf_data]
/// struct Packet { seq_no: i32, value: i32, #[jbpf(text)] name: [u8; 32] }
///
/// // Codelets never write to this one, so not every bit pattern has to be a valid value.
/// #[jbpf_data(read_only)]
/// struct Link { id: u32, up: bool, _padding: [u8; 3] }
/// ```
///
/// Padding is refused, because codelets would read bytes that were never initialised:
///
/// ```compile_fail
/// # use renamed_hooks::jbpf_data;
/// #[jbpf_data]
/// struct Padded { short: u8, long: u32 }
/// ```
///
/// # Arguments
///
/// * `read_only`: leaves `FromBytes` out. The type can be behind `&`, and not behind `&mut`.
/// * `crate = ::path`: the path of `jbpf` or `jbpf_hooks`, if `Cargo.toml` does not say it.
#[proc_macro_attribute]
pub fn jbpf_data(arguments: TokenStream, item: TokenStream) -> TokenStream {
    data::expand_attribute(arguments.into(), item.into()).into()
}

/// Describes a `repr(C)` struct to codelets: names, offsets and types of its fields.
///
/// It is for code that writes the rest of [`#[jbpf_data]`](macro@jbpf_data) itself: it demands
/// `#[repr(C)]` and zerocopy's `IntoBytes` and `Immutable`. On fields, `#[jbpf(text)]` marks bytes
/// (`[u8; N]`) that print as text.
#[proc_macro_derive(JbpfData, attributes(jbpf))]
pub fn derive_data(item: TokenStream) -> TokenStream {
    data::expand_derive(item.into()).into()
}

/// Makes a `repr(C)` struct of your own a hook's context.
///
/// ```
/// # use renamed_hooks::{JbpfContext, Region, jbpf_data, jbpf_hook};
/// # #[jbpf_data]
/// # struct Slot { frame: u32 }
/// #[derive(JbpfContext)]
/// #[repr(C)]
/// struct SlotContext<'a> {
///     slot: Region<'a, Slot>,
///     carrier: u32,
///     #[jbpf(writable)]
///     verdict: u32,
/// }
///
/// #[jbpf_hook]
/// fn slot_done(ctx: SlotContext<'_>) {}
/// ```
///
/// The first field is the data region, `Region<'_, T>` or `RegionMut<'_, T>` (24 bytes: `data`,
/// `data_end`, `meta_data`). Numbers follow, `u8` to `u64`, `i8` to `i64` and `bool`, without
/// padding between them. Codelets may write to numbers marked `#[jbpf(writable)]`, and the hook's
/// body finds their values.
#[proc_macro_derive(JbpfContext, attributes(jbpf))]
pub fn derive_context(item: TokenStream) -> TokenStream {
    context::expand(item.into()).into()
}

/// Declares a helper: a function of the application that codelets call.
///
/// ```
/// # use renamed_hooks::{jbpf_data, jbpf_helper};
/// # #[jbpf_data]
/// # struct FlowKey { source: u32, target: u32 }
/// /// Puts a flow into another class; returns the old one.
/// #[jbpf_helper(id = 32)]
/// fn set_priority(flow: &FlowKey, priority: u32) -> u64 {
///     # let _ = (flow, priority);
///     0
/// }
/// ```
///
/// The verifier checks calls against the signature. Parameters are:
///
/// * `u8` to `u64`, `i8` to `i64` (a register is truncated to them), and `bool` (true for any
///   number but 0).
/// * `&T` and `&mut T` of data with a known layout. They are copies, since codelets share their
///   memory between threads. The copy of a `&mut T` is copied back.
/// * `&[u8]`: a pointer and a length. It is a copy on the stack; the verifier refuses codelets
///   that may pass more than 4096 bytes.
/// * `CodeletBytes<'_>`: the same without the copy, and with any number of bytes.
/// * `MapRef<'_>`: a map.
///
/// Together they take at most five registers; bytes take two of them. The function returns `u64`,
/// `i32` or nothing. It may panic: the panic is contained and counted, the helper returns 0, and
/// nothing is copied back.
///
/// It may fire hooks. A record that the calling codelet has reserved and not sent stays that
/// codelet's own. Meanwhile, codelets of these hooks get no buffer of its channel from
/// `jbpf_get_output_buf`, which counts as a dropped record.
///
/// # Arguments
///
/// * `id = N`: the number that codelets call, 32 to 63. It may also be the number of a replaceable
///   built-in helper, which fixes the parameters: 7 `()`, 8 `(start)`, 9 `(start, end)`, 14 `()`,
///   15 `()`, all numbers.
/// * `name = "..."`: the name in the C header. By default, it is the function's own.
/// * `crate = ::path`: the path of `jbpf` or `jbpf_hooks`, if `Cargo.toml` does not say it.
#[proc_macro_attribute]
pub fn jbpf_helper(arguments: TokenStream, item: TokenStream) -> TokenStream {
    helper::expand(arguments.into(), item.into()).into()
}
