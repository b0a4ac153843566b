//! Numbers as states hold them: a constant in place, any other set shared.
//!
//! Most numbers of a codelet are constants, and states are copied often. Other sets are
//! reference-counted, so that a state stays small.

use std::fmt;
use std::rc::Rc;

use crate::scalar::{AluOp, Scalar, Width};

/// A set of numbers. Two sets that are built of the same facts are equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Number {
    Constant(u64),
    /// More than one number.
    Range(Rc<Scalar>),
}

impl Number {
    pub(crate) const ZERO: Self = Self::Constant(0);

    pub(crate) fn unknown() -> Self {
        Self::from(Scalar::unknown())
    }

    /// Any number of this many bytes.
    pub(crate) fn of_size(size: u8) -> Self {
        Self::from(Scalar::any_of_bits(u32::from(size) * 8))
    }

    pub(crate) fn scalar(&self) -> Scalar {
        match self {
            Self::Constant(value) => Scalar::constant(*value),
            Self::Range(scalar) => **scalar,
        }
    }

    pub(crate) fn as_constant(&self) -> Option<u64> {
        match self {
            Self::Constant(value) => Some(*value),
            Self::Range(_) => None,
        }
    }

    pub(crate) fn umin(&self) -> u64 {
        match self {
            Self::Constant(value) => *value,
            Self::Range(scalar) => scalar.umin(),
        }
    }

    pub(crate) fn umax(&self) -> u64 {
        match self {
            Self::Constant(value) => *value,
            Self::Range(scalar) => scalar.umax(),
        }
    }

    pub(crate) fn smin(&self) -> i64 {
        match self {
            Self::Constant(value) => *value as i64,
            Self::Range(scalar) => scalar.smin(),
        }
    }

    pub(crate) fn smax(&self) -> i64 {
        match self {
            Self::Constant(value) => *value as i64,
            Self::Range(scalar) => scalar.smax(),
        }
    }

    pub(crate) fn is_unknown(&self) -> bool {
        match self {
            Self::Constant(_) => false,
            Self::Range(scalar) => scalar.umax() == u64::MAX && scalar.is_unknown(),
        }
    }

    /// Whether the set is all numbers of `size` bytes.
    pub(crate) fn is_unknown_of_size(&self, size: u8) -> bool {
        match self {
            Self::Constant(_) => false,
            Self::Range(scalar) => {
                scalar.umin() == 0 && **scalar == Scalar::any_of_bits(u32::from(size) * 8)
            }
        }
    }

    /// The bits that may be set in some number of the set.
    pub(crate) fn possible_bits(&self) -> u64 {
        match self {
            Self::Constant(value) => *value,
            Self::Range(scalar) => scalar.tnum().max(),
        }
    }

    /// Whether every number is a multiple of `align`, a power of two.
    pub(crate) fn is_multiple_of(&self, align: u64) -> bool {
        match self {
            Self::Constant(value) => value % align == 0,
            Self::Range(scalar) => scalar.tnum().trailing_zeros() >= align.trailing_zeros(),
        }
    }

    pub(crate) fn is_subset_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Constant(a), Self::Constant(b)) => a == b,
            (Self::Constant(a), Self::Range(b)) => b.contains(*a),
            (Self::Range(_), Self::Constant(_)) => false,
            (Self::Range(a), Self::Range(b)) => Rc::ptr_eq(a, b) || a.is_subset_of(b),
        }
    }

    pub(crate) fn join(&self, other: &Self) -> Self {
        if self == other {
            return self.clone();
        }
        Self::from(self.scalar().join(&other.scalar()))
    }

    /// The numbers of the set that are in `other` as well.
    pub(crate) fn narrowed(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Range(a), Self::Range(b)) => {
                // Copies of a number share the set if they can.
                match a.intersect(b) {
                    Some(both) if both == **a => self.clone(),
                    Some(both) if both != **b => Self::from(both),
                    _ => other.clone(),
                }
            }
            (Self::Constant(_), _) => self.clone(),
            (_, Self::Constant(_)) => other.clone(),
        }
    }

    pub(crate) fn alu(op: AluOp, width: Width, lhs: &Self, rhs: &Self) -> Self {
        if let (Self::Constant(lhs), Self::Constant(rhs)) = (lhs, rhs) {
            return Self::Constant(op.evaluate(width, *lhs, *rhs));
        }
        Self::from(Scalar::alu(op, width, &lhs.scalar(), &rhs.scalar()))
    }

    pub(crate) fn add(&self, other: &Self) -> Self {
        Self::alu(AluOp::Add, Width::W64, self, other)
    }

    pub(crate) fn add_constant(&self, value: i64) -> Self {
        if value == 0 {
            return self.clone();
        }
        self.add(&Self::Constant(value as u64))
    }

    /// The lowest `size` bytes, the others cleared.
    pub(crate) fn truncate(&self, size: u8) -> Self {
        let keep = keep(size);
        match self {
            Self::Constant(value) => Self::Constant(value & keep),
            Self::Range(scalar) if scalar.umax() <= keep => self.clone(),
            Self::Range(scalar) if matches!(size, 1 | 2 | 4) => {
                Self::from(scalar.zero_extend(u32::from(size) * 8))
            }
            Self::Range(_) => Self::alu(AluOp::And, Width::W64, self, &Self::Constant(keep)),
        }
    }

    /// The lowest `size` bytes, sign-extended.
    pub(crate) fn sign_extend(&self, size: u8) -> Self {
        Self::from(self.scalar().sign_extend(u32::from(size) * 8))
    }

    /// `size` bytes of the number from byte `first` on.
    pub(crate) fn bytes(&self, first: u8, size: u8) -> Self {
        if first == 0 {
            return self.truncate(size);
        }
        let shift = Self::Constant(u64::from(first) * 8);
        Self::alu(AluOp::Rsh, Width::W64, self, &shift).truncate(size)
    }

    /// This number, which has only `size` bytes, with the bytes of `upper` above them.
    pub(crate) fn with_upper(&self, size: u8, upper: &Self) -> Self {
        let shift = Self::Constant(u64::from(size) * 8);
        let upper = Self::alu(AluOp::Lsh, Width::W64, upper, &shift);
        Self::alu(AluOp::Or, Width::W64, self, &upper)
    }
}

/// The bits of the lowest `size` bytes.
const fn keep(size: u8) -> u64 {
    if size >= 8 {
        u64::MAX
    } else {
        (1 << (size * 8)) - 1
    }
}

impl From<Scalar> for Number {
    fn from(scalar: Scalar) -> Self {
        match scalar.as_constant() {
            Some(value) => Self::Constant(value),
            None => Self::Range(Rc::new(scalar)),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.scalar().fmt(f)
    }
}
