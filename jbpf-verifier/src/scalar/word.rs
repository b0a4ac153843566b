//! A number of fixed width: its known bits, and its range on each side of the sign.
//!
//! Unsigned and signed bounds are the same as one span of numbers without the sign bit and one
//! with it: the ends of the two spans are the four bounds. Inside a span, unsigned and signed
//! order agree. So operators work span by span, and no case of "the bounds cross the sign" is left
//! over.
//!
//! The width is a parameter, so that tests can try every number there is.

use super::ops::{mask, sign_extend};
use super::tnum::Tnum;

/// Consecutive numbers, all with or all without the sign bit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Span {
    pub(super) first: u64,
    pub(super) last: u64,
}

impl Span {
    const fn new(first: u64, last: u64) -> Option<Self> {
        if first > last {
            return None;
        }
        Some(Self { first, last })
    }

    fn intersect(self, other: Self) -> Option<Self> {
        Self::new(self.first.max(other.first), self.last.min(other.last))
    }
}

/// One span for each value of the sign bit, which holds the ranges of a number. It is empty until
/// something is added.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Spans<const BITS: u32> {
    pub(super) nonnegative: Option<Span>,
    pub(super) negative: Option<Span>,
}

impl<const BITS: u32> Spans<BITS> {
    const MAX: u64 = mask(BITS);
    const SIGN: u64 = 1 << (BITS - 1);
    pub(super) const EMPTY: Self = Self {
        nonnegative: None,
        negative: None,
    };

    /// Widens the spans to hold `first` to `last` as well; `first` is at most `last`.
    pub(super) fn add(&mut self, first: u64, last: u64) {
        if first < Self::SIGN {
            widen(&mut self.nonnegative, first, last.min(Self::SIGN - 1));
        }
        if last >= Self::SIGN {
            widen(&mut self.negative, first.max(Self::SIGN), last);
        }
    }

    /// Widens the spans to hold the numbers from `first` to `last` modulo the width.
    pub(super) fn add_wrapping(&mut self, first: i128, last: i128) {
        if last - first >= 1 << BITS {
            self.add(0, Self::MAX);
            return;
        }
        let (first, last) = (first as u64 & Self::MAX, last as u64 & Self::MAX);
        if first <= last {
            self.add(first, last);
        } else {
            self.add(first, Self::MAX);
            self.add(0, last);
        }
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Span> {
        self.nonnegative.into_iter().chain(self.negative)
    }
}

fn widen(slot: &mut Option<Span>, first: u64, last: u64) {
    let (first, last) = match *slot {
        Some(span) => (span.first.min(first), span.last.max(last)),
        None => (first, last),
    };
    *slot = Some(Span { first, last });
}

/// The known facts of a number of `BITS` bits, 2 to 64.
///
/// It is never empty. Each span begins and ends with a number that the known bits allow, and the
/// known bits include all that the spans' numbers have in common.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Word<const BITS: u32> {
    tnum: Tnum,
    spans: Spans<BITS>,
}

impl<const BITS: u32> Word<BITS> {
    pub(super) const MAX: u64 = mask(BITS);
    pub(super) const SIGN: u64 = 1 << (BITS - 1);
    pub(super) const SIGNED_MIN: i64 = sign_extend(BITS, Self::SIGN);
    pub(super) const SIGNED_MAX: i64 = (Self::SIGN - 1) as i64;

    pub(super) const UNKNOWN: Self = Self {
        tnum: Tnum::UNKNOWN.truncate(BITS),
        spans: Spans {
            nonnegative: Some(Span {
                first: 0,
                last: Self::SIGN - 1,
            }),
            negative: Some(Span {
                first: Self::SIGN,
                last: Self::MAX,
            }),
        },
    };

    pub(super) fn constant(value: u64) -> Self {
        let value = value & Self::MAX;
        let mut spans = Spans::EMPTY;
        spans.add(value, value);
        Self {
            tnum: Tnum::constant(value),
            spans,
        }
    }

    /// The numbers that satisfy both the bits and the ranges, brought into agreement in one pass.
    /// The ends of the spans move to numbers that the bits allow. Then the bits learn all that is
    /// common to the numbers left, which leaves the ends allowed.
    pub(super) fn new(tnum: Tnum, spans: Spans<BITS>) -> Option<Self> {
        let fit = |span: Option<Span>| {
            let span = span?;
            Span::new(tnum.at_least(span.first)?, tnum.at_most(span.last)?)
        };
        let spans = Spans {
            nonnegative: fit(spans.nonnegative),
            negative: fit(spans.negative),
        };
        let common = spans
            .iter()
            .map(|span| Tnum::range(span.first, span.last))
            .reduce(Tnum::join)?;
        let tnum = tnum.intersect(common)?;
        Some(Self { tnum, spans })
    }

    pub(super) fn from_tnum(tnum: Tnum) -> Self {
        Self::new(tnum.truncate(BITS), Self::UNKNOWN.spans).unwrap_or(Self::UNKNOWN)
    }

    /// The agreement of an operator's two views of its result. Both cover every result, so that
    /// they never exclude each other. If a bug made them, the answer would still be a safe one.
    pub(super) fn result(tnum: Tnum, spans: Spans<BITS>) -> Self {
        let word = Self::new(tnum.truncate(BITS), spans);
        debug_assert!(word.is_some(), "{tnum:?} and {spans:?} exclude each other");
        word.unwrap_or(Self::UNKNOWN)
    }

    pub(super) fn unsigned_range(min: u64, max: u64) -> Option<Self> {
        let span = Span::new(min, max.min(Self::MAX))?;
        let mut spans = Spans::EMPTY;
        spans.add(span.first, span.last);
        Self::new(Self::UNKNOWN.tnum, spans)
    }

