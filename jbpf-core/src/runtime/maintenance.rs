//! The thread that calls the built-in hooks, while codelets are attached to them.
//!
//! Each hook has a timetable of its own, fixed when its first codelet is attached: calls keep to
//! multiples of the period, however long a call takes, and late calls are left out. The thread
//! takes no lock that a load or unload holds: it reads measurements, calls the hooks, and sleeps.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use zerocopy::FromZeros as _;

use super::measuring::{Board, MeasuredHook};
use super::threads::Threads;
use crate::builtin_hooks::{
    CALL_PERIOD, MAX_REPORTED, NAME_LEN, PerfData, REPORT_PERIOD, StatsReport, periodic_call,
    report_hook, report_stats,
};
use crate::engine::measure::{HookStats, Totals};
use crate::stats::BINS;

/// How often the built-in hooks are called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Periods {
    pub(super) report: Duration,
    pub(super) call: Duration,
}

impl Default for Periods {
    fn default() -> Self {
        Self {
            report: REPORT_PERIOD,
            call: CALL_PERIOD,
        }
    }
}

/// The built-in hooks that have codelets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Needed {
    pub(super) report: bool,
    pub(super) call: bool,
}

/// The thread, while there is one.
#[derive(Debug)]
pub(super) struct Maintenance {
    periods: Periods,
    threads: Threads,
    board: Arc<Board>,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    signals: Arc<Signals>,
    thread: JoinHandle<()>,
}

/// The flags and counts that the thread reads.
#[derive(Debug, Default)]
struct Signals {
    report: AtomicBool,
    call: AtomicBool,
    stop: AtomicBool,
    /// The counts when `report_stats` got its first codelet. Its reports begin there.
    counted: Mutex<Option<Counted>>,
}

/// The counts of each hook at one moment.
type Counted = Vec<(Arc<HookStats>, Totals)>;

impl Maintenance {
    pub(super) fn new(periods: Periods, board: Arc<Board>, threads: Threads) -> Self {
        Self {
            periods,
            threads,
            board,
            running: Mutex::new(None),
        }
    }

    /// Starts the waiting thread, if any hook will need it. It fails here or not at all, before
    /// anything is attached.
    pub(super) fn prepare(&self, needed: Needed) -> io::Result<()> {
        let mut running = self.lock();
        if needed == Needed::default() {
            return Ok(());
        }
        let signals = match running.as_ref() {
            Some(running) => Arc::clone(&running.signals),
            None => {
                let started = self.start()?;
                let signals = Arc::clone(&started.signals);
                *running = Some(started);
                signals
            }
        };
        if needed.report && !signals.report.load(Ordering::Acquire) {
            let counted = count(&self.board).into_iter();
            let counted = counted.map(|(measured, totals)| {
                // Extremes from before the first report are dropped.
                let _ = measured.stats.hook().take_extremes();
                (Arc::clone(&measured.stats), totals)
            });
            *signals.lock_counted() = Some(counted.collect());
        }
        Ok(())
    }

    fn start(&self) -> io::Result<Running> {
        let signals = Arc::new(Signals::default());
        let service = Service {
            signals: Arc::clone(&signals),
            reports: Timetable::new(self.periods.report),
            calls: Timetable::new(self.periods.call),
            reporter: Reporter::new(Arc::clone(&self.board)),
        };
        let thread = self.threads.spawn("timer", || service.run())?;
        Ok(Running { signals, thread })
    }

