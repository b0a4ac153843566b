//! Figures about hooks, codelets and channels while they run: calls, times, drops.
//!
//! Channels always count. Calls and times are known of hooks that are *measured*. Measuring is off
//! until it is asked for, by `Runtime::measure` in the application or by a request. Calls outside
//! of a measurement are not counted, and neither are calls while no codelet is attached to the
//! hook.
//!
//! The application's own code gets these types from `Runtime::statistics`, and operators read the
//! same types from the control socket.

use std::fmt;
use std::time::{Duration, SystemTime};

use jbpf_channel::StreamId;
use jbpf_object::visible::escaped;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::stream::Direction;

/// Bins of the histogram: bin `b` counts times from `2^b` ns up to `2^(b+1)`, bin 0 also 0 ns.
pub const BINS: usize = 64;

/// All hooks of the process at one moment, ordered by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statistics {
    /// One for each hook.
    pub hooks: Vec<HookStatistics>,
}

/// A hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookStatistics {
    /// Its name.
    pub hook: String,
    /// Its calls, from before the first codelet to after the last one; `None` while it is not
    /// measured, and until a codelet is attached to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
    /// Calls that ran no codelet although some were attached, since the process began.
    pub skipped: u64,
    /// Compiled versions of its codelets that were replaced or unloaded and are still in memory,
    /// since the system does not allow any more the call that tells when the last thread has left
    /// them.
    #[serde(default)]
    pub kept: u64,
    /// Its codelets in the order in which they run.
    pub codelets: Vec<CodeletStatistics>,
}

/// A codelet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeletStatistics {
    /// The codeletset.
    pub codeletset: String,
    /// The codelet.
    pub codelet: String,
    /// Its calls; `None` while its hook is not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
    /// Operations on its maps, its own and those of codelets that share them, that did not wait
    /// for another thread: updates and deletions that returned -2, and lookups that found nothing
    /// for that reason.
    #[serde(default)]
    pub busy: u64,
    /// Bytes of memory that its maps and channels take now, as the memory budget is charged. A map
    /// that codelets share counts for each of them.
    #[serde(default)]
    pub memory: u64,
    /// The calls that it left before their end.
    #[serde(default, skip_serializing_if = "AbortStatistics::is_none")]
    pub aborts: AbortStatistics,
    /// Its channels.
    pub channels: Vec<ChannelStatistics>,
}

/// Calls that a codelet left before their end, since it was loaded. Always counted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AbortStatistics {
    /// How many.
    pub count: u64,
    /// How many of them mean a mistake of the verifier or the engine: please report these.
    #[serde(default)]
    pub faults: u64,
    /// The last one; `None` before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<AbortPlace>,
}

/// The instruction at which a codelet left a call, why, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbortPlace {
    /// Why.
    pub kind: AbortKind,
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
    /// When, to the millisecond.
    #[serde(rename = "at_ms", with = "milliseconds")]
    pub at: SystemTime,
}

jbpf_channel::__names! {
    /// The reason why a codelet left a call. The engine has a type of its own: a byte that machine
    /// code writes. This one keeps reasons of later versions.
    pub enum AbortKind {
        Assertion = "assertion",
        Index = "index",
        Overflow = "overflow",
        Unwrap = "unwrap",
        Other = "other",
        Guard = "guard",
        Unreachable = "unreachable",
    } else {
        /// A reason of a later version.
        Unknown(String)
    }
}

impl fmt::Display for AbortPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at ", escaped(self.kind.as_str()))?;
        match (&self.file, self.line) {
            // The object says what the file is called.
            (Some(file), Some(line)) => write!(f, "{}:{line}", escaped(file)),
            _ => write!(f, "instruction {}", self.insn),
        }
    }
}

impl AbortStatistics {
    /// Whether there were none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.count == 0
    }
}

/// A time as milliseconds since 1970. A clock that stands before 1970 gives 0.
mod milliseconds {
    use super::{Deserialize, Deserializer, Duration, Serializer, SystemTime};
    use serde::de::Error as _;

