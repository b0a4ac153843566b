//! Codelets that leave their call before its end, and the counts that are kept of it.
//!
//! A codelet leaves by built-in helper 31, `abort(kind)`; by an access that a guard stops; or by
//! an instruction that the verifier says no path reaches. Each compiled function that can leave
//! returns a second number: whether it did. Its caller tests that number. Nothing unwinds, and no
//! signal is involved. The codelet leaves the innermost hook call alone: if a helper of another
//! codelet fired that hook, the other codelet goes on.
#![expect(
    unsafe_code,
    reason = "is called by machine code, with addresses that it was compiled with"
)]

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use jbpf_hooks::reclaim::ThreadRecord;
use jbpf_operator::stats::{self, AbortPlace};
use jbpf_verifier::Program;

use crate::clock;

/// Why a codelet left its call. Helper 31 takes the numbers up to [`Other`](Self::Other).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum AbortKind {
    /// An assertion of the codelet's does not hold.
    Assertion = 1,
    /// An index is out of range.
    Index = 2,
    /// An arithmetic operation overflows.
    Overflow = 3,
    /// A value is missing that was said to be there.
    Unwrap = 4,
    /// Something else.
    Other = 5,
    /// An access would have left the memory that the verifier said it is in. The verifier made a
    /// mistake: please report it.
    Guard = 6,
    /// An instruction was reached that the verifier said no path reaches. The verifier made a
    /// mistake: please report it.
    Unreachable = 7,
}

impl AbortKind {
    /// All kinds, by their number.
    pub const ALL: [Self; 7] = [
        Self::Assertion,
        Self::Index,
        Self::Overflow,
        Self::Unwrap,
        Self::Other,
        Self::Guard,
        Self::Unreachable,
    ];

    /// The kind of a number that a codelet passes to helper 31. Unknown numbers, and numbers that
    /// are not for codelets, are [`Other`](Self::Other).
    #[must_use]
    pub const fn of_argument(number: u64) -> Self {
        match number {
            1 => Self::Assertion,
            2 => Self::Index,
            3 => Self::Overflow,
            4 => Self::Unwrap,
            _ => Self::Other,
        }
    }

    /// The kind of a number of its own.
    const fn of_number(number: u64) -> Self {
        match number {
            6 => Self::Guard,
            7 => Self::Unreachable,
            other => Self::of_argument(other),
        }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self as u64
    }

    /// Whether it means a mistake of the verifier or the engine, and not of the codelet.
    #[must_use]
    pub const fn is_fault(self) -> bool {
        matches!(self, Self::Guard | Self::Unreachable)
    }

    /// Its name, one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Assertion => "assertion",
            Self::Index => "index",
            Self::Overflow => "overflow",
            Self::Unwrap => "unwrap",
            Self::Other => "other",
            Self::Guard => "guard",
            Self::Unreachable => "unreachable",
        }
    }
}

impl fmt::Display for AbortKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The instruction at which a codelet left, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abort {
    /// Why.
    pub kind: AbortKind,
    /// Index of the instruction: the call of helper 31, the access that was stopped, or the
    /// instruction that no path should reach.
    pub insn: usize,
}

impl From<AbortKind> for stats::AbortKind {
    fn from(kind: AbortKind) -> Self {
        match kind {
            AbortKind::Assertion => Self::Assertion,
            AbortKind::Index => Self::Index,
            AbortKind::Overflow => Self::Overflow,
            AbortKind::Unwrap => Self::Unwrap,
            AbortKind::Other => Self::Other,
            AbortKind::Guard => Self::Guard,
            AbortKind::Unreachable => Self::Unreachable,
        }
    }
}

impl Abort {
    /// The place in `program`, by its source if the object has lines; `at` is the time.
    #[must_use]
    pub fn place(self, program: &Program, at: SystemTime) -> AbortPlace {
        let line = program.line_of(self.insn);
        AbortPlace {
            kind: self.kind.into(),
            insn: self.insn,
            function: program.function_of(self.insn).map(str::to_owned),
            file: line.map(|line| line.file.to_string()),
            line: line.map(|line| line.line),
            at,
        }
    }
}