    pub(super) fn signed_range(min: i64, max: i64) -> Option<Self> {
        let (min, max) = (min.max(Self::SIGNED_MIN), max.min(Self::SIGNED_MAX));
        if min > max {
            return None;
        }
        let mut spans = Spans::EMPTY;
        spans.add_wrapping(min.into(), max.into());
        Self::new(Self::UNKNOWN.tnum, spans)
    }

    /// The word that these parts were taken from. The caller owes that they are the parts of one
    /// word.
    pub(super) fn from_parts(tnum: Tnum, umin: u64, umax: u64, smin: i64, smax: i64) -> Self {
        let spans = Spans {
            nonnegative: (smax >= 0).then_some(Span {
                first: umin,
                last: smax as u64,
            }),
            negative: (smin < 0).then_some(Span {
                first: smin as u64 & Self::MAX,
                last: umax,
            }),
        };
        Self { tnum, spans }
    }

    pub(super) const fn tnum(&self) -> Tnum {
        self.tnum
    }

    pub(super) const fn spans(&self) -> Spans<BITS> {
        self.spans
    }

    /// The first and the last span, which are the same if there is only one.
    fn ends(&self) -> (Span, Span) {
        // A word is never empty, so that one of the two exists. The full span stands in for the
        // third case, which does not occur.
        let any = Span {
            first: 0,
            last: Self::MAX,
        };
        match (self.spans.nonnegative, self.spans.negative) {
            (Some(low), Some(high)) => (low, high),
            (Some(only), None) | (None, Some(only)) => (only, only),
            (None, None) => (any, any),
        }
    }

    pub(super) fn umin(&self) -> u64 {
        self.ends().0.first
    }

    pub(super) fn umax(&self) -> u64 {
        self.ends().1.last
    }

    pub(super) fn smin(&self) -> i64 {
        let (low, high) = self.ends();
        sign_extend(
            BITS,
            if self.spans.negative.is_some() {
                high.first
            } else {
                low.first
            },
        )
    }

    pub(super) fn smax(&self) -> i64 {
        let (low, high) = self.ends();
        sign_extend(
            BITS,
            if self.spans.nonnegative.is_some() {
                low.last
            } else {
                high.last
            },
        )
    }

    pub(super) const fn as_constant(&self) -> Option<u64> {
        match self.tnum.mask() {
            0 => Some(self.tnum.value()),
            _ => None,
        }
    }

    pub(super) fn contains(&self, value: u64) -> bool {
        self.tnum.contains(value)
            && self
                .spans
                .iter()
                .any(|span| (span.first..=span.last).contains(&value))
    }

    pub(super) fn join(&self, other: &Self) -> Self {
        let mut spans = self.spans;
        for span in other.spans.iter() {
            spans.add(span.first, span.last);
        }
        Self::result(self.tnum.join(other.tnum), spans)
    }

    pub(super) fn intersect(&self, other: &Self) -> Option<Self> {
        let both = |a: Option<Span>, b: Option<Span>| a?.intersect(b?);
        let spans = Spans {
            nonnegative: both(self.spans.nonnegative, other.spans.nonnegative),
            negative: both(self.spans.negative, other.spans.negative),
        };
        Self::new(self.tnum.intersect(other.tnum)?, spans)
    }

    /// The smallest number from `bound` on that it may be.
    pub(super) fn at_least(&self, bound: u64) -> Option<u64> {
        let span = self.spans.iter().find(|span| bound <= span.last)?;
        self.tnum.at_least(bound.max(span.first))
    }

    /// The largest number up to `bound` that it may be.
    pub(super) fn at_most(&self, bound: u64) -> Option<u64> {
        let span = self
            .spans
            .iter()
            .filter(|span| bound >= span.first)
            .last()?;
        self.tnum.at_most(bound.min(span.last))
    }

    /// The numbers without `value`. Ranges can leave it out only at an end of a span.
    pub(super) fn without(&self, value: u64) -> Option<Self> {
        let cut = |span: Option<Span>| {
            let Span { first, last } = span?;
            match (first == value, last == value) {
                (true, true) => None,
                (true, false) => Span::new(first + 1, last),
                (false, true) => Span::new(first, last - 1),
                (false, false) => Some(Span { first, last }),
            }
        };
        let spans = Spans {
            nonnegative: cut(self.spans.nonnegative),
            negative: cut(self.spans.negative),
        };
        Self::new(self.tnum, spans)
    }

    /// The lowest `TO` bits.
    pub(super) fn truncate<const TO: u32>(&self) -> Word<TO> {
        let mut spans = Spans::EMPTY;
        for span in self.spans.iter() {
            spans.add_wrapping(span.first.into(), span.last.into());
        }
        Word::result(self.tnum, spans)
    }

    /// The same unsigned number in more bits.
    pub(super) fn zero_extend<const TO: u32>(&self) -> Word<TO> {
        let mut spans = Spans::EMPTY;
        for span in self.spans.iter() {
            spans.add(span.first, span.last);
        }
        Word::result(self.tnum, spans)
    }

    /// The same signed number in more bits.
    pub(super) fn sign_extend<const TO: u32>(&self) -> Word<TO> {
        let extend = |value| sign_extend(BITS, value) as u64 & Word::<TO>::MAX;
        let mut spans = Spans::EMPTY;
        for span in self.spans.iter() {
            spans.add(extend(span.first), extend(span.last));
        }
        Word::result(self.tnum.sign_extend(BITS), spans)
    }
}
