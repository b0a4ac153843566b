//! Programs without their loops: each body is there as often as the loop may go round.
//!
//! Prevail walks a loop until it finds an invariant. That takes it minutes on some programs;
//! without loops it takes milliseconds. If ours accepts a program with its loops, it must accept
//! the program without them as well.

use jbpf_verifier::{Program, RawInsn};

use crate::telling::{is_jump, is_local_call};

/// The most rounds of a loop, if its jump back does not tell their number.
const ROUNDS: usize = 24;
/// The longest program, in slots.
const LONGEST: usize = 600;

/// A program with its loops unrolled.
pub struct Unrolled {
    pub program: Program,
    /// For each slot, the one of the original that it is a copy of.
    pub origins: Vec<usize>,
}

/// A slot, and the target of its jump or call.
#[derive(Clone, Copy)]
struct Slot {
    insn: RawInsn,
    target: Option<usize>,
    origin: usize,
}

/// Unrolls all loops, the inner ones first; `None` if that gets too long.
pub fn unroll(program: &Program) -> Option<Unrolled> {
    let mut slots: Vec<Slot> = program.insns.iter().enumerate().map(slot).collect();
    while let Some((head, back)) = shortest_loop(&slots) {
        slots = without_loop(&slots, head, back);
        if slots.len() > LONGEST {
            return None;
        }
    }
    let encode = |(at, slot): (usize, &Slot)| {
        let mut insn = slot.insn;
        if let Some(target) = slot.target {
            let distance = target as i64 - at as i64 - 1;
            if is_local_call(&insn) {
                insn.imm = distance as i32;
            } else {
                insn.off = distance as i16;
            }
        }
        insn
    };
    Some(Unrolled {
        program: Program {
            insns: slots.iter().enumerate().map(encode).collect(),
            ..program.clone()
        },
        origins: slots.iter().map(|slot| slot.origin).collect(),
    })
}

fn slot((at, insn): (usize, &RawInsn)) -> Slot {
    let to = |distance: i64| Some((at as i64 + 1 + distance) as usize);
    Slot {
        insn: *insn,
        target: if is_local_call(insn) {
            to(insn.imm.into())
        } else if is_jump(insn) {
            to(insn.off.into())
        } else {
            None
        },
        origin: at,
    }
}

/// The start of the shortest loop, and its jump back: it contains no other loop.
fn shortest_loop(slots: &[Slot]) -> Option<(usize, usize)> {
    let jumps = slots
        .iter()
        .enumerate()
        .filter(|(_, slot)| is_jump(&slot.insn));
    let back = jumps.filter_map(|(at, slot)| Some((slot.target?, at)));
    back.filter(|(head, at)| head <= at)
        .min_by_key(|(head, at)| at - head)
}

/// The slots with as many copies of a loop as it has rounds. A jump out of the way stands behind
/// each, for when it goes round no more; and behind the last one the program ends, if it goes
/// round once more.
fn without_loop(slots: &[Slot], head: usize, back: usize) -> Vec<Slot> {
    let len = back + 1 - head;
    let rounds = rounds(&slots[back].insn);
    let out = head + (len + 1) * rounds;
    let behind = out + OUT.len();
    // Slots behind the loop move on.
    let moved = |at: usize| {
        if at > back {
            at - back - 1 + behind
        } else {
            at
        }
    };
    let keep = |slot: &Slot| Slot {
        target: slot.target.map(moved),
        ..*slot
    };
    let new = |opcode, target| Slot {
        insn: RawInsn {
            opcode,
            ..RawInsn::default()
        },
        target,
        origin: back,
    };
    let copy = |round: usize| {
        let start = head + round * (len + 1);
        let next = if round + 1 < rounds {
            start + len + 1
        } else {
            out
        };
        let slots = slots[head..=back].iter().enumerate();
        let copies = slots.map(move |(at, slot)| {
            let target = slot.target.map(|to| match to {
                _ if at == len - 1 => next,
                to if (head..=back).contains(&to) => to - head + start,
                to => moved(to),
            });
            Slot { target, ..*slot }
        });
        copies.chain([new(JUMP, Some(behind))])
    };
    let before = slots[..head].iter().map(keep);
    let copies = (0..rounds).flat_map(copy);
    let out = OUT.map(|opcode| new(opcode, None));
    let after = slots[back + 1..].iter().map(keep);
    before.chain(copies).chain(out).chain(after).collect()
}

/// `ja`, and `mov r0, 0` with `exit`.
const JUMP: u8 = 0x05;
const OUT: [u8; 2] = [0xb7, 0x95];

/// How often a loop may go round that this jumps back in, if it counts up to a constant by ones.
fn rounds(back: &RawInsn) -> usize {
    let is_constant = back.opcode & 0x08 == 0 && back.opcode != JUMP;
    match usize::try_from(back.imm) {
        Ok(bound @ 1..) if is_constant => (bound + 1).min(ROUNDS),
        _ => ROUNDS,
    }
}
