//! What operators and an application say to each other over the control socket.
//!
//! One JSON object a line. Each has the protocol's `version`, an `id` that answers repeat, and one
//! field more, named after what is asked or answered:
//!
//! ```text
//! > {"version":1,"id":1,"unload":{"codeletset":"example_codeletset"}}
//! < {"version":1,"id":1,"unloaded":{"codeletset":"example_codeletset"}}
//! ```
//!
//! `open_output`, `open_input`, `stand_in` and `close` are the collectors', see [`jbpf_channel::protocol`].
//! `docs/protocol.md` describes every message.
//!
//! `request` is what is asked, with `load` for the largest of it; `reply` is what is answered, with `statistics`;
//! `bytes` go either way.

mod bytes;
mod load;
mod reply;
mod request;
mod statistics;

pub use jbpf_channel::protocol::{Envelope, MAX_LINE, VERSION, to_line};

pub use bytes::Bytes;
pub use load::{ChannelBody, CodeletBody, LinkedMapBody, LoadBody, ObjectBody, UnreadableObject};
pub use reply::{
    AttachedReport, CalledHelperReport, ChangeReport, ChannelReport, CodeletReport,
    CodeletsetReport, Element, ErrorReport, Hello, HookReport, HookRole, MapPage, MapReport,
    RecordEvent, Reply, StreamReport, ThreadReport, WaitingReport,
};
pub use request::{MapBody, MeasureBody, Request, StatisticsBody};
pub use statistics::{
    AbortPlaceReport, AbortsReport, ChannelStatisticsReport, CodeletStatisticsReport,
    HookStatisticsReport, MeasuredReport,
};