/// The last time that a codelet left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastAbort {
    /// The instruction, and why.
    pub abort: Abort,
    /// How long ago, to the millisecond.
    pub ago: Duration,
}

impl LastAbort {
    /// When it was, on the wall clock.
    #[must_use]
    pub fn at(&self) -> SystemTime {
        let now = SystemTime::now();
        now.checked_sub(self.ago).unwrap_or(now)
    }
}

/// How often a codelet left its calls. Written by hook calls: neither lock nor allocation nor
/// system call.
#[derive(Debug, Default)]
pub struct Aborts {
    /// By kind.
    counts: [AtomicU64; AbortKind::ALL.len()],
    /// The last one, in one word so that its parts belong together; 0: none yet. From the lowest
    /// bit on: [`KIND_BITS`] of the kind, [`INSN_BITS`] of the instruction, and the tick without
    /// its lowest [`TICK_SHIFT`] bits.
    last: AtomicU64,
    /// How many of them the log was told of.
    told: AtomicU64,
    /// The tick when it was told last; 0: never.
    told_at: AtomicU64,
}

/// Calls that a codelet left since the log was told last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct News {
    /// How many.
    pub(crate) count: u64,
    pub(crate) last: LastAbort,
}

/// The log is told of a codelet's aborts no more often than this.
const TOLD_EVERY: Duration = Duration::from_secs(10);

const KIND_BITS: u32 = 3;
const INSN_BITS: u32 = 16;
/// Half a millisecond at most.
const TICK_SHIFT: u32 = KIND_BITS + INSN_BITS;
const INSN_MASK: u64 = (1 << INSN_BITS) - 1;

const _: () = assert!(jbpf_verifier::MAX_INSTRUCTIONS <= 1 << INSN_BITS);

impl Aborts {
    /// Counts one.
    pub(super) fn count(&self, abort: Abort) {
        let number = abort.kind.number();
        if let Some(count) = self.counts.get(number as usize - 1) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let tick = clock::ticks() >> TICK_SHIFT << TICK_SHIFT;
        let insn = (abort.insn as u64 & INSN_MASK) << KIND_BITS;
        self.last.store(tick | insn | number, Ordering::Relaxed);
    }

