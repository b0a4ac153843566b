//! Measurements of a hook and of each of its codelets, calls and times. They are taken only while
//! a reader asks for them.
//!
//! A dispatch function compiled for measuring writes here with relaxed atomics. Threads write to
//! the part that their slot number picks, so that two of them seldom share a cache line. Every
//! call is counted. Looking at the clock costs more than many a codelet, so calls are timed at
//! most about every 16 us: all of a hook that is called seldom, one of up to a thousand of a busy
//! one.
#![expect(
    unsafe_code,
    reason = "is called by machine code, with addresses that it was compiled with"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jbpf_hooks::reclaim::ThreadRecord;

use jbpf_operator::stats::{BINS, Times};

use crate::clock;

/// Parts that threads write to; a power of two.
const PARTS: usize = 8;

/// Timed calls of one part are at least this far apart, on the average.
const TIMED_EVERY_NS: u64 = 16_000;

/// The largest stride: on the average, at least one of so many calls is timed.
const MAX_STRIDE: u64 = 1024;

/// Calls and times of one codelet, or of a hook as a whole. Counts up as long as it lives.
#[derive(Debug, Default)]
pub struct CodeletStats {
    parts: [Part; PARTS],
}

/// The counts of one group of threads.
#[derive(Debug)]
#[repr(align(128))]
struct Part {
    calls: AtomicU64,
    /// Calls that the timed ones stand for.
    represented: AtomicU64,
    samples: AtomicU64,
    total: AtomicU64,
    all: Extremes,
    /// The extremes since they were taken last.
    recent: Extremes,
    histogram: [AtomicU64; BINS],
}

#[derive(Debug)]
struct Extremes {
    min: AtomicU64,
    max: AtomicU64,
}

impl Default for Part {
    fn default() -> Self {
        Self {
            calls: AtomicU64::new(0),
            represented: AtomicU64::new(0),
            samples: AtomicU64::new(0),
            total: AtomicU64::new(0),
            all: Extremes::default(),
            recent: Extremes::default(),
            histogram: [const { AtomicU64::new(0) }; BINS],
        }
    }
}

impl Default for Extremes {
    fn default() -> Self {
        Self {
            min: AtomicU64::new(u64::MAX),
            max: AtomicU64::new(0),
        }
    }
}

impl Extremes {
    /// Writes only a new extreme. That is rare.
    fn include(&self, ns: u64) {
        if ns < self.min.load(Ordering::Relaxed) {
            self.min.fetch_min(ns, Ordering::Relaxed);
        }
        if ns > self.max.load(Ordering::Relaxed) {
            self.max.fetch_max(ns, Ordering::Relaxed);
        }
    }
}

/// The sums of a [`CodeletStats`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// Calls.
    pub calls: u64,
    /// How long they took.
    pub times: Times,
}

impl CodeletStats {
    fn part(&self, slot: u32) -> Option<&Part> {
        self.parts.get(slot as usize % PARTS)
    }

    /// Counts one call that was not timed, made by the thread of that slot.
    pub fn count(&self, slot: u32) {
        if let Some(part) = self.part(slot) {
            part.calls.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts one call that took `ns`.
    pub fn add(&self, slot: u32, ns: u64) {
        let Some(part) = self.part(slot) else {
            return;
        };
        let calls = part.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let before = part.represented.fetch_max(calls, Ordering::Relaxed);
        let stands_for = calls.saturating_sub(before);
        part.samples.fetch_add(1, Ordering::Relaxed);
        let total = ns.saturating_mul(stands_for);
        part.total.fetch_add(total, Ordering::Relaxed);
        part.all.include(ns);
        part.recent.include(ns);
        if let Some(bin) = part.histogram.get(bin(ns)) {
            bin.fetch_add(stands_for, Ordering::Relaxed);
        }
    }

    /// The counts so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        let times = &mut totals.times;
        times.min_ns = u64::MAX;
        for part in &self.parts {
            // The histogram is read before the calls, so that the calls it stands for never exceed
            // them.
            for (sum, bin) in times.histogram.iter_mut().zip(&part.histogram) {
                *sum += bin.load(Ordering::Relaxed);
            }
            let total = part.total.load(Ordering::Relaxed);
            times.total_ns = times.total_ns.saturating_add(total);
            times.samples += part.samples.load(Ordering::Relaxed);
            times.min_ns = times.min_ns.min(part.all.min.load(Ordering::Relaxed));
            times.max_ns = times.max_ns.max(part.all.max.load(Ordering::Relaxed));
            totals.calls += part.calls.load(Ordering::Relaxed);
        }
        if times.min_ns == u64::MAX {
            times.min_ns = 0;
        }
        totals
    }

    /// The shortest and the longest call that was timed since the last question. `None` if none
    /// was timed. Only one reader may ask: each question starts a new interval.
    #[must_use]
    pub fn take_extremes(&self) -> Option<(u64, u64)> {
        let mut taken = (u64::MAX, 0);
        for part in &self.parts {
            let min = part.recent.min.swap(u64::MAX, Ordering::Relaxed);
            let max = part.recent.max.swap(0, Ordering::Relaxed);
            taken = (taken.0.min(min), taken.1.max(max));
        }
        (taken.0 != u64::MAX).then(|| (taken.0, taken.1.max(taken.0)))
    }
}

fn bin(ns: u64) -> usize {
    ns.checked_ilog2().unwrap_or(0) as usize
}

/// Chooses the calls of a hook that are timed.
#[derive(Debug, Default)]
struct Sampling {
    parts: [Turn; PARTS],
}

/// When one group of threads times its next call.
#[derive(Debug)]
#[repr(align(128))]
struct Turn {
    /// A call is timed once the count of calls has reached this number.
    next: AtomicU64,
    /// One call of so many is timed, on the average.
    stride: AtomicU64,
    /// The tick of the last timed call.
    last: AtomicU64,
}

impl Default for Turn {
    fn default() -> Self {
        Self {
            next: AtomicU64::new(0),
            stride: AtomicU64::new(1),
            last: AtomicU64::new(0),
        }
    }
}

impl Turn {
    /// Whether the call after `calls` is timed; threads that share a turn may both be.
    fn comes_at(&self, calls: u64) -> bool {
        calls >= self.next.load(Ordering::Relaxed)
    }

