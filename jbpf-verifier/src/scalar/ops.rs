//! The operators of RFC 9669, with their results on concrete numbers.

/// The number of bits that an operator works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Width {
    /// The low 32 bits; results are zero-extended to 64.
    W32,
    /// All 64 bits.
    W64,
}

impl Width {
    /// 32 or 64.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::W32 => 32,
            Self::W64 => 64,
        }
    }
}

/// An arithmetic or logic operator (RFC 9669, section 4.1). Byte swaps and sign-extending moves
/// change the width of their operand and are functions of [`Scalar`](super::Scalar).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AluOp {
    /// Wrapping addition.
    Add,
    /// Wrapping subtraction.
    Sub,
    /// Wrapping multiplication.
    Mul,
    /// Unsigned division; by zero it gives zero.
    Div,
    /// Signed division, rounded towards zero; by zero it gives zero, the smallest number by -1
    /// itself.
    Sdiv,
    /// Unsigned remainder; by zero it leaves the dividend.
    Mod,
    /// Signed remainder with the dividend's sign; by zero it leaves the dividend.
    Smod,
    /// Bitwise or.
    Or,
    /// Bitwise and.
    And,
    /// Bitwise exclusive or.
    Xor,
    /// Shift left by the right operand modulo the width.
    Lsh,
    /// Logical shift right by the right operand modulo the width.
    Rsh,
    /// Arithmetic shift right by the right operand modulo the width.
    Arsh,
    /// Two's complement negation of the left operand; the right one is not looked at.
    Neg,
    /// The right operand.
    Mov,
}

impl AluOp {
    /// Every operator.
    pub const ALL: [Self; 15] = [
        Self::Add,
        Self::Sub,
        Self::Mul,
        Self::Div,
        Self::Sdiv,
        Self::Mod,
        Self::Smod,
        Self::Or,
        Self::And,
        Self::Xor,
        Self::Lsh,
        Self::Rsh,
        Self::Arsh,
        Self::Neg,
        Self::Mov,
    ];

    /// The result on concrete numbers, zero-extended from `width`.
    #[must_use]
    pub const fn evaluate(self, width: Width, lhs: u64, rhs: u64) -> u64 {
        self.evaluate_bits(width.bits(), lhs, rhs)
    }

    /// The result on numbers of `bits` bits. Tests use small widths.
    pub(super) const fn evaluate_bits(self, bits: u32, lhs: u64, rhs: u64) -> u64 {
        let keep = mask(bits);
        let (a, b) = (lhs & keep, rhs & keep);
        let (sa, sb) = (sign_extend(bits, a), sign_extend(bits, b));
        // The count is `b` modulo the width. Widths are powers of two.
        let count = (b & (bits as u64 - 1)) as u32;
        let result = match self {
            Self::Add => a.wrapping_add(b),
            Self::Sub => a.wrapping_sub(b),
            Self::Mul => a.wrapping_mul(b),
            Self::Div if b == 0 => 0,
            Self::Div => a / b,
            Self::Sdiv if b == 0 => 0,
            Self::Sdiv => sa.wrapping_div(sb) as u64,
            Self::Mod | Self::Smod if b == 0 => a,
            Self::Mod => a % b,
            Self::Smod => sa.wrapping_rem(sb) as u64,
            Self::Or => a | b,
            Self::And => a & b,
            Self::Xor => a ^ b,
            Self::Lsh => a << count,
            Self::Rsh => a >> count,
            Self::Arsh => (sa >> count) as u64,
            Self::Neg => a.wrapping_neg(),
            Self::Mov => b,
        };
        result & keep
    }
}

/// The condition of a jump (RFC 9669, section 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JumpCond {
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// Unsigned `>`.
    Gt,
    /// Unsigned `>=`.
    Ge,
    /// Unsigned `<`.
    Lt,
    /// Unsigned `<=`.
    Le,
    /// Signed `>`.
    Sgt,
    /// Signed `>=`.
    Sge,
    /// Signed `<`.
    Slt,
    /// Signed `<=`.
    Sle,
    /// `&`: whether the operands have a set bit in common.
    Set,
}

impl JumpCond {
    /// Every condition.
    pub const ALL: [Self; 11] = [
        Self::Eq,
        Self::Ne,
        Self::Gt,
        Self::Ge,
        Self::Lt,
        Self::Le,
        Self::Sgt,
        Self::Sge,
        Self::Slt,
        Self::Sle,
        Self::Set,
    ];

    /// Whether it holds of concrete numbers.
    #[must_use]
    pub const fn holds(self, width: Width, lhs: u64, rhs: u64) -> bool {
        self.holds_bits(width.bits(), lhs, rhs)
    }

    pub(super) const fn holds_bits(self, bits: u32, lhs: u64, rhs: u64) -> bool {
        let (a, b) = (lhs & mask(bits), rhs & mask(bits));
        let (sa, sb) = (sign_extend(bits, a), sign_extend(bits, b));
        match self {
            Self::Eq => a == b,
            Self::Ne => a != b,
            Self::Gt => a > b,
            Self::Ge => a >= b,
            Self::Lt => a < b,
            Self::Le => a <= b,
            Self::Sgt => sa > sb,
            Self::Sge => sa >= sb,
            Self::Slt => sa < sb,
            Self::Sle => sa <= sb,
            Self::Set => a & b != 0,
        }
    }

    /// The condition that holds exactly if this one does not. `Set` has none.
    #[must_use]
    pub const fn negated(self) -> Option<Self> {
        Some(match self {
            Self::Eq => Self::Ne,
            Self::Ne => Self::Eq,
            Self::Gt => Self::Le,
            Self::Ge => Self::Lt,
            Self::Lt => Self::Ge,
            Self::Le => Self::Gt,
            Self::Sgt => Self::Sle,
            Self::Sge => Self::Slt,
            Self::Slt => Self::Sge,
            Self::Sle => Self::Sgt,
            Self::Set => return None,
        })
    }

    /// The same comparison with its operands exchanged.
    #[must_use]
    pub const fn swapped(self) -> Self {
        match self {
            Self::Eq | Self::Ne | Self::Set => self,
            Self::Gt => Self::Lt,
            Self::Ge => Self::Le,
            Self::Lt => Self::Gt,
            Self::Le => Self::Ge,
            Self::Sgt => Self::Slt,
            Self::Sge => Self::Sle,
            Self::Slt => Self::Sgt,
            Self::Sle => Self::Sge,
        }
    }
}

/// The lowest `bits` bits, 1 to 64.
pub(super) const fn mask(bits: u32) -> u64 {
    u64::MAX >> (64 - bits)
}

/// The lowest `bits` bits of `value` as a signed number.
pub(crate) const fn sign_extend(bits: u32, value: u64) -> i64 {
    (value << (64 - bits)) as i64 >> (64 - bits)
}
