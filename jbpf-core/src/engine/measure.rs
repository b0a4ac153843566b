//! What measuring collects while somebody looks: calls and times of a hook and of each of its codelets.
//!
//! A dispatch function compiled for measuring writes here with relaxed atomics. Threads write to the
//! part that their slot number picks, so that two of them seldom share a cache line.
#![expect(
    unsafe_code,
    reason = "is called by machine code, with addresses that it was compiled with"
)]

use std::sync::atomic::{AtomicU64, Ordering};

use jbpf_hooks::reclaim::ThreadRecord;

use crate::clock;

/// Bins of the histogram: bin `b` counts times from `2^b` ns up to `2^(b+1)`, bin 0 also 0 ns.
pub const BINS: usize = 64;

/// Parts that threads write to; a power of two.
const PARTS: usize = 8;

/// Calls and times of one codelet, or of a hook as a whole.
#[derive(Debug, Default)]
pub struct CodeletStats {
    parts: [Part; PARTS],
}

/// What one group of threads counted.
#[derive(Debug)]
#[repr(align(128))]
struct Part {
    calls: AtomicU64,
    total: AtomicU64,
    min: AtomicU64,
    max: AtomicU64,
    histogram: [AtomicU64; BINS],
}

impl Default for Part {
    fn default() -> Self {
        Self {
            calls: AtomicU64::new(0),
            total: AtomicU64::new(0),
            min: AtomicU64::new(u64::MAX),
            max: AtomicU64::new(0),
            histogram: [const { AtomicU64::new(0) }; BINS],
        }
    }
}

/// The sums of a [`CodeletStats`]. Times in ns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Calls.
    pub calls: u64,
    /// Time of all calls together.
    pub total: u64,
    /// Shortest call; 0 if there was none.
    pub min: u64,
    /// Longest call.
    pub max: u64,
    /// Calls by the logarithm of their time.
    pub histogram: [u64; BINS],
}

impl CodeletStats {
    /// Counts one call that took `ns`, made by the thread of that slot.
    pub fn add(&self, slot: u32, ns: u64) {
        let Some(part) = self.parts.get(slot as usize % PARTS) else {
            return;
        };
        part.calls.fetch_add(1, Ordering::Relaxed);
        part.total.fetch_add(ns, Ordering::Relaxed);
        part.min.fetch_min(ns, Ordering::Relaxed);
        part.max.fetch_max(ns, Ordering::Relaxed);
        if let Some(bin) = part.histogram.get(bin(ns)) {
            bin.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What was counted since the last [`take`](Self::take).
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.sum(|word, _| word.load(Ordering::Relaxed))
    }

    /// The same, and starts anew. Each call is counted in one period or the next, never in both.
    #[must_use]
    pub fn take(&self) -> Totals {
        self.sum(|word, empty| word.swap(empty, Ordering::Relaxed))
    }

    fn sum(&self, read: impl Fn(&AtomicU64, u64) -> u64) -> Totals {
        let mut totals = Totals {
            calls: 0,
            total: 0,
            min: u64::MAX,
            max: 0,
            histogram: [0; BINS],
        };
        for part in &self.parts {
            totals.calls += read(&part.calls, 0);
            totals.total = totals.total.saturating_add(read(&part.total, 0));
            totals.min = totals.min.min(read(&part.min, u64::MAX));
            totals.max = totals.max.max(read(&part.max, 0));
            for (sum, bin) in totals.histogram.iter_mut().zip(&part.histogram) {
                *sum += read(bin, 0);
            }
        }
        if totals.min == u64::MAX {
            totals.min = 0;
        }
        totals
    }
}

fn bin(ns: u64) -> usize {
    ns.checked_ilog2().unwrap_or(0) as usize
}

/// What is measured of a hook: itself, and its codelets in the order in which they run.
#[derive(Debug)]
pub struct HookStats {
    hook: CodeletStats,
    codelets: Vec<CodeletStats>,
}

impl HookStats {
    /// Nothing measured yet, for a hook of so many codelets.
    #[must_use]
    pub fn new(codelets: usize) -> Self {
        Self {
            hook: CodeletStats::default(),
            codelets: std::iter::repeat_with(CodeletStats::default)
                .take(codelets)
                .collect(),
        }
    }

    /// The hook as a whole: from before the first codelet to after the last one.
    #[must_use]
    pub fn hook(&self) -> &CodeletStats {
        &self.hook
    }

    /// Each codelet, in the order in which they run.
    #[must_use]
    pub fn codelets(&self) -> &[CodeletStats] {
        &self.codelets
    }
}

/// The tick that measuring starts from.
pub(super) extern "C" fn now() -> u64 {
    clock::ticks()
}

/// Ns since the tick `start`.
pub(super) fn since(start: u64) -> u64 {
    clock::ticks_to_ns(clock::ticks().saturating_sub(start))
}

/// Counts a call that began at the tick `start`, for machine code.
///
/// # Safety
/// `stats` and `thread` point at what their types say, for the length of the call.
pub(super) unsafe extern "C" fn record(
    stats: *const CodeletStats,
    thread: *const ThreadRecord,
    start: u64,
) -> u64 {
    let elapsed = since(start);
    // SAFETY: the caller's word.
    let stats = unsafe { &*stats };
    // SAFETY: the caller's word.
    let thread = unsafe { &*thread };
    stats.add(thread.slot(), elapsed);
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_all_threads_are_summed_and_taken_once() {
        let stats = CodeletStats::default();
        for slot in 0..20 {
            stats.add(slot, u64::from(slot) * 100);
        }
        let totals = stats.take();
        assert_eq!(totals.calls, 20);
        assert_eq!(totals.total, 19_000);
        assert_eq!((totals.min, totals.max), (0, 1900));
        assert_eq!(totals.histogram.iter().sum::<u64>(), 20);
        // 100 ns lies in 64..128, 1900 ns and the nine before it in 1024..2048.
        assert_eq!(totals.histogram[6], 1);
        assert_eq!(totals.histogram[10], 9);
        assert_eq!(
            stats.take(),
            Totals {
                calls: 0,
                total: 0,
                min: 0,
                max: 0,
                histogram: [0; BINS]
            }
        );
    }
}