    pub(super) fn serialize<S: Serializer>(at: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
        let since_1970 = at.duration_since(SystemTime::UNIX_EPOCH);
        let ms = since_1970.unwrap_or(Duration::ZERO).as_millis();
        to.serialize_u64(u64::try_from(ms).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
        let ms = Duration::from_millis(u64::deserialize(from)?);
        let at = SystemTime::UNIX_EPOCH.checked_add(ms);
        at.ok_or_else(|| D::Error::custom("a time beyond the system's clock"))
    }
}

/// A channel, since it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelStatistics {
    /// Its id.
    pub stream_id: StreamId,
    /// The direction of its records.
    pub direction: Direction,
    /// The map's name in the codelet's object.
    pub map: String,
    /// Records sent.
    pub sent: u64,
    /// Records that found no place.
    pub dropped: u64,
    /// Records that the reader has taken.
    pub received: u64,
    /// Records that no reader has taken: they made room for others while nobody read the channel
    /// and it was watched. All other records that were sent and not received wait in the channel.
    #[serde(default)]
    pub passed_over: u64,
}

/// The measurements of a hook or of a codelet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// How long it has been measured. Nothing is known of the time before.
    #[serde(rename = "elapsed_ns", with = "nanoseconds")]
    pub elapsed: Duration,
    /// Calls in this time; each is counted.
    pub calls: u64,
    /// How long they took, by a sample of them.
    #[serde(flatten)]
    pub times: Times,
}

/// Times in ns, by a sample. A call that was timed stands for those since the timed call before
/// it, so that the histogram's bins add up to nearly all calls. Hooks that are called seldom have
/// every call timed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "TimesInLine", from = "TimesInLine")]
pub struct Times {
    /// Calls that were timed.
    pub samples: u64,
    /// Time of all calls together.
    pub total_ns: u64,
    /// The shortest call that was timed; 0 if there was none.
    pub min_ns: u64,
    /// The longest call that was timed.
    pub max_ns: u64,
    /// Calls by the logarithm of their time.
    pub histogram: [u64; BINS],
}

/// [`Times`] in a line: without the empty bins at the end, and with the quantiles, for readers
/// that do not compute them. [`Times`] itself computes any quantile from its histogram.
#[derive(Serialize, Deserialize)]
struct TimesInLine {
    samples: u64,
    total_ns: u64,
    min_ns: u64,
    max_ns: u64,
    #[serde(default, skip_deserializing, skip_serializing_if = "Option::is_none")]
    p50_ns: Option<u64>,
    #[serde(default, skip_deserializing, skip_serializing_if = "Option::is_none")]
    p99_ns: Option<u64>,
    histogram: Vec<u64>,
}

impl From<Times> for TimesInLine {
    fn from(times: Times) -> Self {
        let last = times.histogram.iter().rposition(|count| *count > 0);
        let bins = last.map_or(0, |last| last + 1);
        Self {
            samples: times.samples,
            total_ns: times.total_ns,
            min_ns: times.min_ns,
            max_ns: times.max_ns,
            p50_ns: times.quantile_ns(0.5),
            p99_ns: times.quantile_ns(0.99),
            histogram: times.histogram.into_iter().take(bins).collect(),
        }
    }
}

impl From<TimesInLine> for Times {
    fn from(line: TimesInLine) -> Self {
        let mut times = Self {
            samples: line.samples,
            total_ns: line.total_ns,
            min_ns: line.min_ns,
            max_ns: line.max_ns,
            histogram: [0; BINS],
        };
        for (bin, count) in times.histogram.iter_mut().zip(line.histogram) {
            *bin = count;
        }
        times
    }
}

/// A time span in nanoseconds. Those of more than 584 years stay there.
mod nanoseconds {
    use super::{Deserialize, Deserializer, Duration, Serializer};

    pub(super) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        Ok(Duration::from_nanos(u64::deserialize(from)?))
    }
}

impl Default for Times {
    fn default() -> Self {
        Self {
            samples: 0,
            total_ns: 0,
            min_ns: 0,
            max_ns: 0,
            histogram: [0; BINS],
        }
    }
}

