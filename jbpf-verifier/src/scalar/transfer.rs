//! The results of the arithmetic and logic operators on words.
//!
//! Each operator is computed twice, on the known bits and span by span, and [`Word::result`] keeps
//! the facts of both.

use super::ops::{AluOp, sign_extend};
use super::tnum::Tnum;
use super::word::{Span, Spans, Word};

impl<const BITS: u32> Word<BITS> {
    /// The result of an operator on words of one width.
    pub(super) fn alu(op: AluOp, lhs: &Self, rhs: &Self) -> Self {
        if op == AluOp::Mov {
            return *rhs;
        }
        if let Some(a) = lhs.as_constant()
            && let Some(b) = rhs.as_constant()
        {
            return Self::constant(op.evaluate_bits(BITS, a, b));
        }
        match op {
            AluOp::Mov => *rhs,
            AluOp::Neg => Self::alu(AluOp::Sub, &Self::constant(0), lhs),
            AluOp::Add => Self::wide(lhs, rhs, lhs.tnum().add(rhs.tnum()), |a, b| {
                (a.0 + b.0, a.1 + b.1)
            }),
            AluOp::Sub => Self::wide(lhs, rhs, lhs.tnum().sub(rhs.tnum()), |a, b| {
                (a.0 - b.1, a.1 - b.0)
            }),
            AluOp::Mul => Self::wide(lhs, rhs, lhs.tnum().mul(rhs.tnum()), product),
            AluOp::And => Self::bitwise(lhs, rhs, lhs.tnum().and(rhs.tnum()), and_span),
            AluOp::Or => Self::bitwise(lhs, rhs, lhs.tnum().or(rhs.tnum()), or_span),
            AluOp::Xor => Self::bitwise(lhs, rhs, lhs.tnum().xor(rhs.tnum()), xor_span),
            AluOp::Div => Self::div(lhs, rhs),
            AluOp::Mod => Self::rem(lhs, rhs),
            AluOp::Sdiv => Self::sdiv(lhs, rhs),
            AluOp::Smod => Self::srem(lhs, rhs),
            AluOp::Lsh | AluOp::Rsh | AluOp::Arsh => Self::shift(op, lhs, rhs),
        }
    }

    /// Adds the results of spans computed without wrapping, then wraps them.
    fn wide(
        lhs: &Self,
        rhs: &Self,
        tnum: Tnum,
        op: impl Fn((i128, i128), (i128, i128)) -> (i128, i128),
    ) -> Self {
        let mut spans = Spans::EMPTY;
        for a in lhs.spans().iter() {
            for b in rhs.spans().iter() {
                let (first, last) = op(signed::<BITS>(a), signed::<BITS>(b));
                spans.add_wrapping(first, last);
            }
        }
        Self::result(tnum, spans)
    }

    fn bitwise(lhs: &Self, rhs: &Self, tnum: Tnum, op: impl Fn(Span, Span) -> Span) -> Self {
        let mut spans = Spans::EMPTY;
        for a in lhs.spans().iter() {
            for b in rhs.spans().iter() {
                let result = op(a, b);
                spans.add(result.first, result.last);
            }
        }
        Self::result(tnum, spans)
    }

    fn div(lhs: &Self, rhs: &Self) -> Self {
        if let Some(divisor) = rhs.as_constant()
            && divisor.is_power_of_two()
        {
            return Self::shift_by(AluOp::Rsh, lhs, divisor.trailing_zeros());
        }
        let mut spans = Spans::EMPTY;
        for divisor in nonzero(rhs, &mut spans, 0..=0) {
            for a in lhs.spans().iter() {
                spans.add(a.first / divisor.last, a.last / divisor.first);
            }
        }
        Self::result(Tnum::UNKNOWN, spans)
    }

    fn rem(lhs: &Self, rhs: &Self) -> Self {
        if let Some(divisor) = rhs.as_constant()
            && divisor.is_power_of_two()
        {
            return Self::alu(AluOp::And, lhs, &Self::constant(divisor - 1));
        }
        let mut spans = Spans::EMPTY;
        for a in lhs.spans().iter() {
            for divisor in nonzero(rhs, &mut spans, a.first..=a.last) {
                let one_divisor = divisor.first == divisor.last;
                if a.last < divisor.first {
                    spans.add(a.first, a.last);
                } else if one_divisor && a.first / divisor.first == a.last / divisor.first {
                    spans.add(a.first % divisor.first, a.last % divisor.first);
                } else {
                    spans.add(0, a.last.min(divisor.last - 1));
                }
            }
        }
        Self::result(Tnum::UNKNOWN, spans)
    }

    fn sdiv(lhs: &Self, rhs: &Self) -> Self {
        let mut spans = Spans::EMPTY;
        for divisor in nonzero(rhs, &mut spans, 0..=0) {
            for a in lhs.spans().iter() {
                let (a, b) = (signed::<BITS>(a), signed::<BITS>(divisor));
                // If no operand changes its sign, the quotient is extreme where both operands are.
                let corners = [a.0 / b.0, a.0 / b.1, a.1 / b.0, a.1 / b.1];
                let (first, last) = extremes(corners);
                spans.add_wrapping(first, last);
            }
        }
        Self::result(Tnum::UNKNOWN, spans)
    }

