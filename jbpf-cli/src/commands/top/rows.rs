//! Rows of the table: the difference between two looks at an application.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::time::Instant;

use clap::ValueEnum;
use jbpf_operator::stats::{
    AbortStatistics, ChannelStatistics, CodeletStatistics, HookStatistics, Measured,
};
use serde::Serialize;

use crate::application::aborts;

/// A column, to sort by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Column {
    Hook,
    Codelet,
    Calls,
    P50,
    P99,
    Load,
    Drops,
    Dropped,
    Passed,
    Busy,
    Memory,
    Aborts,
}

/// The titles of the columns, in their order.
pub(super) const TITLES: [&str; 12] = [
    "HOOK", "CODELET", "CALLS/S", "P50", "P99", "LOAD", "DROPS/S", "DROPPED", "PASSED", "BUSY",
    "MEMORY", "ABORTS",
];

impl Column {
    pub(super) const ALL: [Self; 12] = [
        Self::Hook,
        Self::Codelet,
        Self::Calls,
        Self::P50,
        Self::P99,
        Self::Load,
        Self::Drops,
        Self::Dropped,
        Self::Passed,
        Self::Busy,
        Self::Memory,
        Self::Aborts,
    ];

    /// Names are sorted from the first to the last, numbers from the largest.
    pub(super) fn is_name(self) -> bool {
        matches!(self, Self::Hook | Self::Codelet)
    }
}

/// The rows that are shown, and their order.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) sort: Column,
    pub(super) ascending: bool,
    pub(super) filter: String,
    pub(super) hooks: bool,
}

/// A hook, or a codelet on it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Row {
    hook: String,
    /// `codeletset/codelet`; of a hook's own row, none.
    codelet: Option<String>,
    calls_per_second: Option<f64>,
    p50_ns: Option<u64>,
    p99_ns: Option<u64>,
    /// Processors that it keeps busy.
    load: Option<f64>,
    drops_per_second: Option<f64>,
    /// Records dropped since its channels were made.
    dropped: u64,
    /// Records since then that made room for others without having been read.
    passed_over: u64,
    /// Operations on its maps that did not wait for another thread.
    busy: u64,
    /// Bytes of memory of its maps and channels.
    memory: u64,
    /// Calls that it left before their end, since it was loaded; of a hook, those of its codelets.
    aborts: AbortStatistics,
}

/// The rows of the last interval, and what was seen at its end.
#[derive(Debug, Default)]
pub(super) struct Rows {
    rows: Vec<Row>,
    seen: HashMap<(String, Option<String>), Seen>,
    at: Option<Instant>,
}

/// A hook's or codelet's figures at a look.
#[derive(Debug, Clone)]
struct Seen {
    measured: Option<Measured>,
    lost: Lost,
    memory: u64,
    aborts: AbortStatistics,
}

/// Records that nobody receives, and operations that were refused.
#[derive(Debug, Clone, Copy, Default)]
struct Lost {
    dropped: u64,
    passed_over: u64,
    busy: u64,
}

impl Lost {
    fn of_channel(channel: &ChannelStatistics) -> Self {
        Self {
            dropped: channel.dropped,
            passed_over: channel.passed_over,
            busy: 0,
        }
    }

    fn of(codelet: &CodeletStatistics) -> Self {
        let own = Self {
            busy: codelet.busy,
            ..Self::default()
        };
        let of_channels = codelet.channels.iter().map(Self::of_channel);
        of_channels.fold(own, Self::and)
    }

    fn and(self, other: Self) -> Self {
        Self {
            dropped: self.dropped.saturating_add(other.dropped),
            passed_over: self.passed_over.saturating_add(other.passed_over),
            busy: self.busy.saturating_add(other.busy),
        }
    }
}

