//! The lessons of a comparison's outcome for its operands.

use super::ops::JumpCond;
use super::pair::Way;
use super::tnum::Tnum;
use super::word::Word;

impl<const BITS: u32> Word<BITS> {
    /// The operands if `cond` holds, or if it does not. `None` if that cannot be.
    pub(super) fn assume(cond: JumpCond, holds: bool, lhs: &Self, rhs: &Self) -> Way<Self> {
        let cond = match (holds, cond.negated()) {
            (true, _) => cond,
            (false, Some(negated)) => negated,
            (false, None) => return Self::assume_disjoint(lhs, rhs),
        };
        match cond {
            JumpCond::Eq => {
                let both = lhs.intersect(rhs)?;
                Some((both, both))
            }
            JumpCond::Ne => Self::assume_unequal(lhs, rhs),
            JumpCond::Lt => Self::assume_less(lhs, rhs),
            JumpCond::Le => Self::assume_at_most(lhs, rhs),
            JumpCond::Slt => Self::assume_signed_less(lhs, rhs),
            JumpCond::Sle => Self::assume_signed_at_most(lhs, rhs),
            JumpCond::Gt | JumpCond::Ge | JumpCond::Sgt | JumpCond::Sge => {
                let (b, a) = Self::assume(cond.swapped(), true, rhs, lhs)?;
                Some((a, b))
            }
            JumpCond::Set => Self::assume_common_bit(lhs, rhs),
        }
    }

    fn assume_unequal(lhs: &Self, rhs: &Self) -> Way<Self> {
        let (mut a, mut b) = (*lhs, *rhs);
        if let Some(value) = rhs.as_constant() {
            a = a.without(value)?;
        }
        if let Some(value) = lhs.as_constant() {
            b = b.without(value)?;
        }
        Some((a, b))
    }

    fn assume_less(lhs: &Self, rhs: &Self) -> Way<Self> {
        let below = Self::unsigned_range(0, rhs.umax().checked_sub(1)?)?;
        let above = Self::unsigned_range(lhs.umin().checked_add(1)?, Self::MAX)?;
        Some((lhs.intersect(&below)?, rhs.intersect(&above)?))
    }

    fn assume_at_most(lhs: &Self, rhs: &Self) -> Way<Self> {
        let below = Self::unsigned_range(0, rhs.umax())?;
        let above = Self::unsigned_range(lhs.umin(), Self::MAX)?;
        Some((lhs.intersect(&below)?, rhs.intersect(&above)?))
    }

    fn assume_signed_less(lhs: &Self, rhs: &Self) -> Way<Self> {
        let below = Self::signed_range(Self::SIGNED_MIN, rhs.smax().checked_sub(1)?)?;
        let above = Self::signed_range(lhs.smin().checked_add(1)?, Self::SIGNED_MAX)?;
        Some((lhs.intersect(&below)?, rhs.intersect(&above)?))
    }

    fn assume_signed_at_most(lhs: &Self, rhs: &Self) -> Way<Self> {
        let below = Self::signed_range(Self::SIGNED_MIN, rhs.smax())?;
        let above = Self::signed_range(lhs.smin(), Self::SIGNED_MAX)?;
        Some((lhs.intersect(&below)?, rhs.intersect(&above)?))
    }

    /// `lhs & rhs != 0`.
    fn assume_common_bit(lhs: &Self, rhs: &Self) -> Way<Self> {
        let candidates = lhs.tnum().max() & rhs.tnum().max();
        let nonzero = |word: &Self| word.without(0);
        if !candidates.is_power_of_two() {
            if candidates == 0 {
                return None;
            }
            return Some((nonzero(lhs)?, nonzero(rhs)?));
        }
        let set = Tnum::new(candidates, Self::MAX & !candidates);
        Some((lhs.with_bits(set)?, rhs.with_bits(set)?))
    }

    /// `lhs & rhs == 0`: a bit known to be set in one is clear in the other.
    fn assume_disjoint(lhs: &Self, rhs: &Self) -> Way<Self> {
        let clear = |ones: u64| Tnum::new(0, Self::MAX & !ones);
        Some((
            lhs.with_bits(clear(rhs.tnum().value()))?,
            rhs.with_bits(clear(lhs.tnum().value()))?,
        ))
    }

    fn with_bits(&self, tnum: Tnum) -> Option<Self> {
        Self::new(self.tnum().intersect(tnum)?, self.spans())
    }
}