    fn srem(lhs: &Self, rhs: &Self) -> Self {
        let mut spans = Spans::EMPTY;
        for dividend in lhs.spans().iter() {
            for divisor in nonzero(rhs, &mut spans, dividend.first..=dividend.last) {
                let (a, b) = (signed::<BITS>(dividend), signed::<BITS>(divisor));
                let smallest = b.0.abs().min(b.1.abs());
                let largest = b.0.abs().max(b.1.abs());
                let (first, last) = if a.0.abs().max(a.1.abs()) < smallest {
                    a
                } else if smallest == largest && a.0 / b.0 == a.1 / b.0 {
                    (a.0 % b.0, a.1 % b.0)
                } else {
                    // The sign is the dividend's, and the size is below the divisor's.
                    (a.0.max(1 - largest).min(0), a.1.min(largest - 1).max(0))
                };
                spans.add_wrapping(first, last);
            }
        }
        Self::result(Tnum::UNKNOWN, spans)
    }

    fn shift(op: AluOp, lhs: &Self, rhs: &Self) -> Self {
        let counts = Self::alu(AluOp::And, rhs, &Self::constant(u64::from(BITS - 1)));
        // There are at most as many counts as bits, and the known bits often leave only a few.
        let (first, last) = (counts.umin() as u32, counts.umax() as u32);
        (first..=last)
            .filter(|&count| counts.contains(count.into()))
            .map(|count| Self::shift_by(op, lhs, count))
            .reduce(|all, one| all.join(&one))
            .unwrap_or(Self::UNKNOWN)
    }

    fn shift_by(op: AluOp, lhs: &Self, count: u32) -> Self {
        let mut spans = Spans::EMPTY;
        match op {
            AluOp::Lsh => {
                for span in lhs.spans().iter() {
                    let (first, last) = signed::<BITS>(span);
                    spans.add_wrapping(first << count, last << count);
                }
                Self::result(lhs.tnum().lsh(count), spans)
            }
            AluOp::Arsh => {
                for span in lhs.spans().iter() {
                    let (first, last) = signed::<BITS>(span);
                    spans.add_wrapping(first >> count, last >> count);
                }
                Self::result(lhs.tnum().sign_extend(BITS).arsh(count), spans)
            }
            _ => {
                for span in lhs.spans().iter() {
                    spans.add(span.first >> count, span.last >> count);
                }
                Self::result(lhs.tnum().rsh(count), spans)
            }
        }
    }
}

/// The ends of a span as signed numbers of `BITS` bits, in ascending order.
fn signed<const BITS: u32>(span: Span) -> (i128, i128) {
    (
        sign_extend(BITS, span.first).into(),
        sign_extend(BITS, span.last).into(),
    )
}

/// The spans of a divisor without zero. If it may be zero, the result of a division by zero goes
/// to `results`.
fn nonzero<const BITS: u32>(
    divisor: &Word<BITS>,
    results: &mut Spans<BITS>,
    by_zero: core::ops::RangeInclusive<u64>,
) -> impl Iterator<Item = Span> + use<BITS> {
    if divisor.contains(0) {
        results.add(*by_zero.start(), *by_zero.end());
    }
    divisor
        .without(0)
        .map_or(Spans::<BITS>::EMPTY, |rest| rest.spans())
        .iter()
}

fn product(a: (i128, i128), b: (i128, i128)) -> (i128, i128) {
    extremes([a.0 * b.0, a.0 * b.1, a.1 * b.0, a.1 * b.1])
}

fn extremes([a, b, c, d]: [i128; 4]) -> (i128, i128) {
    (a.min(b).min(c.min(d)), a.max(b).max(c.max(d)))
}

/// The smallest and the largest `x | y` of two spans.
///
/// For the smallest, one operand's first number is raised until it covers a bit that the other has
/// to have anyhow. For the largest, one operand's last number is lowered past a bit that the other
/// supplies, which frees all bits below it (Warren, Hacker's Delight, section 4-3).
fn or_span(x: Span, y: Span) -> Span {
    let mut smallest = x.first | y.first;
    for bit in bits_down(x.first ^ y.first) {
        let (without, with) = if x.first & bit == 0 { (x, y) } else { (y, x) };
        let raised = (without.first | bit) & bit.wrapping_neg();
        if raised <= without.last {
            smallest = raised | with.first;
            break;
        }
    }
    let mut largest = x.last | y.last;
    for bit in bits_down(x.last & y.last) {
        let lowered = |span: Span| {
            let value = (span.last - bit) | (bit - 1);
            (value >= span.first).then_some(value)
        };
        if let Some(value) = lowered(x) {
            largest = value | y.last;
            break;
        }
        if let Some(value) = lowered(y) {
            largest = value | x.last;
            break;
        }
    }
    Span {
        first: smallest,
        last: largest,
    }
}

/// The smallest and the largest `x & y`: by De Morgan, the complement of an or.
fn and_span(x: Span, y: Span) -> Span {
    complement(or_span(complement(x), complement(y)))
}

fn complement(span: Span) -> Span {
    Span {
        first: !span.last,
        last: !span.first,
    }
}

/// Bounds of `x ^ y`, from `(x & !y) | (!x & y)`. Both parts lie between their own bounds, and
/// they have no bit in common, so that the or of the largest bounds and the or of the smallest
/// bounds hold. The result is not the tightest if both spans are wide; the known bits see to the
/// rest.
fn xor_span(x: Span, y: Span) -> Span {
    let left = and_span(x, complement(y));
    let right = and_span(complement(x), y);
    or_span(left, right)
}

/// The bits set in `bits`, each on its own, the highest first.
fn bits_down(mut bits: u64) -> impl Iterator<Item = u64> {
    core::iter::from_fn(move || {
        let highest = bits.checked_ilog2().map(|log| 1 << log)?;
        bits ^= highest;
        Some(highest)
    })
}