impl HookStatistics {
    /// Records that its codelets could not send, or were not given.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.codelets.iter().map(CodeletStatistics::dropped).sum()
    }
}

impl CodeletStatistics {
    /// Records that it could not send, or was not given.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.channels.iter().map(|channel| channel.dropped).sum()
    }

    /// Records that it sent and that nobody received.
    #[must_use]
    pub fn passed_over(&self) -> u64 {
        let of_channels = self.channels.iter().map(|channel| channel.passed_over);
        of_channels.sum()
    }
}

impl Statistics {
    /// A hook by its name.
    #[must_use]
    pub fn hook(&self, name: &str) -> Option<&HookStatistics> {
        self.hooks.iter().find(|hook| hook.hook == name)
    }
}

impl Measured {
    /// The measurements between `earlier` and this; `None` when measuring began anew in between.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Option<Self> {
        Some(Self {
            elapsed: self.elapsed.checked_sub(earlier.elapsed)?,
            calls: self.calls.checked_sub(earlier.calls)?,
            times: self.times.since(&earlier.times)?,
        })
    }

    /// Calls a second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate is read, not counted")]
    pub fn calls_per_second(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 {
            self.calls as f64 / seconds
        } else {
            0.0
        }
    }
}

impl Times {
    /// The time below which the fraction `of` (0 to 1) of the calls stayed, in ns: 0.5 is the
    /// median. Exact to the histogram's bin, and spread evenly inside of it. `None` when no call
    /// was timed.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate inside of a bin, which is as wide as half of its time"
    )]
    pub fn quantile_ns(&self, of: f64) -> Option<u64> {
        let rank = (of.clamp(0.0, 1.0) * self.represented() as f64).max(1.0);
        let mut below = 0.0;
        for (bin, count) in self.histogram.iter().enumerate() {
            let count = *count as f64;
            if count > 0.0 && below + count >= rank {
                let (low, high) = bounds(bin);
                let inside = (high - low) as f64 * ((rank - below) / count);
                let time = low.saturating_add(inside as u64);
                // The extremes may be those of another moment than the histogram, or of a
                // stranger's report.
                return Some(time.max(self.min_ns).min(self.max_ns));
            }
            below += count;
        }
        None
    }

    /// The mean time in ns; `None` when no call was timed.
    #[must_use]
    pub fn mean_ns(&self) -> Option<u64> {
        self.total_ns.checked_div(self.represented())
    }

    /// The calls that the timed ones stand for.
    fn represented(&self) -> u64 {
        self.histogram
            .iter()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The times between `earlier` and this; `None` when measuring began anew in between. The
    /// extremes are known to the bin only.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Option<Self> {
        let mut histogram = self.histogram;
        for (bin, before) in histogram.iter_mut().zip(&earlier.histogram) {
            *bin = bin.checked_sub(*before)?;
        }
        let lowest = histogram.iter().position(|count| *count > 0);
        let highest = histogram.iter().rposition(|count| *count > 0);
        Some(Self {
            samples: self.samples.checked_sub(earlier.samples)?,
            total_ns: self.total_ns.checked_sub(earlier.total_ns)?,
            min_ns: lowest.map_or(0, |bin| bounds(bin).0.max(self.min_ns)),
            max_ns: highest.map_or(0, |bin| bounds(bin).1.min(self.max_ns)),
            histogram,
        })
    }
}

