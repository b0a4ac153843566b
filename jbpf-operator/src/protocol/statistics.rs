//! Counts and measured times, as they travel.

use jbpf_channel::StreamId;
use serde::{Deserialize, Serialize};

use crate::stream::Direction;

/// The statistics of a hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookStatisticsReport {
    /// Its name.
    pub hook: String,
    /// Its calls and times; absent while it is not measured, and before it has a codelet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<MeasuredReport>,
    /// Calls that ran no codelet, because they were nested too deep.
    pub skipped: u64,
    /// Compiled versions of its codelets that are gone and could not be freed: see the error
    /// `kept`.
    #[serde(default)]
    pub kept: u64,
    /// Its codelets in the order in which they run.
    pub codelets: Vec<CodeletStatisticsReport>,
}

/// The statistics of a codelet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeletStatisticsReport {
    /// The codeletset.
    pub codeletset: String,
    /// The codelet.
    pub codelet: String,
    /// Its calls and times; absent while its hook is not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<MeasuredReport>,
    /// Operations on its maps that were refused with -2, or found nothing, because another thread
    /// was in the way.
    #[serde(default)]
    pub busy: u64,
    /// The calls that it left before their end; absent if there were none.
    #[serde(default, skip_serializing_if = "AbortsReport::is_none")]
    pub aborts: AbortsReport,
    /// Its channels.
    pub channels: Vec<ChannelStatisticsReport>,
}

/// Calls that a codelet left before their end, since it was loaded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AbortsReport {
    /// How many.
    pub count: u64,
    /// How many of them mean a mistake of the verifier or the engine.
    #[serde(default)]
    pub faults: u64,
    /// The last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<AbortPlaceReport>,
}

/// The place, the reason and the time of an abort.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbortPlaceReport {
    /// The reason: `assertion`, `index`, `overflow`, `unwrap`, `other`, `guard` or `unreachable`.
    /// Later versions may add others.
    pub kind: String,
    /// Index of the instruction in the codelet's program.
    pub insn: usize,
    /// The function that it is in, if the object says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The source file as the compiler was given it, if the object says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line in that file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The time, in ms since 1970-01-01 UTC.
    pub at_ms: u64,
}

impl AbortsReport {
    /// Whether there were none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.count == 0
    }
}

/// The counts of a channel's records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelStatisticsReport {
    /// Its id.
    pub stream_id: StreamId,
    /// The way of its records.
    pub direction: Direction,
    /// The map's name in the codelet's object.
    pub map: String,
    /// Records sent.
    pub sent: u64,
    /// Records that found no place.
    pub dropped: u64,
    /// Records that the reader has taken.
    pub received: u64,
    /// Records that made room for others without having been read.
    #[serde(default)]
    pub passed_over: u64,
}

/// Calls and times since measuring began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasuredReport {
    /// The time since measuring began, in ns.
    pub elapsed_ns: u64,
    /// Calls; each is counted.
    pub calls: u64,
    /// Calls that were timed; the figures below are estimated from them.
    pub samples: u64,
    /// Time of all calls together, in ns.
    pub total_ns: u64,
    /// The shortest call that was timed, in ns.
    pub min_ns: u64,
    /// The longest call that was timed, in ns.
    pub max_ns: u64,
    /// The median in ns; absent before a call was timed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ns: Option<u64>,
    /// The time that 99 of 100 calls do not exceed, in ns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ns: Option<u64>,
    /// Calls by the logarithm of their time in ns, without the zeros at the end.
    pub histogram: Vec<u64>,
}