    /// How often it left by this kind.
    #[must_use]
    pub fn of(&self, kind: AbortKind) -> u64 {
        let count = self.counts.get(kind.number() as usize - 1);
        count.map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// How often it left.
    #[must_use]
    pub fn total(&self) -> u64 {
        AbortKind::ALL.iter().map(|kind| self.of(*kind)).sum()
    }

    /// How often it left by a mistake of the verifier or the engine.
    #[must_use]
    pub fn faults(&self) -> u64 {
        let faults = AbortKind::ALL.iter().filter(|kind| kind.is_fault());
        faults.map(|kind| self.of(*kind)).sum()
    }

    /// The aborts that the log has not been told of. `None` if there are none; also `None` if the
    /// log was told less than `TOLD_EVERY` ago, unless this is the final time. The caller that
    /// gets `Some` must tell the log: no other caller gets the same news.
    pub(crate) fn take_news(&self, is_final: bool) -> Option<News> {
        let (total, last) = (self.total(), self.last()?);
        let told = self.told.load(Ordering::Acquire);
        if total <= told {
            return None;
        }
        let now = clock::ticks().max(1);
        let told_at = self.told_at.load(Ordering::Acquire);
        let passed = Duration::from_nanos(clock::ticks_to_ns(now.saturating_sub(told_at)));
        if told_at != 0 && passed < TOLD_EVERY && !is_final {
            return None;
        }
        // One of several readers.
        self.told
            .compare_exchange(told, total, Ordering::AcqRel, Ordering::Relaxed)
            .ok()?;
        self.told_at.store(now, Ordering::Release);
        Some(News {
            count: total - told,
            last,
        })
    }

    /// The last time; `None` if it never left.
    #[must_use]
    pub fn last(&self) -> Option<LastAbort> {
        let word = self.last.load(Ordering::Relaxed);
        if word == 0 {
            return None;
        }
        let tick = word >> TICK_SHIFT << TICK_SHIFT;
        let passed = clock::ticks_to_ns(clock::ticks().saturating_sub(tick));
        Some(LastAbort {
            abort: Abort {
                kind: AbortKind::of_number(word & ((1 << KIND_BITS) - 1)),
                insn: (word >> KIND_BITS & INSN_MASK) as usize,
            },
            ago: Duration::from_millis(passed / 1_000_000),
        })
    }
}

/// Counts, for machine code: the codelet leaves at instruction `insn` by the kind of number
/// `kind`.
///
/// # Safety
/// `aborts` points at live [`Aborts`] for the length of the call.
pub(super) unsafe extern "C" fn count(aborts: *const Aborts, insn: u64, kind: u64) -> u64 {
    // SAFETY: the caller's word.
    let aborts = unsafe { &*aborts };
    aborts.count(Abort {
        kind: AbortKind::of_number(kind),
        insn: insn as usize,
    });
    0
}

/// [`ThreadRecord::withhold_answer`] for machine code.
///
/// # Safety
/// `thread` is the record of the calling thread.
pub(super) unsafe extern "C" fn withhold_answer(thread: *const ThreadRecord) -> u64 {
    // SAFETY: the caller's word.
    unsafe { &*thread }.withhold_answer();
    0
}

/// The function behind helper 31. Engines leave the call by themselves and never call it.
pub(crate) extern "C" fn abort(_kind: u64) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_counted_one_by_one_and_the_last_one_is_kept() {
        let aborts = Aborts::default();
        assert_eq!((aborts.total(), aborts.last()), (0, None));
        let mut expected = None;
        for (times, kind) in AbortKind::ALL.into_iter().enumerate() {
            for insn in 0..=times {
                let abort = Abort { kind, insn };
                aborts.count(abort);
                expected = Some(abort);
            }
            assert_eq!(aborts.of(kind), times as u64 + 1);
            assert_eq!(aborts.last().map(|last| last.abort), expected);
        }
        assert_eq!(aborts.total(), 28);
    }

    #[test]
    fn the_last_instruction_a_program_can_have_is_told() {
        let aborts = Aborts::default();
        let abort = Abort {
            kind: AbortKind::Unreachable,
            insn: jbpf_verifier::MAX_INSTRUCTIONS - 1,
        };
        aborts.count(abort);
        let last = aborts.last().unwrap();
        assert_eq!(last.abort, abort);
        assert!(last.ago < Duration::from_secs(60), "{last:?}");
    }

    #[test]
    fn the_log_is_told_once_and_not_too_often() {
        let aborts = Aborts::default();
        let abort = Abort {
            kind: AbortKind::Index,
            insn: 3,
        };
        assert_eq!(aborts.take_news(true), None);
        aborts.count(abort);
        aborts.count(abort);
        let news = aborts.take_news(false).unwrap();
        assert_eq!((news.count, news.last.abort), (2, abort));
        assert_eq!(aborts.take_news(true), None);
        aborts.count(abort);
        assert_eq!(aborts.take_news(false), None, "told just now");
        // As if that was long ago.
        let ago = clock::ticks() / 2;
        assert!(Duration::from_nanos(clock::ticks_to_ns(ago)) > TOLD_EVERY);
        aborts.told_at.store(ago, Ordering::Relaxed);
        assert_eq!(aborts.take_news(false).map(|news| news.count), Some(1));
        aborts.count(abort);
        assert_eq!(aborts.take_news(true).map(|news| news.count), Some(1));
    }

    #[test]
    fn codelets_cannot_pass_themselves_off_as_faults_of_ours() {
        for kind in AbortKind::ALL {
            let known = AbortKind::of_argument(kind.number());
            let expected = if kind.is_fault() {
                AbortKind::Other
            } else {
                kind
            };
            assert_eq!(known, expected);
            assert_eq!(AbortKind::of_number(kind.number()), kind);
        }
        for number in [0, 8, u64::MAX] {
            assert_eq!(AbortKind::of_argument(number), AbortKind::Other);
        }
    }
}
