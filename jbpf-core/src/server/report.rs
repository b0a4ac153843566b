//! The runtime's facts, as they travel.

use std::time::{Duration, SystemTime};

use jbpf_hooks::hook::HookKind;
use jbpf_operator::protocol::{
    AbortPlaceReport, AbortsReport, CalledHelperReport, ChannelReport, ChannelStatisticsReport,
    CodeletReport, CodeletStatisticsReport, CodeletsetReport, HookRole, HookStatisticsReport,
    MapReport, MeasuredReport, ThreadReport,
};

use crate::codeletset::{CalledHelper, ChannelInfo, CodeletInfo, CodeletsetInfo, MapInfo};
use crate::error::ThreadInside;
use crate::stats::{
    AbortPlace, AbortStatistics, ChannelStatistics, CodeletStatistics, HookStatistics, Measured,
    Times,
};

impl From<&ThreadInside> for ThreadReport {
    fn from(inside: &ThreadInside) -> Self {
        Self {
            thread: inside.thread,
            hook: inside.hook.to_owned(),
        }
    }
}

/// The role of codelets on a hook of this kind.
pub(super) fn role(kind: HookKind) -> HookRole {
    match kind {
        HookKind::Monitoring => HookRole::Monitoring,
        HookKind::Control => HookRole::Control,
    }
}

impl From<CodeletsetInfo> for CodeletsetReport {
    fn from(info: CodeletsetInfo) -> Self {
        Self {
            id: info.id,
            codelets: info.codelets.into_iter().map(Into::into).collect(),
            warnings: info.warnings,
        }
    }
}

impl From<CodeletInfo> for CodeletReport {
    fn from(info: CodeletInfo) -> Self {
        Self {
            name: info.name,
            hook: info.hook.to_owned(),
            priority: info.priority,
            worst_case_instructions: info.worst_case_instructions,
            maps: info.maps.into_iter().map(Into::into).collect(),
            channels: info.channels.into_iter().map(Into::into).collect(),
            helpers: info.helpers.into_iter().map(Into::into).collect(),
            aborts: info.aborts.into(),
        }
    }
}

impl From<CalledHelper> for CalledHelperReport {
    fn from(helper: CalledHelper) -> Self {
        Self {
            id: helper.id,
            name: helper.name.to_owned(),
            panics: helper.panics,
        }
    }
}

impl From<MapInfo> for MapReport {
    fn from(info: MapInfo) -> Self {
        Self::new(info.name, &info.def, info.memory)
    }
}

impl From<ChannelInfo> for ChannelReport {
    fn from(info: ChannelInfo) -> Self {
        Self {
            stream_id: info.stream_id,
            direction: info.direction,
            map: info.map,
            record_size: info.record_size,
        }
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
