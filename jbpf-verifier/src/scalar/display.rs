//! Scalars in reports, as the shortest description of their facts.

use core::fmt;

use super::Scalar;
use super::word::Word;

/// Numbers below this are read more easily in decimal.
const DECIMAL_LIMIT: u64 = 1 << 20;

impl fmt::Display for Scalar {
    /// `7`, `-1`, `0xdeadbeef`, `0..=255`, `-8..=8`, `unknown`. Known bits (`bits 0b??00`, or
    /// `multiple of 4`) and the range of the low 32 bits follow if they say more.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(value) = self.as_constant() {
            return Number(value).fmt(f);
        }
        let facts: Vec<String> = [self.range(), self.bits(), self.low_range()]
            .into_iter()
            .flatten()
            .collect();
        if facts.is_empty() {
            return f.write_str("unknown");
        }
        f.write_str(&facts.join(", "))
    }
}

impl Scalar {
    /// The tighter of the two ranges, if it says anything.
    fn range(&self) -> Option<String> {
        let unsigned = self.umax - self.umin;
        let signed = self.smax.wrapping_sub(self.smin) as u64;
        if unsigned.min(signed) == u64::MAX {
            return None;
        }
        let signed_is_plainer = self.smax < 0 || self.smin < 0 && signed < unsigned;
        Some(if signed_is_plainer {
            format!(
                "{}..={}",
                Number(self.smin as u64),
                Number(self.smax as u64)
            )
        } else {
            format!("{}..={}", Unsigned(self.umin), Unsigned(self.umax))
        })
    }

    /// The known bits, if the range does not imply them.
    fn bits(&self) -> Option<String> {
        let (ones, unknown) = (self.tnum.value(), self.tnum.mask());
        let implied = self.range_alone().tnum();
        if implied == self.tnum {
            return None;
        }
        let zeros = self.tnum.trailing_zeros();
        if self.tnum == implied.with_trailing_zeros(zeros) {
            return Some(format!("multiple of {}", 1u64 << zeros));
        }
        let significant = 64 - (ones | unknown).leading_zeros();
        // Long runs of unknown bits at the top are cut off, and an ellipsis stands for them.
        let run = (unknown << (64 - significant)).leading_ones();
        let shown = if run > 8 {
            significant - run
        } else {
            significant
        };
        let mut text = String::from(if run > 8 { "bits 0b…" } else { "bits 0b" });
        text.extend(
            (0..shown)
                .rev()
                .map(|bit| match (unknown >> bit & 1, ones >> bit & 1) {
                    (1, _) => '?',
                    (_, 1) => '1',
                    _ => '0',
                }),
        );
        Some(text)
    }

    /// The range of the low half, if all 64 bits do not imply it.
    fn low_range(&self) -> Option<String> {
        let low = |of: &Self| (of.u32_min, of.u32_max, of.s32_min, of.s32_max);
        let full = Word::<64>::from_parts(self.tnum, self.umin, self.umax, self.smin, self.smax);
        if low(&Self::pack(super::Pair::from_full(full))) == low(self) {
            return None;
        }
        let unsigned = self.u32_max - self.u32_min;
        let signed = self.s32_max.wrapping_sub(self.s32_min) as u32;
        Some(if self.s32_min < 0 && signed < unsigned {
            format!("low 32 bits {}..={}", self.s32_min, self.s32_max)
        } else {
            format!("low 32 bits {}..={}", self.u32_min, self.u32_max)
        })
    }

    fn range_alone(&self) -> Self {
        let unsigned = Self::unsigned_range(self.umin, self.umax);
        let signed = Self::signed_range(self.smin, self.smax);
        unsigned
            .zip(signed)
            .and_then(|(unsigned, signed)| unsigned.intersect(&signed))
            .unwrap_or(Self::unknown())
    }
}

/// A number as its author most likely wrote it.
struct Number(u64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signed = self.0 as i64;
        if signed.unsigned_abs() < DECIMAL_LIMIT {
            write!(f, "{signed}")
        } else if signed < 0 && signed >= i32::MIN.into() {
            write!(f, "-{:#x}", signed.unsigned_abs())
        } else {
            write!(f, "{:#x}", self.0)
        }
    }
}

struct Unsigned(u64);

impl fmt::Display for Unsigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < DECIMAL_LIMIT {
            write!(f, "{}", self.0)
        } else {
            write!(f, "{:#x}", self.0)
        }
    }
}