/// The times that a bin counts, the first and the last.
fn bounds(bin: usize) -> (u64, u64) {
    let low = if bin == 0 { 0 } else { 1_u64 << bin };
    let high = 2_u64.checked_shl(u32::try_from(bin).unwrap_or(u32::MAX));
    (
        low,
        high.filter(|high| *high > 0)
            .map_or(u64::MAX, |high| high - 1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_objects_names_are_shown_as_what_they_are() {
        let place = AbortPlace {
            kind: AbortKind::Index,
            insn: 7,
            function: None,
            file: Some("a\u{1b}[2J\n\u{202e}.c".to_owned()),
            line: Some(3),
            at: SystemTime::UNIX_EPOCH,
        };
        let shown = place.to_string();
        assert!(shown.ends_with(r" at a\u{1b}[2J\n\u{202e}.c:3"), "{shown}");
    }

    #[test]
    fn measurements_travel_without_loss_and_with_their_quantiles() {
        let measured = Measured {
            elapsed: Duration::from_nanos(1_000_312_877),
            calls: 40,
            times: times(&[(3, 12), (6, 18)], 8, 100),
        };
        let line = serde_json::to_value(&measured).unwrap();
        assert_eq!(line["elapsed_ns"], 1_000_312_877);
        assert_eq!(line["samples"], 30);
        assert_eq!(line["p50_ns"], measured.times.quantile_ns(0.5).unwrap());
        assert_eq!(
            line["histogram"],
            serde_json::json!([0, 0, 0, 12, 0, 0, 18])
        );
        assert_eq!(serde_json::from_value::<Measured>(line).unwrap(), measured);
        let nothing = serde_json::to_value(Times::default()).unwrap();
        assert_eq!(nothing["histogram"], serde_json::json!([]));
        assert_eq!(nothing.get("p50_ns"), None);
    }

    #[test]
    fn aborts_travel_and_keep_reasons_of_later_versions() {
        let line = serde_json::json!({"kind": "fuel", "insn": 6, "at_ms": 1_767_225_600_123_u64});
        let place: AbortPlace = serde_json::from_value(line.clone()).unwrap();
        assert_eq!(place.kind, AbortKind::Unknown("fuel".to_owned()));
        assert_eq!(serde_json::to_value(&place).unwrap(), line);
    }

    fn times(of: &[(usize, u64)], min_ns: u64, max_ns: u64) -> Times {
        let mut times = Times {
            min_ns,
            max_ns,
            ..Times::default()
        };
        for (bin, count) in of {
            times.histogram[*bin] = *count;
            times.samples += count;
            times.total_ns += count << bin;
        }
        times
    }

    #[test]
    fn quantiles_lie_in_the_bin_of_their_call() {
        let times = times(&[(4, 98), (10, 2)], 17, 1500);
        let median = times.quantile_ns(0.5).unwrap();
        assert!((17..32).contains(&median), "{median}");
        let p99 = times.quantile_ns(0.99).unwrap();
        assert!((1024..=1500).contains(&p99), "{p99}");
        assert_eq!(times.quantile_ns(1.0), Some(1500));
        assert!(times.quantile_ns(0.0).unwrap() >= 17);
        assert_eq!(Times::default().quantile_ns(0.5), None);
        assert_eq!(Times::default().mean_ns(), None);
    }

    #[test]
    fn times_that_cannot_be_are_answered_all_the_same() {
        let crossed = times(&[(4, 1)], 30, 20);
        assert_eq!(crossed.quantile_ns(0.5), Some(20));
        let mut huge = times(&[(63, 1)], 0, u64::MAX);
        assert_eq!(huge.quantile_ns(1.0), Some(u64::MAX));
        huge.histogram = [u64::MAX; BINS];
        assert!(huge.quantile_ns(0.5).is_some());
        assert!(huge.mean_ns().is_some());
    }

    #[test]
    fn bins_meet_and_cover_all_times() {
        assert_eq!(bounds(0), (0, 1));
        assert_eq!(bounds(63), (1 << 63, u64::MAX));
        for bin in 1..BINS {
            assert_eq!(bounds(bin - 1).1 + 1, bounds(bin).0);
        }
    }

    #[test]
    fn a_difference_is_that_of_one_measurement() {
        let measured = |seconds, calls, times| Measured {
            elapsed: Duration::from_secs(seconds),
            calls,
            times,
        };
        let earlier = measured(1, 10, times(&[(3, 10)], 8, 15));
        let later = measured(3, 30, times(&[(3, 12), (6, 18)], 8, 100));
        let between = later.since(&earlier).unwrap();
        assert_eq!((between.calls, between.calls_per_second()), (20, 10.0));
        assert_eq!((between.times.min_ns, between.times.max_ns), (8, 100));
        assert_eq!(between.times.histogram[3], 2);
        assert_eq!(earlier.since(&later), None);
    }
}