impl Rows {
    /// Takes in what an application says now.
    pub(super) fn update(&mut self, hooks: Vec<HookStatistics>) {
        let now = Instant::now();
        let seconds = self.at.replace(now).map(|at| (now - at).as_secs_f64());
        let before = std::mem::take(&mut self.seen);
        self.rows.clear();
        for hook in hooks.into_iter().filter(|hook| !hook.codelets.is_empty()) {
            let mut lost = Lost::default();
            let mut memory: u64 = 0;
            let mut aborts = AbortStatistics::default();
            for codelet in &hook.codelets {
                let own = Lost::of(codelet);
                lost = lost.and(own);
                memory = memory.saturating_add(codelet.memory);
                let name = format!("{}/{}", codelet.codeletset, codelet.codelet);
                let key = (hook.hook.clone(), Some(name));
                add(&mut aborts, &codelet.aborts);
                let seen = Seen {
                    measured: codelet.measured.clone(),
                    lost: own,
                    memory: codelet.memory,
                    aborts: codelet.aborts.clone(),
                };
                self.add(key, seen, &before, seconds);
            }
            let seen = Seen {
                measured: hook.measured,
                lost,
                memory,
                aborts,
            };
            self.add((hook.hook, None), seen, &before, seconds);
        }
    }

    fn add(
        &mut self,
        key: (String, Option<String>),
        seen: Seen,
        before: &HashMap<(String, Option<String>), Seen>,
        seconds: Option<f64>,
    ) {
        let before = before.get(&key);
        self.rows.push(Row::new(&key, &seen, before, seconds));
        self.seen.insert(key, seen);
    }

    /// The rows that a view shows, in its order.
    pub(super) fn shown(&self, view: &View) -> Vec<&Row> {
        let filter = view.filter.to_lowercase();
        let mut shown: Vec<&Row> = self
            .rows
            .iter()
            .filter(|row| row.codelet.is_none() == view.hooks && row.contains(&filter))
            .collect();
        shown.sort_by(|a, b| {
            let order = a.compare(b, view.sort);
            let order = if view.ascending {
                order
            } else {
                order.reverse()
            };
            order
                .then_with(|| a.hook.cmp(&b.hook))
                .then_with(|| a.codelet.cmp(&b.codelet))
        });
        shown
    }
}

impl Row {
    fn new(
        key: &(String, Option<String>),
        seen: &Seen,
        before: Option<&Seen>,
        seconds: Option<f64>,
    ) -> Self {
        let between = seen.measured.as_ref().map(|now| {
            let before = before.and_then(|before| before.measured.as_ref());
            // A measurement that began since is known from its beginning.
            before
                .and_then(|before| now.since(before))
                .unwrap_or_else(|| now.clone())
        });
        let times = between.as_ref().map(|between| &between.times);
        Self {
            hook: key.0.clone(),
            codelet: key.1.clone(),
            calls_per_second: between.as_ref().map(Measured::calls_per_second),
            p50_ns: times.and_then(|times| times.quantile_ns(0.5)),
            p99_ns: times.and_then(|times| times.quantile_ns(0.99)),
            load: between.as_ref().map(load),
            drops_per_second: before.zip(seconds).map(|(before, seconds)| {
                let drops = seen.lost.dropped.saturating_sub(before.lost.dropped);
                rate(drops, seconds)
            }),
            dropped: seen.lost.dropped,
            passed_over: seen.lost.passed_over,
            busy: seen.lost.busy,
            memory: seen.memory,
            aborts: seen.aborts.clone(),
        }
    }

    fn contains(&self, filter: &str) -> bool {
        let codelet = self.codelet.as_deref().unwrap_or_default();
        self.hook.to_lowercase().contains(filter) || codelet.to_lowercase().contains(filter)
    }

    fn compare(&self, other: &Self, by: Column) -> Ordering {
        let numbers = |a: Option<f64>, b: Option<f64>| a.partial_cmp(&b).unwrap_or(Ordering::Equal);
        match by {
            Column::Hook => self.hook.cmp(&other.hook),
            Column::Codelet => self.codelet.cmp(&other.codelet),
            Column::Calls => numbers(self.calls_per_second, other.calls_per_second),
            Column::P50 => self.p50_ns.cmp(&other.p50_ns),
            Column::P99 => self.p99_ns.cmp(&other.p99_ns),
            Column::Load => numbers(self.load, other.load),
            Column::Drops => numbers(self.drops_per_second, other.drops_per_second),
            Column::Dropped => self.dropped.cmp(&other.dropped),
            Column::Passed => self.passed_over.cmp(&other.passed_over),
            Column::Busy => self.busy.cmp(&other.busy),
            Column::Memory => self.memory.cmp(&other.memory),
            Column::Aborts => self.aborts.count.cmp(&other.aborts.count),
        }
    }

