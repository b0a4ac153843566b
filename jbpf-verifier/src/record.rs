//! What registers may hold before each instruction, over all paths: for tests that run programs
//! and hold what they see against it.

use crate::insn::Reg;
use crate::scalar::Scalar;
use crate::state::State;
use crate::value::Kind;

/// What was seen of one register before one instruction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Seen {
    numbers: Option<Scalar>,
    /// On some path it holds a pointer, or nothing that may be read.
    other: bool,
}

/// The abstract registers of a whole verification, joined by instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// r0 to r9 by instruction.
    slots: Vec<[Seen; 10]>,
}

impl Record {
    pub(crate) fn new(insns: usize) -> Self {
        Self {
            slots: vec![[Seen::default(); 10]; insns],
        }
    }

    pub(crate) fn note(&mut self, state: &State) {
        let Some(slot) = self.slots.get_mut(state.at) else {
            return;
        };
        for (seen, reg) in slot.iter_mut().zip(Reg::WRITABLE) {
            match &state.register(reg).kind {
                Kind::Number(num) => {
                    let number = num.number.scalar();
                    seen.numbers = Some(seen.numbers.map_or(number, |all| all.join(&number)));
                }
                _ => seen.other = true,
            }
        }
    }

    /// Whether some path was found that reaches the instruction.
    #[must_use]
    pub fn is_reached(&self, insn: usize) -> bool {
        let slot = self.slots.get(insn).into_iter().flatten();
        slot.into_iter().any(|seen| *seen != Seen::default())
    }

    /// Whether a register may hold this before the instruction, as far as the verifier knows. Nothing is
    /// said of registers that hold a pointer there, or are not read any more.
    #[must_use]
    pub fn allows(&self, insn: usize, register: usize, value: u64) -> bool {
        let seen = self.slots.get(insn).and_then(|slot| slot.get(register));
        seen.is_none_or(|seen| {
            seen.other || seen.numbers.is_some_and(|numbers| numbers.contains(value))
        })
    }
}