    /// Chooses the call after this one.
    fn advance(&self, calls: u64, now: u64) {
        let last = self.last.swap(now, Ordering::Relaxed);
        let apart = clock::ticks_to_ns(now.saturating_sub(last));
        let stride = self.stride.load(Ordering::Relaxed);
        let stride = if apart < TIMED_EVERY_NS {
            (stride * 2).min(MAX_STRIDE)
        } else {
            (stride / 2).max(1)
        };
        self.stride.store(stride, Ordering::Relaxed);
        // Not at equal distances, which the application's own rhythm might share: from 1 to twice
        // the stride, scattered by a multiplication (Fibonacci hashing).
        let scattered = calls.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let distance = 1 + scattered % (2 * stride - 1);
        self.next.store(calls + distance, Ordering::Relaxed);
    }
}

/// The measurements of a hook as a whole. They go on when other codelets are attached.
#[derive(Debug, Default)]
struct Whole {
    stats: CodeletStats,
    sampling: Sampling,
}

/// The measurements of a hook: of the hook as a whole, and of its codelets in the order in which
/// they run.
#[derive(Debug, Clone)]
pub struct HookStats {
    whole: Arc<Whole>,
    codelets: Vec<Arc<CodeletStats>>,
}

impl HookStats {
    /// Nothing measured yet, for a hook of so many codelets.
    #[must_use]
    pub fn new(codelets: usize) -> Self {
        let codelets = std::iter::repeat_with(Arc::default).take(codelets);
        Self {
            whole: Arc::default(),
            codelets: codelets.collect(),
        }
    }

    /// The same hook with other codelets. Codelets that stay keep their measurements.
    #[must_use]
    pub fn with_codelets(&self, codelets: Vec<Arc<CodeletStats>>) -> Self {
        Self {
            whole: Arc::clone(&self.whole),
            codelets,
        }
    }

    /// Whether both are measurements of a hook that nothing has interrupted.
    #[must_use]
    pub fn continues(&self, earlier: &Self) -> bool {
        Arc::ptr_eq(&self.whole, &earlier.whole)
    }

    /// The hook as a whole: the time of all its codelets together.
    #[must_use]
    pub fn hook(&self) -> &CodeletStats {
        &self.whole.stats
    }

    /// Each codelet, in the order in which they run.
    #[must_use]
    pub fn codelets(&self) -> &[Arc<CodeletStats>] {
        &self.codelets
    }

    /// Has the next calls timed. Readers call this when they read. Otherwise a hook that was busy
    /// and is not any more would go without times for long: its stride is still large.
    pub fn look_closely(&self) {
        for turn in &self.whole.sampling.parts {
            turn.stride.store(1, Ordering::Relaxed);
            turn.next.store(0, Ordering::Relaxed);
        }
    }

