//! Sets of numbers: known bits and ranges, kept in agreement.
//!
//! These are pure values without program state. Every operator here is checked against concrete
//! evaluation.
//!
//! `tnum` holds known bits. `word` joins them with ranges for one width, `transfer` has the
//! operators on a word, and `refine` the lessons of comparisons. `pair` keeps a word and its low
//! half in agreement. [`Scalar`] is that pair at 64 and 32 bits, packed. `ops` names the
//! operators.

mod display;
mod ops;
mod pair;
mod refine;
#[cfg(test)]
mod tests;
mod tnum;
mod transfer;
mod word;

pub(crate) use ops::sign_extend;
pub use ops::{AluOp, JumpCond, Width};
pub use tnum::Tnum;

use pair::Pair;
use word::{Spans, Word};

/// The set of numbers that a register or a stack slot may hold: known bits, and unsigned and
/// signed ranges of all 64 bits and of the low 32.
///
/// It is never empty, and every part knows the consequences of the others: two scalars that are
/// built of the same facts are equal. Operations that may leave nothing return an [`Option`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Scalar {
    tnum: Tnum,
    umin: u64,
    umax: u64,
    smin: i64,
    smax: i64,
    u32_min: u32,
    u32_max: u32,
    s32_min: i32,
    s32_max: i32,
}

/// The operands of a conditional jump on its two ways. A way that no number takes is `None`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Branches {
    /// Left and right operand if the jump is taken.
    pub taken: Option<(Scalar, Scalar)>,
    /// Left and right operand if it is not.
    pub not_taken: Option<(Scalar, Scalar)>,
}

impl Scalar {
    /// Any number.
    #[must_use]
    pub const fn unknown() -> Self {
        Self {
            tnum: Tnum::UNKNOWN,
            umin: 0,
            umax: u64::MAX,
            smin: i64::MIN,
            smax: i64::MAX,
            u32_min: 0,
            u32_max: u32::MAX,
            s32_min: i32::MIN,
            s32_max: i32::MAX,
        }
    }

    /// This number.
    #[must_use]
    pub const fn constant(value: u64) -> Self {
        Self {
            tnum: Tnum::constant(value),
            umin: value,
            umax: value,
            smin: value as i64,
            smax: value as i64,
            u32_min: value as u32,
            u32_max: value as u32,
            s32_min: value as i32,
            s32_max: value as i32,
        }
    }

    /// The unsigned numbers from `min` to `max`, both included. `None` if `min` is above `max`.
    #[must_use]
    pub fn unsigned_range(min: u64, max: u64) -> Option<Self> {
        Word::unsigned_range(min, max).map(|full| Self::pack(Pair::from_full(full)))
    }

    /// The signed numbers from `min` to `max`, both included. `None` if `min` is above `max`.
    #[must_use]
    pub fn signed_range(min: i64, max: i64) -> Option<Self> {
        Word::signed_range(min, max).map(|full| Self::pack(Pair::from_full(full)))
    }

    /// The numbers with these known bits.
    #[must_use]
    pub fn from_tnum(tnum: Tnum) -> Self {
        Self::pack(Pair::from_full(Word::from_tnum(tnum)))
    }

    /// Any number of the lowest `bits` bits, 1 to 64, as a load of that size gives it.
    #[must_use]
    pub fn any_of_bits(bits: u32) -> Self {
        Self::from_tnum(Tnum::UNKNOWN.truncate(bits.clamp(1, 64)))
    }

    /// The smallest scalar that covers these numbers. `None` if there are none.
    #[must_use]
    pub fn covering(numbers: impl IntoIterator<Item = u64>) -> Option<Self> {
        let (mut ones, mut zeros) = (u64::MAX, u64::MAX);
        let (mut full, mut low) = (Spans::<64>::EMPTY, Spans::<32>::EMPTY);
        for number in numbers {
            ones &= number;
            zeros &= !number;
            full.add(number, number);
            let half = number & Word::<32>::MAX;
            low.add(half, half);
        }
        let full = Word::new(Tnum::new(ones, !(ones | zeros)), full)?;
        Pair::new(full, Word::new(Word::<32>::UNKNOWN.tnum(), low)?).map(Self::pack)
    }

