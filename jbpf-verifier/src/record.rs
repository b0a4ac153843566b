//! The values that registers may hold before each instruction, over all paths. Tests run programs
//! and compare the values that they see with this.

use crate::insn::Reg;
use crate::scalar::Scalar;
use crate::state::State;
use crate::value::{Kind, Space};

/// The abstract values of one register before one instruction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Seen {
    numbers: Option<Scalar>,
    /// Distances of pointers from the start of their memory: the frame pointer of the active
    /// frame, the start of the region, and the start of the context.
    frame: Option<Scalar>,
    region: Option<Scalar>,
    context: Option<Scalar>,
    /// On some path, the register holds another pointer, or nothing that may be read.
    other: bool,
}

impl Seen {
    fn note(&mut self, kind: &Kind, depth: usize) {
        let (slot, number) = match kind {
            Kind::Number(num) => (&mut self.numbers, num.number.clone()),
            Kind::Pointer(pointer) if !pointer.or_null => {
                let slot = match pointer.space {
                    Space::Stack { frame } if usize::from(frame) == depth => &mut self.frame,
                    Space::Region => &mut self.region,
                    Space::Context => &mut self.context,
                    _ => {
                        self.other = true;
                        return;
                    }
                };
                (slot, pointer.variable.add_constant(pointer.offset))
            }
            _ => {
                self.other = true;
                return;
            }
        };
        let number = number.scalar();
        *slot = Some(slot.map_or(number, |all| all.join(&number)));
    }

    fn allows(&self, value: u64, starts: &Starts) -> bool {
        let is = |seen: Option<Scalar>, value: u64| seen.is_some_and(|all| all.contains(value));
        self.other
            || is(self.numbers, value)
            || is(self.frame, value.wrapping_sub(starts.frame))
            || is(self.region, value.wrapping_sub(starts.region))
            || is(self.context, value.wrapping_sub(starts.context))
    }
}

/// Addresses that the pointers of a run are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Starts {
    /// The frame pointer of the active frame.
    pub frame: u64,
    /// The start of the data region.
    pub region: u64,
    /// The start of the context.
    pub context: u64,
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
            seen.note(&state.register(reg).kind, state.depth());
        }
    }

    /// The least and the greatest number that a register holds before the instruction, signed.
    /// `None` if it may hold something else than a number, or is not read any more.
    #[must_use]
    pub fn number_range(&self, insn: usize, register: usize) -> Option<(i64, i64)> {
        match self.slots.get(insn)?.get(register)? {
            Seen {
                numbers: Some(all),
                frame: None,
                region: None,
                context: None,
                other: false,
            } => Some((all.smin(), all.smax())),
            _ => None,
        }
    }

    /// Whether a register may hold this value before the instruction, as far as the verifier
    /// knows. Any value is allowed if the register may hold a pointer to something else than
    /// `starts` there, or is not read any more.
    #[must_use]
    pub fn allows(&self, insn: usize, register: usize, value: u64, starts: &Starts) -> bool {
        let seen = self.slots.get(insn).and_then(|slot| slot.get(register));
        seen.is_none_or(|seen| seen.allows(value, starts))
    }
}
