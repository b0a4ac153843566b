//! Channels of jbpf: records out of codelets, control into them.
//!
//! A channel is a bounded ring of fixed-size, numbered records. Sending never blocks, allocates or
//! waits. A record that finds no place is dropped and counted. An *output* channel carries records
//! from codelets, which run on any thread of the host application, to one primary reader, a
//! [`Receiver`]. Any number of *taps* can watch it without delaying it. An *input* channel carries
//! records from any thread's [`Sender`] to codelets. Each record reaches exactly one call.
//!
//! Within one process a ring is plain memory. Across processes it lives in sealed `memfd`s
//! ([`shared`]): a peer can harm its own records, and nothing else.
//!
//! This crate does not know codelets, the verifier or the engine: a process that only collects
//! records links this crate and no compiler. Such a process declares its records with
//! `#[jbpf_data]` of [`jbpf_hooks`], on which it depends beside this crate. Raw channels carry
//! bytes and need no types.

#[cfg(not(loom))]
mod budget;
#[cfg(not(loom))]
mod collector;
#[cfg(not(loom))]
pub mod credentials;
mod error;
#[cfg(not(loom))]
pub mod limits;
#[cfg(not(loom))]
pub mod protocol;
#[cfg(not(loom))]
mod receiver;
#[cfg(not(loom))]
pub mod record;
mod ring;
#[cfg(not(loom))]
mod sender;
#[cfg(not(loom))]
pub mod shared;
#[cfg(not(loom))]
mod stream_id;
#[cfg(not(loom))]
mod wake;

#[cfg(not(loom))]
pub use crate::{
    budget::{MemoryBudget, MemoryCharge, OverBudget},
    collector::{Collector, CollectorError},
    error::{ChannelError, RecvError, SendError},
    receiver::{RawReceiver, Receiver, TryIter},
    ring::{
        addresses::OutputAddresses,
        input::{InputAddresses, InputOptions, InputRing},
        layout::MAX_CAPACITY,
        output::{OutputCounts, OutputOptions, OutputRing},
        region::PageOptions,
    },
    sender::{RawSender, Sender},
    stream_id::{ParseStreamIdError, StreamId},
    wake::Doorbell,
};
