//! What was counted and measured, as it travels.

use std::time::{Duration, SystemTime};

use jbpf_channel::StreamId;
use serde::{Deserialize, Serialize};

use crate::stats::{
    AbortPlace, AbortStatistics, ChannelStatistics, CodeletStatistics, HookStatistics, Measured,
    Times,
};
use crate::stream::Direction;

/// What is known of a hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookStatisticsReport {
    /// Its name.
    pub hook: String,
    /// What was measured; absent while it is not measured, and before it has a codelet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<MeasuredReport>,
    /// Calls that ran no codelet, because they were nested too deep.
    pub skipped: u64,
    /// Compiled versions of its codelets that are gone and could not be freed: see the error `kept`.
    #[serde(default)]
    pub kept: u64,
    /// Its codelets in the order in which they run.
    pub codelets: Vec<CodeletStatisticsReport>,
}

/// What is known of a codelet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeletStatisticsReport {
    /// The codeletset.
    pub codeletset: String,
    /// The codelet.
    pub codelet: String,
    /// What was measured; absent while its hook is not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<MeasuredReport>,
    /// Operations on its maps that were refused with -2, or found nothing, since another thread was in the way.
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

/// Where a codelet left a call, why, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbortPlaceReport {
    /// Why: `assertion`, `index`, `overflow`, `unwrap`, `other`, `guard` or `unreachable`. There may be more some day.
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
    /// When, in ms since 1970-01-01 UTC.
    pub at_ms: u64,
}

impl AbortsReport {
    /// Whether there were none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.count == 0
    }
}

impl From<AbortStatistics> for AbortsReport {
    fn from(aborts: AbortStatistics) -> Self {
        Self {
            count: aborts.count,
            faults: aborts.faults,
            last: aborts.last.map(Into::into),
        }
    }
}

impl From<AbortPlace> for AbortPlaceReport {
    fn from(place: AbortPlace) -> Self {
        let since_1970 = place.at.duration_since(SystemTime::UNIX_EPOCH);
        let ms = since_1970.unwrap_or_default().as_millis();
        Self {
            kind: place.kind.name().to_owned(),
            insn: place.insn,
            function: place.function,
            file: place.file,
            line: place.line,
            at_ms: u64::try_from(ms).unwrap_or(u64::MAX),
        }
    }
}

/// What went through a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelStatisticsReport {
    /// Its id.
    pub stream_id: StreamId,
    /// Which way.
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
    /// For how long it has been measured, in ns.
    pub elapsed_ns: u64,
    /// Calls; each is counted.
    pub calls: u64,
    /// Calls that were timed: what follows is estimated from them.
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

impl From<HookStatistics> for HookStatisticsReport {
    fn from(hook: HookStatistics) -> Self {
        Self {
            hook: hook.hook.to_owned(),
            measured: hook.measured.map(Into::into),
            skipped: hook.skipped,
            kept: hook.kept,
            codelets: hook.codelets.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<CodeletStatistics> for CodeletStatisticsReport {
    fn from(codelet: CodeletStatistics) -> Self {
        Self {
            codeletset: codelet.codeletset,
            codelet: codelet.codelet,
            measured: codelet.measured.map(Into::into),
            busy: codelet.busy,
            aborts: codelet.aborts.into(),
            channels: codelet.channels.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<ChannelStatistics> for ChannelStatisticsReport {
    fn from(channel: ChannelStatistics) -> Self {
        Self {
            stream_id: channel.stream_id,
            direction: channel.direction,
            map: channel.map,
            sent: channel.sent,
            dropped: channel.dropped,
            received: channel.received,
            passed_over: channel.passed_over,
        }
    }
}

impl From<Measured> for MeasuredReport {
    fn from(measured: Measured) -> Self {
        let times = &measured.times;
        let bins = times.histogram.iter().rposition(|count| *count > 0);
        let bins = bins.map_or(0, |last| last + 1);
        Self {
            elapsed_ns: u64::try_from(measured.elapsed.as_nanos()).unwrap_or(u64::MAX),
            calls: measured.calls,
            samples: times.samples,
            total_ns: times.total_ns,
            min_ns: times.min_ns,
            max_ns: times.max_ns,
            p50_ns: times.quantile_ns(0.5),
            p99_ns: times.quantile_ns(0.99),
            histogram: times.histogram.iter().take(bins).copied().collect(),
        }
    }
}

impl From<&MeasuredReport> for Measured {
    fn from(report: &MeasuredReport) -> Self {
        let mut times = Times {
            samples: report.samples,
            total_ns: report.total_ns,
            min_ns: report.min_ns,
            max_ns: report.max_ns,
            ..Times::default()
        };
        for (bin, count) in times.histogram.iter_mut().zip(&report.histogram) {
            *bin = *count;
        }
        Self {
            elapsed: Duration::from_nanos(report.elapsed_ns),
            calls: report.calls,
            times,
        }
    }
}
