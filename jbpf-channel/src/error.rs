//! Why a channel could not be made, opened or used.

use std::io;

use crate::limits::TooManyMappings;
use crate::protocol::ErrorCode;
use crate::record::Disagreement;
use crate::ring::layout::MAX_RECORD_SIZE;
use crate::{OverBudget, StreamId};

/// Why a channel could not be made or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// A record is longer than 1 MiB, or the ring would have more than 2^28 places or not fit the
    /// address space.
    #[error("channel {channel}: {}", too_large(*.records, *.record_size))]
    TooLarge {
        /// The channel's name.
        channel: String,
        /// Records asked for.
        records: u32,
        /// Bytes of one record.
        record_size: u32,
    },
    /// A channel without records, or with records of no bytes.
    #[error("channel {channel}: {records} records of {record_size} bytes; both must be 1 or more")]
    Empty {
        /// The channel's name.
        channel: String,
        /// Records asked for.
        records: u32,
        /// Bytes of one record.
        record_size: u32,
    },
    /// The operating system refused memory or a descriptor.
    #[error("channel {channel}: {step} failed")]
    System {
        /// The channel's name.
        channel: String,
        /// The step that failed.
        step: &'static str,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The channel needs more memory than the budget has left.
    #[error("channel {channel}: {source}")]
    OverBudget {
        /// The channel's name.
        channel: String,
        /// The bytes needed and the bytes left.
        source: OverBudget,
    },
    /// The size of the type asked for differs from that of the channel's records.
    #[error(
        "channel {channel} carries records of {record_size} bytes, and `{type_name}` has {type_size}; \
         open it with the type that the codelet uses"
    )]
    RecordSize {
        /// The channel's name.
        channel: String,
        /// Bytes of one record.
        record_size: u32,
        /// The Rust type asked for.
        type_name: &'static str,
        /// Its size in bytes.
        type_size: usize,
    },
    /// The type asked for has the right size, but another layout.
    #[error("channel {channel} carries other records than `{type_name}`: {disagreement}")]
    Layout {
        /// The channel's name.
        channel: String,
        /// The Rust type asked for.
        type_name: &'static str,
        /// The place at which the two types disagree, and both side by side.
        disagreement: Disagreement,
    },
    /// The channel's memory belongs to one process.
    #[error(
        "channel {channel} is not shared: build the application's runtime with shared channels to read it from another process"
    )]
    NotShared {
        /// The channel's name.
        channel: String,
    },
    /// Every lane for senders of other processes is taken.
    #[error("channel {channel} has {limit} senders in other processes already")]
    TooManySenders {
        /// The channel's name.
        channel: String,
        /// The number of senders that it can have.
        limit: usize,
    },
    /// One connection has opened too many channels.
    #[error("this connection has {limit} channels open already; close some first")]
    TooManyOpen {
        /// The number of channels that it may open.
        limit: usize,
    },
    /// No loaded codelet has the channel.
    #[error("no loaded codelet has a channel {stream_id} of this direction")]
    Unknown {
        /// The channel asked for.
        stream_id: StreamId,
    },
    /// The channel has a primary reader already.
    #[error(
        "channel {channel} has a reader already; drop that one first, or open a tap, which watches without \
         taking records away"
    )]
    AlreadyOpen {
        /// The channel's name.
        channel: String,
    },
}

impl ChannelError {
    pub(crate) fn too_many_mappings(channel: &str) -> impl FnOnce(TooManyMappings) -> Self + '_ {
        |source| Self::System {
            channel: channel.to_owned(),
            step: "mapping its memory",
            source: io::Error::other(source),
        }
    }

    /// The reason, for programs.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::TooLarge { .. } => ErrorCode::ChannelTooLarge,
            Self::Empty { .. } => ErrorCode::ChannelEmpty,
            Self::System { .. } => ErrorCode::ChannelSystem,
            Self::OverBudget { .. } => ErrorCode::ChannelOverBudget,
            Self::RecordSize { .. } => ErrorCode::ChannelRecordSize,
            Self::Layout { .. } => ErrorCode::ChannelLayout,
            Self::NotShared { .. } => ErrorCode::ChannelNotShared,
            Self::TooManySenders { .. } => ErrorCode::ChannelTooManySenders,
            Self::TooManyOpen { .. } => ErrorCode::ChannelTooManyOpen,
            Self::Unknown { .. } => ErrorCode::ChannelUnknown,
            Self::AlreadyOpen { .. } => ErrorCode::ChannelAlreadyOpen,
        }
    }

    pub(crate) fn over_budget(channel: &str) -> impl FnOnce(OverBudget) -> Self {
        let channel = channel.to_owned();
        move |source| Self::OverBudget { channel, source }
    }

    pub(crate) fn system(
        channel: &str,
        step: &'static str,
    ) -> impl FnOnce(rustix::io::Errno) -> Self {
        let channel = channel.to_owned();
        move |errno| Self::System {
            channel,
            step,
            source: errno.into(),
        }
    }
}

/// Why a record was not sent. The ring counts the record for `Full` and `TooLong`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The ring has no free place, because the reader is behind. The record is dropped and
    /// counted.
    #[error("the channel is full; the record was dropped and counted")]
    Full,
    /// The record is longer than the channel's records. It is dropped and counted.
    #[error("the record is longer than the channel's records; it was dropped and counted")]
    TooLong,
    /// A commit without a reservation. Nothing is sent or counted.
    #[error("nothing was reserved on this thread")]
    NotReserved,
    /// The other side is gone.
    #[error("the channel is closed")]
    Closed,
}

/// Why a blocking receive ended without a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecvError {
    /// The time is over.
    #[error("no record came in time")]
    Timeout,
    /// The sending side is gone, and all of its records were received.
    #[error("the channel is closed and empty")]
    Closed,
}

fn too_large(records: u32, record_size: u32) -> String {
    if record_size > MAX_RECORD_SIZE {
        format!(
            "a record of {record_size} bytes is too long; at most {MAX_RECORD_SIZE} bytes are allowed"
        )
    } else {
        format!("{records} records of {record_size} bytes are too many for one ring")
    }
}