    /// The number, if there is only one.
    #[must_use]
    pub const fn as_constant(&self) -> Option<u64> {
        if self.umin == self.umax {
            Some(self.umin)
        } else {
            None
        }
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self == Self::unknown()
    }

    /// The known bits.
    #[must_use]
    pub const fn tnum(&self) -> Tnum {
        self.tnum
    }

    /// The smallest, as unsigned 64-bit number.
    #[must_use]
    pub const fn umin(&self) -> u64 {
        self.umin
    }

    /// The largest, as unsigned 64-bit number.
    #[must_use]
    pub const fn umax(&self) -> u64 {
        self.umax
    }

    /// The smallest, as signed 64-bit number.
    #[must_use]
    pub const fn smin(&self) -> i64 {
        self.smin
    }

    /// The largest, as signed 64-bit number.
    #[must_use]
    pub const fn smax(&self) -> i64 {
        self.smax
    }

    /// The smallest value of the low 32 bits, as unsigned number.
    #[must_use]
    pub const fn u32_min(&self) -> u32 {
        self.u32_min
    }

    /// The largest value of the low 32 bits, as unsigned number.
    #[must_use]
    pub const fn u32_max(&self) -> u32 {
        self.u32_max
    }

    /// The smallest value of the low 32 bits, as signed number.
    #[must_use]
    pub const fn s32_min(&self) -> i32 {
        self.s32_min
    }

    /// The largest value of the low 32 bits, as signed number.
    #[must_use]
    pub const fn s32_max(&self) -> i32 {
        self.s32_max
    }

    /// Whether it may be `value`.
    #[must_use]
    pub const fn contains(&self, value: u64) -> bool {
        let (signed, low) = (value as i64, value as u32);
        self.tnum.contains(value)
            && self.umin <= value
            && value <= self.umax
            && self.smin <= signed
            && signed <= self.smax
            && self.u32_min <= low
            && low <= self.u32_max
            && self.s32_min <= low as i32
            && low as i32 <= self.s32_max
    }

    /// Whether `other` is known to allow every number that this one does.
    #[must_use]
    pub const fn is_subset_of(&self, other: &Self) -> bool {
        self.tnum.is_subset_of(other.tnum)
            && other.umin <= self.umin
            && self.umax <= other.umax
            && other.smin <= self.smin
            && self.smax <= other.smax
            && other.u32_min <= self.u32_min
            && self.u32_max <= other.u32_max
            && other.s32_min <= self.s32_min
            && self.s32_max <= other.s32_max
    }

