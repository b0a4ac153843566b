//! Run verified eBPF codelets at hooks inside a live Rust application.
//!
//! An application declares hooks; an operator loads codelets, small eBPF programs, into the
//! running process. They are verified, compiled to machine code, attached, replaced and unloaded
//! while the application runs, and nothing that is loaded can crash it, hang it, or touch memory
//! that it was not given.
//!
//! ```
//! use jbpf::{Runtime, jbpf_data, jbpf_hook};
//!
//! #[jbpf_data]
//! struct Packet {
//!     seq_no: i32,
//!     value: i32,
//! }
//!
//! /// Called for every packet received.
//! #[jbpf_hook]
//! fn packet_received(packet: &Packet, port: u32) {}
//!
//! let runtime = Runtime::builder().name("docs").build()?;
//! // runtime.load(&LoadRequest::from_yaml_file("load.yaml")?)?;
//! packet_received(&Packet { seq_no: 1, value: -1 }, 80);
//! # drop(runtime);
//! # Ok::<(), jbpf::BuildError>(())
//! ```
//!
//! This crate is a facade: hooks come from `jbpf-hooks`, which a library can use alone, channels
//! from `jbpf-channel`, requests and the client of the control socket from `jbpf-operator`, the
//! runtime from `jbpf-core`.

extern crate self as jbpf;

pub use jbpf_channel::{
    ChannelError, RawReceiver, RawSender, Receiver, SendError, Sender, StreamId,
};
pub use jbpf_core::engine::Engine;
pub use jbpf_core::error::{
    BuildError, LoadError, OpenError, OpenMapError, ThreadInside, UnloadError, WrongPlace,
};
pub use jbpf_core::map::MapView;
pub use jbpf_core::runtime::{
    Codeletset, MeasureError, Measuring, OutputError, OutputRecord, Runtime, RuntimeBuilder,
    Scheduling, ThreadError,
};
pub use jbpf_core::{builtin_hooks, codeletset, engine, error, map, runtime, server, stats};
pub use jbpf_hooks::header::codelet_header;
pub use jbpf_hooks::{
    CodeletBytes, ENABLED, Hook, JbpfContext, JbpfData, MapError, MapRef, Region, RegionMut,
    context, header, helper, hook, jbpf_data, jbpf_helper, jbpf_hook, json, layout, reclaim,
    region, registry,
};
pub use jbpf_operator::request::{LoadRequest, RequestError};

pub use jbpf_operator::{client as operator, protocol, request, stream};

#[doc(hidden)]
pub use jbpf_hooks::__private;

/// The names that an application with hooks uses.
///
/// ```
/// use jbpf::prelude::*;
///
/// #[jbpf_data]
/// struct Packet {
///     seq_no: i32,
///     value: i32,
/// }
///
/// #[jbpf_hook]
/// fn packet_sent(packet: &Packet, port: u32) {}
///
/// let runtime: Runtime = Runtime::builder().name("prelude").build()?;
/// packet_sent(&Packet { seq_no: 1, value: -1 }, 80);
/// # drop(runtime);
/// # Ok::<(), jbpf::BuildError>(())
/// ```
pub mod prelude {
    pub use crate::{
        CodeletBytes, JbpfContext, JbpfData, LoadRequest, MapRef, Receiver, Region, RegionMut,
        Runtime, Sender, StreamId, jbpf_data, jbpf_helper, jbpf_hook,
    };
}
