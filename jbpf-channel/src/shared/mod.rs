//! Lending rings to other processes.
//!
//! The host makes a ring whose memory is a file without a name (`memfd`), and hands its descriptors to a
//! [`Collector`](crate::Collector). *Each word has one side that may write it*, and words of different sides lie in
//! different files:
//!
//! | file | who writes | what keeps the other from it |
//! | --- | --- | --- |
//! | records out: entries, buffers, counters | host | sealed against writing before it leaves |
//! | records out: cursor, sleeping flag | the collector that reads | a new file for each reader |
//! | control in: `tail`, `consumed` | host | sealed against writing before it leaves |
//! | control in: `published`, records | the collector that sends | a new file for each sender |
//!
//! All are sealed against shrinking, so that no access of either side can fault (`SIGBUS`), against growing, and
//! against further seals. What a collector may write, the host checks at each use. When it goes, whatever the reason, the host
//! puts other pages in the place of those that the collector may still hold, and the next one attaches.
//!
//! What a hostile collector can do: lose records of the channel that it reads, or watches while nobody reads it, send garbage records to the input channels
//! that it opened, and cost the producers of the channel that it reads a `futex` call a record, by pretending to sleep.
//!
//! `memory` makes, seals and checks the files; `output` and `input` lend out a ring of the host; `session`
//! answers the requests of one connection.

mod input;
pub(crate) mod memory;
mod output;
mod session;

pub use self::{
    input::SharedInput,
    output::{SharedOutput, SharedTap},
    session::{Answer, Channels, Session},
};
