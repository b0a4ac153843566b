//! Known bits: which bits of a number are 0, which are 1, which may be either.

use super::ops::{mask, sign_extend};

/// A number with some known bits ("tristate number").
///
/// It stands for every number that equals `value` outside `mask`. A bit is never set in both.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Tnum {
    value: u64,
    mask: u64,
}

impl Tnum {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        value: 0,
        mask: u64::MAX,
    };

    /// Bits in `mask` are unknown, the others are those of `value`.
    #[must_use]
    pub const fn new(value: u64, mask: u64) -> Self {
        Self {
            value: value & !mask,
            mask,
        }
    }

    /// Every bit is known.
    #[must_use]
    pub const fn constant(value: u64) -> Self {
        Self { value, mask: 0 }
    }

    /// The bits that all numbers from `min` to `max` have in common.
    #[must_use]
    pub const fn range(min: u64, max: u64) -> Self {
        let differ = min ^ max;
        let unknown = match differ {
            0 => 0,
            _ => u64::MAX >> differ.leading_zeros(),
        };
        Self::new(min, unknown)
    }

    /// The bits known to be 1.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.value
    }

    /// The unknown bits.
    #[must_use]
    pub const fn mask(self) -> u64 {
        self.mask
    }

    /// The smallest number it stands for, as unsigned.
    #[must_use]
    pub const fn min(self) -> u64 {
        self.value
    }

    /// The largest number it stands for, as unsigned.
    #[must_use]
    pub const fn max(self) -> u64 {
        self.value | self.mask
    }

    /// Whether it stands for `number`.
    #[must_use]
    pub const fn contains(self, number: u64) -> bool {
        (number ^ self.value) & !self.mask == 0
    }

    /// Whether `other` stands for every number that this one stands for.
    #[must_use]
    pub const fn is_subset_of(self, other: Self) -> bool {
        self.mask & !other.mask == 0 && other.contains(self.value)
    }

    /// The number of lowest bits that are known to be 0, up to 64.
    #[must_use]
    pub const fn trailing_zeros(self) -> u32 {
        self.max().trailing_zeros()
    }

    /// The numbers that both stand for. `None` if a known bit disagrees.
    pub(super) const fn intersect(self, other: Self) -> Option<Self> {
        if (self.value ^ other.value) & !self.mask & !other.mask != 0 {
            return None;
        }
        Some(Self::new(self.value | other.value, self.mask & other.mask))
    }

    /// The narrowest that covers both.
    pub(super) const fn join(self, other: Self) -> Self {
        Self::new(
            self.value,
            self.mask | other.mask | (self.value ^ other.value),
        )
    }

    /// The lowest `bits` bits; those above become 0.
    pub(super) const fn truncate(self, bits: u32) -> Self {
        Self {
            value: self.value & mask(bits),
            mask: self.mask & mask(bits),
        }
    }

    /// The lowest `bits` bits with the topmost of them copied upwards.
    pub(super) const fn sign_extend(self, bits: u32) -> Self {
        Self {
            value: sign_extend(bits, self.value) as u64,
            mask: sign_extend(bits, self.mask) as u64,
        }
    }

    /// The smallest number from `bound` on that it stands for.
    pub(super) const fn at_least(self, bound: u64) -> Option<u64> {
        let wrong = (bound ^ self.value) & !self.mask;
        if wrong == 0 {
            return Some(bound);
        }
        // Above its highest wrong bit, `bound` fits. If this number has a 1 at that bit, any
        // filling below it is larger. Otherwise, the next larger prefix is taken.
        let at_wrong = u64::MAX >> wrong.leading_zeros();
        if self.value & (at_wrong ^ at_wrong >> 1) != 0 {
            return Some(bound & !at_wrong | self.value & at_wrong);
        }
        let free = self.mask & !bound & !at_wrong;
        if free == 0 {
            return None;
        }
        let raised = free & free.wrapping_neg();
        let below = raised - 1;
        Some(bound & !below | raised | self.value & below)
    }

    /// The largest number up to `bound` that it stands for.
    pub(super) const fn at_most(self, bound: u64) -> Option<u64> {
        // Complementing every bit turns the order round.
        let mirrored = Self::new(!self.value, self.mask);
        match mirrored.at_least(!bound) {
            Some(found) => Some(!found),
            None => None,
        }
    }

    /// This with the lowest `bits` bits cleared.
    pub(super) const fn with_trailing_zeros(self, bits: u32) -> Self {
        let keep = match bits {
            64.. => 0,
            _ => u64::MAX << bits,
        };
        Self {
            value: self.value & keep,
            mask: self.mask & keep,
        }
    }

    pub(super) const fn add(self, rhs: Self) -> Self {
        let known = self.value.wrapping_add(rhs.value);
        let most = known.wrapping_add(self.mask.wrapping_add(rhs.mask));
        Self::new(known, (known ^ most) | self.mask | rhs.mask)
    }

    pub(super) const fn sub(self, rhs: Self) -> Self {
        let known = self.value.wrapping_sub(rhs.value);
        let most = known.wrapping_add(self.mask);
        let least = known.wrapping_sub(rhs.mask);
        Self::new(known, (most ^ least) | self.mask | rhs.mask)
    }

    pub(super) const fn and(self, rhs: Self) -> Self {
        let ones = self.value & rhs.value;
        Self::new(ones, self.max() & rhs.max() & !ones)
    }

    pub(super) const fn or(self, rhs: Self) -> Self {
        let ones = self.value | rhs.value;
        Self::new(ones, (self.mask | rhs.mask) & !ones)
    }

    pub(super) const fn xor(self, rhs: Self) -> Self {
        Self::new(self.value ^ rhs.value, self.mask | rhs.mask)
    }

    pub(super) const fn lsh(self, count: u32) -> Self {
        Self::new(self.value << count, self.mask << count)
    }

    pub(super) const fn rsh(self, count: u32) -> Self {
        Self::new(self.value >> count, self.mask >> count)
    }

    pub(super) const fn arsh(self, count: u32) -> Self {
        Self::new(
            (self.value as i64 >> count) as u64,
            (self.mask as i64 >> count) as u64,
        )
    }

    /// Reverses the lowest `bytes` bytes; the bytes above become 0.
    pub(super) const fn swap_bytes(self, bytes: u32) -> Self {
        let unused = 64 - 8 * bytes;
        Self {
            value: self.value.swap_bytes() >> unused,
            mask: self.mask.swap_bytes() >> unused,
        }
    }

    /// The product. Two ways of summing the partial products lose different bits, so that both are
    /// computed, and their facts are joined.
    pub(super) fn mul(self, rhs: Self) -> Self {
        // The loops run over the bits of the left factor: the shorter one is the cheaper.
        let (short, long) = if self.max() <= rhs.max() {
            (self, rhs)
        } else {
            (rhs, self)
        };
        let exact = short.mul_by_cases(long);
        let split = short.mul_split(long);
        exact.intersect(split).unwrap_or(exact)
    }

    /// Adds the partial product of each bit that is 1, and covers both sums for an unknown bit.
    const fn mul_by_cases(self, rhs: Self) -> Self {
        let (mut left, mut partial, mut sum) = (self, rhs, Self::constant(0));
        while left.max() != 0 {
            if left.value & 1 != 0 {
                sum = sum.add(partial);
            } else if left.mask & 1 != 0 {
                sum = sum.join(sum.add(partial));
            }
            left = left.rsh(1);
            partial = partial.lsh(1);
        }
        sum
    }

    /// Multiplies the known bits exactly and adds up the uncertainty of each partial product
    /// apart from them.
    const fn mul_split(self, rhs: Self) -> Self {
        let known = Self::constant(self.value.wrapping_mul(rhs.value));
        let (mut left, mut partial, mut doubt) = (self, rhs, Self::constant(0));
        while left.max() != 0 {
            if left.value & 1 != 0 {
                doubt = doubt.add(Self::new(0, partial.mask));
            } else if left.mask & 1 != 0 {
                doubt = doubt.add(Self::new(0, partial.max()));
            }
            left = left.rsh(1);
            partial = partial.lsh(1);
        }
        known.add(doubt)
    }
}