    /// Calls these hooks from now on. A thread that has none to call ends, and is returned unless
    /// it is this one: it may be inside of a codelet still.
    #[must_use = "it has not ended yet"]
    pub(super) fn settle(&self, needed: Needed) -> Option<JoinHandle<()>> {
        let mut running = self.lock();
        let current = running.as_ref()?;
        let signals = &current.signals;
        signals.report.store(needed.report, Ordering::Release);
        signals.call.store(needed.call, Ordering::Release);
        if needed != Needed::default() {
            current.thread.thread().unpark();
            return None;
        }
        signals.stop.store(true, Ordering::Release);
        current.thread.thread().unpark();
        let Running { thread, .. } = running.take()?;
        (thread.thread().id() != std::thread::current().id()).then_some(thread)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Signals {
    fn lock_counted(&self) -> MutexGuard<'_, Option<Counted>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The counts of each measured hook except `report_stats` itself.
fn count(board: &Board) -> Vec<(Arc<MeasuredHook>, Totals)> {
    let all = board.all().into_iter();
    all.filter(|measured| !std::ptr::eq(measured.hook, report_hook()))
        .map(|measured| {
            let totals = measured.stats.hook().totals();
            (measured, totals)
        })
        .collect()
}

/// The thread's state.
struct Service {
    signals: Arc<Signals>,
    reports: Timetable,
    calls: Timetable,
    reporter: Reporter,
}

impl Service {
    fn run(mut self) {
        while !self.signals.stop.load(Ordering::Acquire) {
            let now = Instant::now();
            let report = self.signals.report.load(Ordering::Acquire);
            let call = self.signals.call.load(Ordering::Acquire);
            if report && let Some(counted) = self.signals.lock_counted().take() {
                self.reporter.before = counted;
                self.reports.follow(false, now);
            }
            self.reports.follow(report, now);
            self.calls.follow(call, now);
            if let Some(periods) = self.calls.due(now) {
                periodic_call(micros(self.calls.period, periods));
            }
            if let Some(periods) = self.reports.due(now) {
                self.reporter.report(micros(self.reports.period, periods));
            }
            let next = self.calls.next().into_iter().chain(self.reports.next());
            match next.min() {
                Some(next) => {
                    std::thread::park_timeout(next.saturating_duration_since(Instant::now()));
                }
                None => std::thread::park(),
            }
        }
    }
}

fn micros(period: Duration, periods: u32) -> u32 {
    let micros = period.saturating_mul(periods).as_micros();
    u32::try_from(micros).unwrap_or(u32::MAX)
}

/// When a hook is called: at multiples of its period after it got its first codelet.
#[derive(Debug)]
struct Timetable {
    period: Duration,
    /// When the last call was due, while the hook has codelets.
    last: Option<Instant>,
}

impl Timetable {
    fn new(period: Duration) -> Self {
        Self { period, last: None }
    }

    /// Begins when the hook gets its first codelet, and ends when it loses the last one.
    fn follow(&mut self, needed: bool, now: Instant) {
        self.last = needed.then(|| self.last.unwrap_or(now));
    }

    /// When the next call is due.
    fn next(&self) -> Option<Instant> {
        self.last?.checked_add(self.period)
    }

    /// How many periods have passed since the last call, if a call is due. Those that were missed
    /// are not made up for.
    fn due(&mut self, now: Instant) -> Option<u32> {
        let last = self.last?;
        let passed = now.saturating_duration_since(last).as_nanos();
        let periods = u32::try_from(passed.checked_div(self.period.as_nanos())?).ok()?;
        if periods == 0 {
            return None;
        }
        self.last = last.checked_add(self.period.saturating_mul(periods));
        Some(periods)
    }
}

/// Turns measurements into reports. Each covers the time since the one before.
struct Reporter {
    board: Arc<Board>,
    /// The counts at the last report.
    before: Counted,
    report: Box<StatsReport>,
    /// Whether it was said that a report has no room for all hooks.
    warned: bool,
}

/// A hook's calls and times since the last report.
struct Entry {
    name: &'static str,
    calls: u64,
    extremes: (u64, u64),
    histogram: [u64; BINS],
}

impl Reporter {
    fn new(board: Arc<Board>) -> Self {
        Self {
            board,
            before: Vec::new(),
            report: Box::new(StatsReport::new_zeroed()),
            warned: false,
        }
    }

    fn report(&mut self, period: u32) {
        let mut entries = self.entries();
        if entries.len() > MAX_REPORTED && !self.warned {
            self.warned = true;
            tracing::warn!(
                target: "jbpf",
                hooks = entries.len(),
                "report_stats has room for {MAX_REPORTED} hooks: those with the most calls are reported"
            );
        }
        entries.sort_by(|a, b| b.calls.cmp(&a.calls).then(a.name.cmp(b.name)));
        entries.truncate(MAX_REPORTED);
        entries.sort_by_key(|entry| entry.name);
        // Codelets may have written to it.
        self.report.zero();
        self.report.num_reported_hooks = u8::try_from(entries.len()).unwrap_or(u8::MAX);
        for (data, entry) in self.report.perf_data.iter_mut().zip(&entries) {
            entry.write(data);
        }
        report_stats(&mut self.report, period);
    }

    fn entries(&mut self) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut counted = Vec::new();
        for (measured, totals) in count(&self.board) {
            let entry = self.entry(&measured, &totals);
            measured.stats.look_closely();
            if measured.has_codelets() || entry.calls > 0 {
                entries.push(entry);
            }
            counted.push((Arc::clone(&measured.stats), totals));
        }
        self.before = counted;
        entries
    }

    fn entry(&self, measured: &MeasuredHook, totals: &Totals) -> Entry {
        let before = self
            .before
            .iter()
            .find(|(stats, _)| measured.stats.continues(stats))
            .map(|(_, totals)| totals);
        let calls = totals.calls - before.map_or(0, |before| before.calls);
        let recent = before.and_then(|before| totals.times.since(&before.times));
        let recent = recent.filter(|times| times.samples > 0 || calls == 0);
        let extremes = measured.stats.hook().take_extremes();
        Entry {
            name: measured.hook.info().name,
            calls,
            // Calls that were under way at the last report are not timed when no other one
            // follows: they are taken to be as those before.
            extremes: extremes.unwrap_or(if recent.is_none() {
                (totals.times.min_ns, totals.times.max_ns)
            } else {
                (0, 0)
            }),
            histogram: recent.map_or(totals.times.histogram, |times| times.histogram),
        }
    }
}

impl Entry {
    fn write(&self, data: &mut PerfData) {
        data.num = self.calls;
        (data.min, data.max) = self.extremes;
        data.hist = scaled(&self.histogram, self.calls);
        // The last byte stays zero.
        let name = self.name.as_bytes().iter().take(NAME_LEN - 1);
        for (to, from) in data.hook_name.iter_mut().zip(name) {
            *to = *from;
        }
    }
}

/// Scales the histogram of a sample to so many calls: its bins add up to that number, as far as
/// they can hold it.
fn scaled<const N: usize>(histogram: &[u64; N], calls: u64) -> [u32; N] {
    let timed: u64 = histogram.iter().sum();
    let mut left = calls;
    let mut share = |count: u64| {
        let exact = u128::from(count) * u128::from(calls) / u128::from(timed.max(1));
        let share = u64::try_from(exact).unwrap_or(u64::MAX);
        left = left.saturating_sub(share);
        share
    };
    let mut shares = histogram.map(&mut share);
    // Rounding leaves over less than the number of bins.
    if let Some(most) = shares.iter_mut().max()
        && *most > 0
    {
        *most += left;
    }
    shares.map(|share| u32::try_from(share).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_keep_to_multiples_of_the_period() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut table = Timetable::new(Duration::from_millis(10));
        assert_eq!((table.next(), table.due(at(100))), (None, None));
        table.follow(true, start);
        table.follow(true, at(1));
        assert_eq!(table.due(at(9)), None);
        assert_eq!(table.due(at(13)), Some(1));
        assert_eq!(table.next(), Some(at(20)), "3 ms late once, not for ever");
        assert_eq!(table.due(at(20)), Some(1));
        assert_eq!(table.due(at(57)), Some(3), "three periods in one call");
        assert_eq!(table.due(at(58)), None, "and none after it");
        assert_eq!(table.next(), Some(at(60)));
        table.follow(false, at(59));
        assert_eq!((table.next(), table.due(at(100))), (None, None));
        table.follow(true, at(200));
        assert_eq!(table.next(), Some(at(210)));
    }

    #[test]
    fn a_scaled_histogram_adds_up_to_all_calls() {
        assert_eq!(scaled(&[0, 3, 1], 1000), [0, 750, 250]);
        assert_eq!(scaled(&[1, 1, 1], 1000).iter().sum::<u32>(), 1000);
        assert_eq!(scaled(&[0, 0, 0], 5), [0, 0, 0]);
        assert_eq!(scaled(&[2, 0, 0], u64::MAX), [u32::MAX, 0, 0]);
        assert_eq!(scaled(&[4, 4, 0], 0), [0, 0, 0]);
    }
}