    /// As text, in the order of [`TITLES`].
    pub(super) fn cells(&self) -> [String; 12] {
        let unknown = || "-".to_owned();
        [
            self.hook.clone(),
            self.codelet.clone().unwrap_or_else(|| "(all)".to_owned()),
            self.calls_per_second.map_or_else(unknown, count),
            self.p50_ns.map_or_else(unknown, time),
            self.p99_ns.map_or_else(unknown, time),
            self.load
                .map_or_else(unknown, |load| format!("{:.1}%", load * 100.0)),
            self.drops_per_second.map_or_else(unknown, count),
            self.dropped.to_string(),
            self.passed_over.to_string(),
            self.busy.to_string(),
            self.memory.to_string(),
            aborts(&self.aborts),
        ]
    }
}

/// Adds what a codelet left to what those before it have left.
fn add(sum: &mut AbortStatistics, own: &AbortStatistics) {
    sum.count = sum.count.saturating_add(own.count);
    sum.faults = sum.faults.saturating_add(own.faults);
    let at = |aborts: &AbortStatistics| aborts.last.as_ref().map(|last| last.at);
    if at(own) > at(sum) {
        sum.last.clone_from(&own.last);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate is read, not counted")]
fn rate(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 {
        count as f64 / seconds
    } else {
        0.0
    }
}

/// Processors that a hook or codelet keeps busy.
fn load(between: &Measured) -> f64 {
    let mean = between.times.mean_ns().unwrap_or(0);
    rate(
        mean.saturating_mul(between.calls),
        between.elapsed.as_secs_f64(),
    ) / 1e9
}

/// A rate to three digits.
fn count(value: f64) -> String {
    match value {
        value if value < 10.0 && value > 0.0 => format!("{value:.1}"),
        value if value < 10_000.0 => format!("{value:.0}"),
        value if value < 1e6 => format!("{:.1}k", value / 1e3),
        value if value < 1e9 => format!("{:.1}M", value / 1e6),
        value => format!("{:.1}G", value / 1e9),
    }
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn time(ns: u64) -> String {
    let ns = ns as f64;
    match ns {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{:.1} us", ns / 1e3),
        ns if ns < 1e9 => format!("{:.1} ms", ns / 1e6),
        ns => format!("{:.1} s", ns / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    use jbpf_operator::stats::{AbortPlace, BINS, Measured, Times};

    fn measured(seconds: u64, calls: u64) -> Option<Measured> {
        let mut histogram = [0; BINS];
        histogram[6] = calls;
        Some(Measured {
            elapsed: Duration::from_secs(seconds),
            calls,
            times: Times {
                samples: calls,
                total_ns: calls * 100,
                min_ns: 100,
                max_ns: 100,
                histogram,
            },
        })
    }

    fn hook(name: &str, seconds: u64, calls: u64) -> HookStatistics {
        HookStatistics {
            hook: name.to_owned(),
            measured: measured(seconds, calls),
            skipped: 0,
            kept: 0,
            codelets: vec![CodeletStatistics {
                codeletset: "set".to_owned(),
                codelet: format!("of_{name}"),
                measured: measured(seconds, calls),
                busy: 0,
                memory: u64::MAX,
                aborts: AbortStatistics::default(),
                channels: Vec::new(),
            }],
        }
    }

    /// Whatever an application says.
    #[test]
    fn numbers_that_cannot_be_true_are_shown_all_the_same() {
        use jbpf_operator::stream::Direction;

        let channel = ChannelStatistics {
            stream_id: jbpf_channel::StreamId([1; 16]),
            direction: Direction::Output,
            map: "out".to_owned(),
            sent: u64::MAX,
            dropped: u64::MAX,
            received: u64::MAX,
            passed_over: u64::MAX,
        };
        let mut rows = Rows::default();
        for (seconds, calls) in [(2, u64::MAX / 200), (1, 0), (0, 7)] {
            let mut hook = hook("hook", seconds, calls);
            hook.codelets[0].channels = vec![channel.clone(), channel.clone()];
            hook.codelets.push(hook.codelets[0].clone());
            rows.update(vec![hook.clone(), hook]);
            assert!(!rows.shown(&view(Column::Calls, false, "")).is_empty());
        }
    }

    fn view(sort: Column, ascending: bool, filter: &str) -> View {
        View {
            sort,
            ascending,
            filter: filter.to_owned(),
            hooks: false,
        }
    }

    fn names(rows: &Rows, view: &View) -> Vec<String> {
        let shown = rows.shown(view);
        shown.iter().map(|row| row.hook.clone()).collect()
    }

    #[test]
    fn rates_are_those_between_two_looks() {
        let mut rows = Rows::default();
        rows.update(vec![hook("a", 1, 1000)]);
        rows.update(vec![hook("a", 3, 5000)]);
        let row = rows.shown(&view(Column::Calls, false, ""))[0].clone();
        assert_eq!(row.calls_per_second, Some(2000.0));
        assert_eq!((row.p50_ns, row.p99_ns), (Some(100), Some(100)));
        assert_eq!(row.load, Some(0.0002));
        let cells = row.cells();
        assert_eq!(cells[2..6], ["2000", "100 ns", "100 ns", "0.0%"]);
    }

    #[test]
    fn rows_are_sorted_and_filtered() {
        let mut rows = Rows::default();
        rows.update(vec![hook("a", 1, 10), hook("b", 1, 30), hook("ab", 1, 20)]);
        assert_eq!(
            names(&rows, &view(Column::Calls, false, "")),
            ["b", "ab", "a"]
        );
        assert_eq!(
            names(&rows, &view(Column::Hook, true, "")),
            ["a", "ab", "b"]
        );
        assert_eq!(
            names(&rows, &view(Column::Calls, true, "OF_A")),
            ["a", "ab"]
        );
    }

    #[test]
    fn what_nobody_knows_is_a_dash() {
        let mut rows = Rows::default();
        let mut unknown = hook("a", 1, 1);
        unknown.codelets[0].measured = None;
        rows.update(vec![unknown]);
        let cells = rows.shown(&view(Column::Calls, false, ""))[0].cells();
        assert_eq!(
            cells[2..],
            [
                "-",
                "-",
                "-",
                "-",
                "-",
                "0",
                "0",
                "0",
                &u64::MAX.to_string(),
                "0"
            ]
        );
    }

    fn aborts_of(codelet: &mut CodeletStatistics, count: u64, kind: &str, at_ms: u64) {
        codelet.aborts = AbortStatistics {
            count,
            faults: 0,
            last: Some(AbortPlace {
                kind: kind.into(),
                insn: 7,
                function: None,
                file: Some("echo.c".to_owned()),
                line: Some(12),
                at: SystemTime::UNIX_EPOCH + Duration::from_millis(at_ms),
            }),
        };
    }

    #[test]
    fn aborts_are_shown_with_the_last_place() {
        let mut rows = Rows::default();
        let mut hook = hook("a", 1, 1);
        let mut second = hook.codelets[0].clone();
        aborts_of(&mut hook.codelets[0], 3, "index", 2000);
        aborts_of(&mut second, u64::MAX, "assertion", 1000);
        second.codelet = "second".to_owned();
        hook.codelets.push(second);
        rows.update(vec![hook]);
        let by_aborts = view(Column::Aborts, true, "");
        let shown = |view: &View| -> Vec<String> {
            let rows = rows.shown(view);
            rows.iter().map(|row| row.cells()[11].clone()).collect()
        };
        let most = format!("{} (assertion at echo.c:12)", u64::MAX);
        assert_eq!(
            shown(&by_aborts),
            ["3 (index at echo.c:12)".to_owned(), most]
        );
        let hooks = View {
            hooks: true,
            ..by_aborts
        };
        assert_eq!(
            shown(&hooks),
            [format!("{} (index at echo.c:12)", u64::MAX)]
        );
    }

    #[test]
    fn numbers_are_three_digits_and_a_unit() {
        assert_eq!(count(0.0), "0");
        assert_eq!(count(1.25), "1.2");
        assert_eq!(count(12_345.0), "12.3k");
        assert_eq!(time(999), "999 ns");
        assert_eq!(time(1_500), "1.5 us");
        assert_eq!(time(2_000_000_000), "2.0 s");
    }
}