    /// A scalar that covers both.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        if self == other {
            return *self;
        }
        Self::pack(self.unpack().join(&other.unpack()))
    }

    /// The numbers that both allow. `None` if there are none.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        self.unpack().intersect(&other.unpack()).map(Self::pack)
    }

    /// The result of an operator. At 32 bits, only the low halves count and the result is
    /// zero-extended, which makes `Mov` of that width the truncating move.
    #[must_use]
    pub fn alu(op: AluOp, width: Width, lhs: &Self, rhs: &Self) -> Self {
        let (lhs, rhs) = (lhs.unpack(), rhs.unpack());
        Self::pack(match width {
            Width::W64 => Pair::alu(op, &lhs, &rhs),
            Width::W32 => Pair::alu_low(op, &lhs, &rhs),
        })
    }

    /// The sign-extending move `movsx` of the lowest `bits` bits (8, 16 or 32) to `width`,
    /// zero-extended from there. Other sizes do not exist, and give any number.
    #[must_use]
    pub fn movsx(&self, bits: u32, width: Width) -> Self {
        let extended = self.sign_extend(bits);
        match width {
            Width::W64 => extended,
            Width::W32 => extended.zero_extend(32),
        }
    }

    /// The lowest `bits` bits (8, 16, 32 or 64), the others cleared.
    #[must_use]
    pub fn zero_extend(&self, bits: u32) -> Self {
        let pair = self.unpack();
        let full = match bits {
            8 => pair.lowest::<8>().zero_extend(),
            16 => pair.lowest::<16>().zero_extend(),
            32 => pair.low.zero_extend(),
            64 => return *self,
            _ => Word::UNKNOWN,
        };
        Self::pack(Pair::from_full(full))
    }

    /// The lowest `bits` bits (8, 16, 32 or 64), with the topmost of them copied upwards, as a
    /// sign-extending load of that size gives them.
    #[must_use]
    pub fn sign_extend(&self, bits: u32) -> Self {
        let pair = self.unpack();
        let full = match bits {
            8 => pair.lowest::<8>().sign_extend(),
            16 => pair.lowest::<16>().sign_extend(),
            32 => pair.low.sign_extend(),
            64 => return *self,
            _ => Word::UNKNOWN,
        };
        Self::pack(Pair::from_full(full))
    }

    /// The lowest `bits` bits (16, 32 or 64) with their bytes reversed, the others cleared:
    /// `bswap`.
    #[must_use]
    pub fn byte_swap(&self, bits: u32) -> Self {
        match bits {
            16 | 32 | 64 => Self::from_tnum(self.tnum.swap_bytes(bits / 8)),
            _ => Self::unknown(),
        }
    }

    /// `le16`, `le32`, `le64`. Machines here are little-endian, so that the order stays and the
    /// bits above are cleared.
    #[must_use]
    pub fn to_le(&self, bits: u32) -> Self {
        self.zero_extend(bits)
    }

    /// `be16`, `be32`, `be64`. The bytes are reversed and the bits above are cleared.
    #[must_use]
    pub fn to_be(&self, bits: u32) -> Self {
        self.byte_swap(bits)
    }

    /// The numbers of both operands after a conditional jump, on either way.
    #[must_use]
    pub fn branch(cond: JumpCond, width: Width, lhs: &Self, rhs: &Self) -> Branches {
        let (lhs, rhs) = (lhs.unpack(), rhs.unpack());
        let way = |holds| {
            let (a, b) = match width {
                Width::W64 => Pair::assume(cond, holds, &lhs, &rhs)?,
                Width::W32 => Pair::assume_low(cond, holds, &lhs, &rhs)?,
            };
            Some((Self::pack(a), Self::pack(b)))
        };
        Branches {
            taken: way(true),
            not_taken: way(false),
        }
    }

    fn unpack(&self) -> Pair<64, 32> {
        Pair {
            full: Word::from_parts(self.tnum, self.umin, self.umax, self.smin, self.smax),
            low: Word::from_parts(
                self.tnum.truncate(32),
                self.u32_min.into(),
                self.u32_max.into(),
                self.s32_min.into(),
                self.s32_max.into(),
            ),
        }
    }

    fn pack(pair: Pair<64, 32>) -> Self {
        let Pair { full, low } = pair;
        Self {
            tnum: full.tnum(),
            umin: full.umin(),
            umax: full.umax(),
            smin: full.smin(),
            smax: full.smax(),
            u32_min: low.umin() as u32,
            u32_max: low.umax() as u32,
            s32_min: low.smin() as i32,
            s32_max: low.smax() as i32,
        }
    }
}

impl Pair<64, 32> {
    /// The lowest bits, as both halves of the pair know them.
    fn lowest<const BITS: u32>(&self) -> Word<BITS> {
        let from_full = self.full.truncate::<BITS>();
        self.low
            .truncate::<BITS>()
            .intersect(&from_full)
            .unwrap_or(from_full)
    }
}

impl From<u64> for Scalar {
    fn from(value: u64) -> Self {
        Self::constant(value)
    }
}
