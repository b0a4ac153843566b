//! The loops of a program, and their nesting.
//!
//! Nested loops are found from the inside out. The loop of a head consists of the slots that reach
//! a jump back to the head without passing it. It counts as one slot for the loops around it. A
//! jump into the middle of a loop leaves parts of it out, which costs the exploration some order
//! and nothing else.

use super::{Sources, set, successors};
use crate::insn::Insn;

const NONE: u32 = u32::MAX;

/// The number of levels up the nest of loops that a question is followed. Paths go no deeper.
pub(crate) const DEEPEST_NEST: usize = 64;

/// The nest of loops of all functions.
#[derive(Debug, Default)]
pub(super) struct Loops {
    /// The head of the innermost loop around each slot. A head is not in its own loop.
    around: Vec<u32>,
    heads: Vec<bool>,
}

impl Loops {
    pub(super) fn new(
        insns: &[Insn],
        starts: impl Iterator<Item = usize>,
        sources: &Sources,
    ) -> Self {
        let walk = Walk::new(insns, starts);
        let mut loops = Self {
            around: vec![NONE; insns.len()],
            heads: vec![false; insns.len()],
        };
        // The head that stands for each slot, for the loops around.
        let mut stands_for: Vec<u32> = (0..insns.len() as u32).collect();
        let mut last_seen = vec![NONE; insns.len()];
        let mut body = Vec::new();
        for &head in walk.order.iter().rev() {
            body.clear();
            let back = sources.before(insns, head as usize);
            for from in back.filter(|from| walk.is_under(head, *from)) {
                set(&mut loops.heads, head as usize, true);
                let from = find(&mut stands_for, from);
                if from != head && last_seen.get(from as usize) != Some(&head) {
                    set(&mut last_seen, from as usize, head);
                    body.push(from);
                }
            }
            let mut next = 0;
            while let Some(&slot) = body.get(next) {
                next += 1;
                for from in sources.before(insns, slot as usize) {
                    if walk.is_under(slot, from) {
                        continue;
                    }
                    let from = find(&mut stands_for, from);
                    let known = last_seen.get(from as usize) == Some(&head);
                    if from != head && !known && walk.is_under(head, from) {
                        set(&mut last_seen, from as usize, head);
                        body.push(from);
                    }
                }
            }
            for &slot in &body {
                set(&mut loops.around, slot as usize, head);
                set(&mut stands_for, slot as usize, head);
            }
        }
        loops
    }

    pub(super) fn is_head(&self, at: usize) -> bool {
        self.heads.get(at) == Some(&true)
    }

    /// Whether a slot is in the loop of this head.
    pub(super) fn holds(&self, head: usize, at: usize) -> bool {
        let mut slot = at;
        for _ in 0..=DEEPEST_NEST {
            if slot == head {
                return true;
            }
            match self.around.get(slot) {
                Some(&around) if around != NONE => slot = around as usize,
                _ => return false,
            }
        }
        false
    }
}

fn find(stands_for: &mut [u32], slot: u32) -> u32 {
    let parent = |stands_for: &[u32], slot: u32| stands_for.get(slot as usize).copied();
    let mut slot = slot;
    while let Some(above) = parent(stands_for, slot).filter(|above| *above != slot) {
        // Halves the way for the next question.
        let further = parent(stands_for, above).unwrap_or(above);
        set(stands_for, slot as usize, further);
        slot = further;
    }
    slot
}

/// The order in which a walk meets the slots. It starts at the functions' starts and goes depth
/// first.
struct Walk {
    order: Vec<u32>,
    /// For each slot: its number in that order, and the last number met below it.
    numbers: Vec<(u32, u32)>,
}

impl Walk {
    fn new(insns: &[Insn], starts: impl Iterator<Item = usize>) -> Self {
        let mut walk = Self {
            order: Vec::with_capacity(insns.len()),
            numbers: vec![(NONE, NONE); insns.len()],
        };
        for start in starts {
            // Each entry is a slot, and the index of its successor to look at next.
            let mut open = vec![(start, 0)];
            walk.meet(start);
            while let Some((at, next)) = open.last_mut() {
                let at = *at;
                let ways = insns.get(at).map(|insn| successors(at, insn));
                let way = ways.and_then(|ways| ways.get(*next).copied());
                *next += 1;
                match way {
                    Some(Some(to)) if walk.numbers.get(to).is_some_and(|n| n.0 == NONE) => {
                        walk.meet(to);
                        open.push((to, 0));
                    }
                    Some(_) => {}
                    None => {
                        let last = walk.order.len() as u32 - 1;
                        if let Some(number) = walk.numbers.get_mut(at) {
                            number.1 = last;
                        }
                        open.pop();
                    }
                }
            }
        }
        walk
    }

    fn meet(&mut self, at: usize) {
        let number = self.order.len() as u32;
        set(&mut self.numbers, at, (number, NONE));
        self.order.push(at as u32);
    }

    /// Whether the walk met `slot` on its way down from `above`, or they are the same.
    fn is_under(&self, above: u32, slot: u32) -> bool {
        let number = |slot: u32| self.numbers.get(slot as usize).copied();
        match (number(above), number(slot)) {
            (Some((first, last)), Some((at, _))) => first != NONE && (first..=last).contains(&at),
            _ => false,
        }
    }
}
