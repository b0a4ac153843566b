//! The abstract number against concrete ones.
//!
//! `small` tries every pair of abstract values there is (or every one of a dense family) on words
//! of two to eight bits. `straddle` places 64-bit values around the edges of 32 and 64 bits.
//! `facts` states the facts that must be known after the idioms that codelets consist of.

mod facts;
mod small;
mod straddle;

/// An operator computed the plain way, with unbounded integers and no code of the crate.
fn oracle(op: super::AluOp, bits: u32, a: u64, b: u64) -> u64 {
    use super::AluOp;
    let modulus = 1i128 << bits;
    let signed = |x: u64| {
        let x = i128::from(x);
        if x >= modulus / 2 { x - modulus } else { x }
    };
    let (ua, ub) = (i128::from(a), i128::from(b));
    let (sa, sb) = (signed(a), signed(b));
    let count = ub % i128::from(bits);
    let bitwise = |f: fn(bool, bool) -> bool| {
        (0..bits)
            .map(|i| i128::from(f(a >> i & 1 == 1, b >> i & 1 == 1)) << i)
            .sum()
    };
    let exact: i128 = match op {
        AluOp::Add => ua + ub,
        AluOp::Sub => ua - ub,
        AluOp::Mul => sa * sb,
        AluOp::Div => {
            if ub == 0 {
                0
            } else {
                ua / ub
            }
        }
        AluOp::Sdiv => {
            if sb == 0 {
                0
            } else {
                sa / sb
            }
        }
        AluOp::Mod => {
            if ub == 0 {
                ua
            } else {
                ua % ub
            }
        }
        AluOp::Smod => {
            if sb == 0 {
                sa
            } else {
                sa % sb
            }
        }
        AluOp::Or => bitwise(|x, y| x || y),
        AluOp::And => bitwise(|x, y| x && y),
        AluOp::Xor => bitwise(|x, y| x != y),
        AluOp::Lsh => (0..count).fold(ua, |x, _| x * 2 % modulus),
        AluOp::Rsh => (0..count).fold(ua, |x, _| x / 2),
        AluOp::Arsh => (0..count).fold(sa, |x, _| x.div_euclid(2)),
        AluOp::Neg => -ua,
        AluOp::Mov => ub,
    };
    u64::try_from(exact.rem_euclid(modulus)).expect("a remainder of 64 bits at most")
}

/// A condition decided the plain way.
fn holds(cond: super::JumpCond, bits: u32, a: u64, b: u64) -> bool {
    use super::JumpCond;
    let signed = |x: u64| {
        let x = i128::from(x);
        if x >= 1 << (bits - 1) {
            x - (1 << bits)
        } else {
            x
        }
    };
    match cond {
        JumpCond::Eq => a == b,
        JumpCond::Ne => a != b,
        JumpCond::Gt => a > b,
        JumpCond::Ge => a >= b,
        JumpCond::Lt => a < b,
        JumpCond::Le => a <= b,
        JumpCond::Sgt => signed(a) > signed(b),
        JumpCond::Sge => signed(a) >= signed(b),
        JumpCond::Slt => signed(a) < signed(b),
        JumpCond::Sle => signed(a) <= signed(b),
        JumpCond::Set => (0..bits).any(|i| a >> i & 1 == 1 && b >> i & 1 == 1),
    }
}
