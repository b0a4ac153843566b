//! The messages of operators and an application over the control socket.
//!
//! Each line is one JSON object. It has the protocol's `version`, an `id` that answers repeat, and
//! one field more, named after the question or the answer:
//!
//! ```text
//! > {"version":1,"id":1,"unload":{"codeletset":"example_codeletset"}}
//! < {"version":1,"id":1,"unloaded":{"codeletset":"example_codeletset"}}
//! ```
//!
//! `open_output`, `open_input`, `stand_in` and `close` are requests of collectors, see
//! [`jbpf_channel::protocol`]. `docs/protocol.md` describes every message.
//!
//! `request` has the questions, and `load` the largest of them. `reply` has the answers; the facts
//! in them are those of [`info`](crate::info) and [`stats`](crate::stats). Both use `bytes`.

mod bytes;
mod load;
#[cfg(test)]
mod page;
mod reply;
mod request;

pub use jbpf_channel::protocol::{Envelope, ErrorCode, MAX_LINE, VERSION, to_line};

pub use bytes::Bytes;
pub use load::{ChannelBody, CodeletBody, LinkedMapBody, LoadBody, ObjectBody, UnreadableObject};
pub use reply::{
    AttachedReport, ChangeReport, Element, ErrorReport, Hello, HookReport, HookRole, MapPage,
    MemoryReport, RecordEvent, Reply, StreamReport, WaitingReport,
};
pub use request::{MapBody, MeasureBody, Request, RequestName, StatisticsBody};