    /// Whether the call that begins is timed.
    pub(super) fn begin(&self, slot: u32) -> bool {
        let (Some(part), Some(turn)) = (
            self.whole.stats.part(slot),
            self.whole.sampling.parts.get(slot as usize % PARTS),
        ) else {
            return false;
        };
        let calls = part.calls.load(Ordering::Relaxed);
        if !turn.comes_at(calls) {
            return false;
        }
        turn.advance(calls, clock::ticks());
        true
    }
}

/// The tick at which a timed call begins; 0 for a call that is not timed.
pub(super) fn start(timed: bool) -> u64 {
    if timed { clock::ticks().max(1) } else { 0 }
}

impl CodeletStats {
    /// Counts a call that began at `start`; returns how many ticks it took, 0 if it was not timed.
    pub(super) fn end(&self, slot: u32, start: u64) -> u64 {
        if start == 0 {
            self.count(slot);
            return 0;
        }
        let elapsed = clock::ticks().saturating_sub(start);
        self.add(slot, clock::ticks_to_ns(elapsed));
        elapsed
    }

    /// Counts a call of a hook. Its codelets took `elapsed` ticks together.
    pub(super) fn end_all(&self, slot: u32, timed: bool, elapsed: u64) {
        if timed {
            self.add(slot, clock::ticks_to_ns(elapsed));
        } else {
            self.count(slot);
        }
    }
}

/// [`HookStats::begin`] for machine code: 1 if the call is timed, else 0.
///
/// # Safety
/// `stats` and `thread` point at live objects of their types for the length of the call.
pub(super) unsafe extern "C" fn begin(stats: *const HookStats, thread: *const ThreadRecord) -> u64 {
    // SAFETY: the caller's word.
    let stats = unsafe { &*stats };
    // SAFETY: the caller's word.
    let thread = unsafe { &*thread };
    stats.begin(thread.slot()).into()
}

/// [`start`] for machine code.
pub(super) extern "C" fn start_codelet(timed: u64) -> u64 {
    start(timed != 0)
}

/// [`CodeletStats::end`] for machine code.
///
/// # Safety
/// `stats` and `thread` point at live objects of their types for the length of the call.
pub(super) unsafe extern "C" fn end_codelet(
    stats: *const CodeletStats,
    thread: *const ThreadRecord,
    start: u64,
) -> u64 {
    // SAFETY: the caller's word.
    let stats = unsafe { &*stats };
    // SAFETY: the caller's word.
    let thread = unsafe { &*thread };
    stats.end(thread.slot(), start)
}

/// [`CodeletStats::end_all`] for machine code.
///
/// # Safety
/// `stats` and `thread` point at live objects of their types for the length of the call.
pub(super) unsafe extern "C" fn end_hook(
    stats: *const CodeletStats,
    thread: *const ThreadRecord,
    timed: u64,
    elapsed: u64,
) -> u64 {
    // SAFETY: the caller's word.
    let stats = unsafe { &*stats };
    // SAFETY: the caller's word.
    let thread = unsafe { &*thread };
    stats.end_all(thread.slot(), timed != 0, elapsed);
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_all_threads_are_summed() {
        let stats = CodeletStats::default();
        for slot in 0..20 {
            stats.add(slot, u64::from(slot) * 100);
        }
        let Totals { calls, times } = stats.totals();
        assert_eq!((calls, times.samples), (20, 20));
        assert_eq!(times.total_ns, 19_000);
        assert_eq!((times.min_ns, times.max_ns), (0, 1900));
        assert_eq!(times.histogram.iter().sum::<u64>(), 20);
        // 100 ns lies in 64..128, 1900 ns and the nine before it in 1024..2048.
        assert_eq!(times.histogram[6], 1);
        assert_eq!(times.histogram[10], 9);
    }

    #[test]
    fn a_timed_call_stands_for_those_that_were_not() {
        let stats = CodeletStats::default();
        for _ in 0..9 {
            stats.count(0);
        }
        stats.add(0, 100);
        stats.count(0);
        let Totals { calls, times } = stats.totals();
        assert_eq!((calls, times.samples), (11, 1));
        assert_eq!(times.histogram[6], 10);
        assert_eq!(times.mean_ns(), Some(100));
    }

    #[test]
    fn extremes_are_taken_once() {
        let stats = CodeletStats::default();
        stats.add(3, 70);
        stats.add(4, 20);
        assert_eq!(stats.take_extremes(), Some((20, 70)));
        assert_eq!(stats.take_extremes(), None);
        stats.add(3, 30);
        assert_eq!(stats.take_extremes(), Some((30, 30)));
        assert_eq!(stats.totals().times.min_ns, 20);
    }

    #[test]
    fn busy_hooks_are_timed_less_and_lookers_bring_it_back() {
        let turn = Turn::default();
        let (mut timed, mut now) = (0, 0);
        for calls in 0..100_000 {
            if turn.comes_at(calls) {
                timed += 1;
                turn.advance(calls, now);
                now += 1; // As if nearly no time had passed.
            }
        }
        let expected = 100_000 / MAX_STRIDE;
        assert!((expected / 2..expected * 3).contains(&timed), "{timed}");

        let stats = HookStats::new(0);
        while stats.begin(0) {
            stats.hook().count(0);
        }
        stats.look_closely();
        assert!(stats.begin(0));
    }
}
