//! Joining states: one wider state covers many, and is proven in their place.
//!
//! When paths keep arriving with other numbers, the differing numbers are widened, and the
//! explorer follows the wider state instead. Widening is always sound, because the wider state
//! covers the state that it replaces. It never makes a loop look finite, because iterations are
//! still counted one by one. If the wider state cannot be proven, the explorer goes back to the
//! exact one.

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::insn::{Insn, Operand};
use crate::number::Number;
use crate::path::Need;
use crate::proven::{Images, Proven, Requirement};
use crate::scalar::{Scalar, Tnum};
use crate::state::State;
use crate::value::{Kind, Num, Value};

/// The bounds that widened numbers stop at: constants that the program compares with, their
/// neighbours, and powers of two minus one.
#[derive(Debug)]
pub(crate) struct Bounds(Vec<u64>);

impl Bounds {
    pub(crate) fn of(insns: &[Insn]) -> Self {
        let mut bounds: BTreeSet<u64> = (0..=64).map(low_bits).collect();
        for insn in insns {
            if let Insn::Branch {
                rhs: Operand::Imm(value),
                ..
            } = insn
            {
                bounds.extend([value.wrapping_sub(1), *value, value.wrapping_add(1)]);
            }
        }
        Self(bounds.into_iter().collect())
    }

    /// A number that covers both, and reaches to the next bound in each direction in which `new`
    /// leaves `old`.
    fn widen(&self, new: &Number, old: &Number) -> Number {
        let both = new.join(old).scalar();
        if both.smin() < 0 {
            return Number::unknown();
        }
        let at_most = |value| self.0.partition_point(|bound| *bound <= value);
        let low = if both.umin() < old.umin() {
            let at = at_most(both.umin());
            at.checked_sub(1).and_then(|at| self.0.get(at)).copied()
        } else {
            Some(both.umin())
        };
        let high = if both.umax() > old.umax() {
            let at = self.0.partition_point(|bound| *bound < both.umax());
            self.0.get(at).copied()
        } else {
            Some(both.umax())
        };
        let range = Scalar::unsigned_range(low.unwrap_or(0), high.unwrap_or(u64::MAX));
        let zeros = both.tnum().trailing_zeros().min(63);
        let aligned = Scalar::from_tnum(Tnum::new(0, u64::MAX << zeros));
        let widened = range.and_then(|range| range.intersect(&aligned));
        widened.unwrap_or(Scalar::unknown()).into()
    }
}

/// The largest number of this many bits.
fn low_bits(bits: u32) -> u64 {
    u64::MAX.checked_shr(64 - bits).unwrap_or(0)
}

/// A state that covers `state` and reaches towards the proven ones. `None` if they differ in more
/// than numbers.
pub(crate) fn join(state: &State, proven: &[Rc<Proven>], bounds: &Bounds) -> Option<State> {
    let mut joined = state.clone();
    let mut changed = false;
    for proven in proven {
        if let Some(wider) = join_one(&joined, proven, bounds) {
            joined = wider;
            changed = true;
        }
    }
    changed.then_some(joined)
}

fn join_one(state: &State, proven: &Proven, bounds: &Bounds) -> Option<State> {
    let mut images = Images::default();
    let mut wider = state.clone();
    for requirement in &proven.requirements {
        if requirement.is_met(state, &mut images) {
            continue;
        }
        match requirement {
            Requirement::Register {
                frame,
                reg,
                kind: Kind::Number(old),
                need: Need::Exact,
            } => {
                let value = &mut wider.frame_mut(*frame)?.registers[*reg];
                let Kind::Number(num) = &value.kind else {
                    return None;
                };
                value.kind = widened(num, old, bounds);
            }
            Requirement::Stack {
                frame,
                start,
                end,
                kind: Kind::Number(old),
                need: Need::Exact,
            } => {
                let segment = wider.segment;
                let stack = &mut wider.frame_mut(*frame)?.stack;
                let num = stack.number(*start, (end - start) as u8).ok()?;
                let places = stack.places(*frame, segment, *start, *end);
                let origin = stack.overlapping(*start, *end).first()?.value.origin;
                let value = Value::derived(
                    widened(&num, old, bounds),
                    crate::value::Source::new(segment, places),
                    origin as usize,
                );
                stack.write(*frame, *start, *end, value);
            }
            _ => return None,
        }
    }
    Some(wider)
}

fn widened(new: &Num, old: &Num, bounds: &Bounds) -> Kind {
    if new.number.is_subset_of(&old.number) {
        // The numbers fit already; only the links differed.
        return Kind::number(new.number.clone());
    }
    Kind::number(bounds.widen(&new.number, &old.number))
}
