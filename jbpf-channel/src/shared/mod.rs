//! Lending rings to other processes.
//!
//! The host makes a ring in a file without a name (`memfd`), and hands its descriptors to a
//! [`Collector`](crate::Collector). *Each word has one side that may write it*, and words of
//! different sides lie in different files:
//!
//! | file | writer | protection from the other side |
//! | --- | --- | --- |
//! | records out: entries, buffers, counters | host | sealed against writing before it leaves |
//! | records out: cursor, sleeping flag | the reading collector | a file for each user |
//! | control in: `tail`, `consumed` | host | sealed against writing before it leaves |
//! | control in: `published`, records | the sending collector | a file for each sender of a user |
//!
//! All files are sealed against shrinking, so that no access of either side can fault (`SIGBUS`),
//! against growing, and against further seals. At each use, the host checks the words that a
//! collector may write. When a collector goes, for whatever reason, the host replaces the pages
//! that the collector may still hold by others, and the next collector can attach.
//!
//! A hostile collector can do three things, and no others:
//!
//! * It can lose records of a channel that it reads, or that it watches while nobody reads it.
//! * It can send garbage records to the input channels that it opened.
//! * It can pretend to sleep, which costs the producers of the channel that it reads a `futex`
//!   call a record.
//!
//! `memory` makes, seals and checks the files; `output` and `input` lend out a ring of the host;
//! `session` answers the requests of one connection.

mod input;
pub(crate) mod memory;
mod output;
mod session;

pub use self::{
    input::SharedInput,
    output::{SharedOutput, SharedTap},
    session::{Answer, Channels, Session},
};
