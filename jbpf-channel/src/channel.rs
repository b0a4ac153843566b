//! What is known of a channel beside its ring.

use crate::StreamId;

/// Describes a channel to whoever opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelInfo {
    /// Its name outside the process.
    pub stream_id: StreamId,
    /// Its name in errors: `codeletset/codelet/map`.
    pub name: String,
    /// Bytes of one record.
    pub record_size: u32,
    /// Places in the ring, a power of two.
    pub capacity: u32,
}
