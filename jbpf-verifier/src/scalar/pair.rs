//! A number and its low half: 64 and 32 bits in the verifier, fewer in exhaustive tests.

use super::ops::{AluOp, JumpCond};
use super::tnum::Tnum;
use super::word::{Span, Spans, Word};

/// The known facts of a number of `BITS` bits and of its lowest `LOW` bits, in agreement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pair<const BITS: u32, const LOW: u32> {
    pub(super) full: Word<BITS>,
    pub(super) low: Word<LOW>,
}

/// The operands after one way of a jump. `None` if no path goes that way.
pub(super) type Way<T> = Option<(T, T)>;

impl<const BITS: u32, const LOW: u32> Pair<BITS, LOW> {
    pub(super) const UNKNOWN: Self = Self {
        full: Word::UNKNOWN,
        low: Word::UNKNOWN,
    };

    /// The numbers that satisfy both. Each part is brought to know the consequences of the other.
    pub(super) fn new(mut full: Word<BITS>, mut low: Word<LOW>) -> Option<Self> {
        if let Some(value) = full.as_constant() {
            let fits = low.contains(value & Word::<LOW>::MAX);
            return fits.then(|| Self::constant(value));
        }
        loop {
            low = low.intersect(&full.truncate())?;
            let refined = refine(&full, &low)?;
            if refined == full {
                return Some(Self { full, low });
            }
            full = refined;
        }
    }

    /// Like [`Pair::new`], for two views of one operator's result. Both cover every result, so
    /// that they never exclude each other.
    pub(super) fn result(full: Word<BITS>, low: Word<LOW>) -> Self {
        let pair = Self::new(full, low);
        debug_assert!(pair.is_some(), "{full:?} and {low:?} exclude each other");
        pair.unwrap_or(Self::UNKNOWN)
    }

    pub(super) fn constant(value: u64) -> Self {
        Self {
            full: Word::constant(value),
            low: Word::constant(value),
        }
    }

    pub(super) fn from_full(full: Word<BITS>) -> Self {
        Self::result(full, Word::UNKNOWN)
    }

    pub(super) fn from_low(low: Word<LOW>) -> Self {
        Self {
            full: low.zero_extend(),
            low,
        }
    }

    pub(super) fn join(&self, other: &Self) -> Self {
        Self::result(self.full.join(&other.full), self.low.join(&other.low))
    }

    pub(super) fn intersect(&self, other: &Self) -> Option<Self> {
        Self::new(
            self.full.intersect(&other.full)?,
            self.low.intersect(&other.low)?,
        )
    }

    /// An operator on all bits.
    pub(super) fn alu(op: AluOp, lhs: &Self, rhs: &Self) -> Self {
        if op == AluOp::Mov {
            return *rhs;
        }
        if let Some(a) = lhs.full.as_constant()
            && let Some(b) = rhs.full.as_constant()
        {
            return Self::constant(op.evaluate_bits(BITS, a, b));
        }
        Self::result(
            Word::alu(op, &lhs.full, &rhs.full),
            Self::low_result(op, lhs, rhs),
        )
    }

    /// The low half of an operator's result, if it depends on the low halves alone.
    fn low_result(op: AluOp, lhs: &Self, rhs: &Self) -> Word<LOW> {
        match op {
            AluOp::Add
            | AluOp::Sub
            | AluOp::Mul
            | AluOp::And
            | AluOp::Or
            | AluOp::Xor
            | AluOp::Neg
            | AluOp::Mov => Word::alu(op, &lhs.low, &rhs.low),
            AluOp::Lsh => {
                let count_mask = Word::constant(u64::from(BITS - 1));
                let count = Word::alu(AluOp::And, &rhs.low, &count_mask);
                if count.umax() < u64::from(LOW) {
                    Word::alu(op, &lhs.low, &count)
                } else {
                    Word::UNKNOWN
                }
            }
            AluOp::Div | AluOp::Sdiv | AluOp::Mod | AluOp::Smod | AluOp::Rsh | AluOp::Arsh => {
                Word::UNKNOWN
            }
        }
    }

    /// An operator on the low halves; the high half becomes 0.
    pub(super) fn alu_low(op: AluOp, lhs: &Self, rhs: &Self) -> Self {
        Self::from_low(Word::alu(op, &lhs.low, &rhs.low))
    }

    /// The operands if the condition holds of all bits, or if it does not.
    pub(super) fn assume(cond: JumpCond, holds: bool, lhs: &Self, rhs: &Self) -> Way<Self> {
        if matches!((cond, holds), (JumpCond::Eq, true) | (JumpCond::Ne, false)) {
            let both = lhs.intersect(rhs)?;
            return Some((both, both));
        }
        let (a, b) = Word::assume(cond, holds, &lhs.full, &rhs.full)?;
        Some((Self::new(a, lhs.low)?, Self::new(b, rhs.low)?))
    }

    /// The operands if the condition holds of their low halves, or if it does not.
    pub(super) fn assume_low(cond: JumpCond, holds: bool, lhs: &Self, rhs: &Self) -> Way<Self> {
        let (a, b) = Word::assume(cond, holds, &lhs.low, &rhs.low)?;
        Some((Self::new(lhs.full, a)?, Self::new(rhs.full, b)?))
    }
}

/// The possible numbers if the low bits are known to be among `low`.
fn refine<const BITS: u32, const LOW: u32>(
    full: &Word<BITS>,
    low: &Word<LOW>,
) -> Option<Word<BITS>> {
    let high_unknown = Tnum::new(0, Word::<BITS>::MAX & !Word::<LOW>::MAX);
    let tnum = full.tnum().intersect(high_unknown.or(low.tnum()))?;
    let full = Word::new(tnum, full.spans())?;
    let fit = |span: Option<Span>| {
        let span = span?;
        let first = at_least(&full, low, span.first)?;
        let last = at_most(&full, low, span.last)?;
        // A span may hold no such number. The nearest ones then lie beyond its ends.
        (first <= last && first <= span.last && last >= span.first).then_some(Span { first, last })
    };
    let spans = Spans {
        nonnegative: fit(full.spans().nonnegative),
        negative: fit(full.spans().negative),
    };
    Word::new(tnum, spans)
}

/// The smallest number from `bound` on that both allow. Each round raises `bound` to a number that
/// one of them allows. The two agree on the low bits, so that a few rounds suffice.
fn at_least<const BITS: u32, const LOW: u32>(
    full: &Word<BITS>,
    low: &Word<LOW>,
    mut bound: u64,
) -> Option<u64> {
    let low_mask = Word::<LOW>::MAX;
    loop {
        bound = full.at_least(bound)?;
        let raised = match low.at_least(bound & low_mask) {
            Some(fitting) => bound & !low_mask | fitting,
            None => (bound | low_mask).checked_add(1)? | low.umin(),
        };
        if raised == bound {
            return Some(bound);
        }
        bound = raised;
    }
}

/// The largest number up to `bound` that both allow.
fn at_most<const BITS: u32, const LOW: u32>(
    full: &Word<BITS>,
    low: &Word<LOW>,
    mut bound: u64,
) -> Option<u64> {
    let low_mask = Word::<LOW>::MAX;
    loop {
        bound = full.at_most(bound)?;
        let lowered = match low.at_most(bound & low_mask) {
            Some(fitting) => bound & !low_mask | fitting,
            None => (bound & !low_mask).checked_sub(1)? & !low_mask | low.umax(),
        };
        if lowered == bound {
            return Some(bound);
        }
        bound = lowered;
    }
}
