//! Leaving a codelet before its end: which functions can, and the blocks that do it.
//!
//! A function that can leave gives a second number beside r0, which its caller tests after the
//! call. Aborts of a function share blocks that count them, out of the way of the code that runs.
//! A block takes so many of them and no more ([`MAX_ABORTS`]).

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, Value, types};
use jbpf_abi::helper::ABORT;
use jbpf_verifier::bug::Bug;
use jbpf_verifier::program::{BranchOutcome, Fact, VerifiedFunction};

use super::frame;
use super::insn::{Insn, Operand};
use super::lower::{Body, address_of, slots};
use super::subject::Subject;
use crate::engine::EngineError;
use crate::engine::abort::{self, AbortKind};

/// The most aborts that one block counts. The compiler tries to keep what its jumps hand to a
/// block in one place, and the time for that grows with the square of their number.
const MAX_ABORTS: usize = 64;

/// The blocks that aborts of a function jump to.
#[derive(Debug)]
pub(super) struct AbortBlocks {
    /// Each takes instruction and kind, counts the abort, and leaves.
    counts: Vec<Block>,
    /// The number of aborts that the last one of these still takes.
    room: usize,
    /// Leaves without counting: a callee has counted.
    leave: Block,
}

impl Body<'_, '_> {
    /// Leaves the codelet at instruction `at`; the current block is filled.
    pub(super) fn abort(&mut self, at: usize, kind: AbortKind) -> Result<(), EngineError> {
        let kind = self
            .fb
            .ins()
            .iconst(types::I64, kind.number().cast_signed());
        self.abort_as(at, kind)
    }

    /// Helper 31: leaves the codelet by the kind in r1; the current block is filled.
    pub(super) fn abort_by_call(&mut self, at: usize) -> Result<(), EngineError> {
        if let Some(kind) = self.known_operand(Operand::Register(1)) {
            return self.abort(at, AbortKind::of_argument(kind));
        }
        // Computes `AbortKind::of_argument` at run time: 1 to 5 stay, and all other numbers become
        // 5.
        let other = AbortKind::Other.number().cast_signed();
        let kind = self.read(1, 64);
        let index = self.fb.ins().iadd_imm_s(kind, -1);
        let known = self
            .fb
            .ins()
            .icmp_imm_u(IntCC::UnsignedLessThan, index, other);
        let other = self.fb.ins().iconst(types::I64, other);
        let kind = self.fb.ins().select(known, kind, other);
        self.abort_as(at, kind)
    }

    fn abort_as(&mut self, at: usize, kind: Value) -> Result<(), EngineError> {
        let count = self.count_block(at)?;
        let insn = self.address(at as u64);
        let arguments = [insn, kind].map(BlockArg::Value);
        self.fb.ins().jump(count, &arguments);
        Ok(())
    }

    /// After a call at instruction `at` of a function that can leave: goes on with leaving if
    /// `left` is not 0.
    pub(super) fn leave_if(&mut self, at: usize, left: Value) -> Result<(), EngineError> {
        let leave = self.abort_blocks(at)?.leave;
        let next = self.fb.create_block();
        self.fb.ins().brif(left, leave, &[], next, &[]);
        self.fb.seal_block(next);
        self.fb.switch_to_block(next);
        Ok(())
    }

    /// Leaves the codelet at instruction `at`, by a guard, if `inside` is 0; goes on in the
    /// current block.
    pub(super) fn abort_unless(&mut self, at: usize, inside: Value) -> Result<(), EngineError> {
        let count = self.count_block(at)?;
        let next = self.fb.create_block();
        let insn = self.address(at as u64);
        let kind = self.address(AbortKind::Guard.number());
        let arguments = [insn, kind].map(BlockArg::Value);
        self.fb.ins().brif(inside, next, &[], count, &arguments);
        self.fb.seal_block(next);
        self.fb.switch_to_block(next);
        Ok(())
    }

    /// The block that counts the next abort.
    fn count_block(&mut self, at: usize) -> Result<Block, EngineError> {
        let known = self.abort_blocks(at)?;
        if let Some(room) = known.room.checked_sub(1)
            && let Some(count) = known.counts.last()
        {
            known.room = room;
            return Ok(*count);
        }
        let count = self.fb.create_block();
        self.fb.set_cold_block(count);
        for _ in 0..2 {
            self.fb.append_block_param(count, types::I64);
        }
        let known = self.abort_blocks(at)?;
        known.counts.push(count);
        known.room = MAX_ABORTS - 1;
        Ok(count)
    }

    fn abort_blocks(&mut self, at: usize) -> Result<&mut AbortBlocks, EngineError> {
        if !self.exit.leaves {
            return Err(EngineError::Leaving {
                codelet: self.codelet.name().to_owned(),
                insn: at,
            });
        }
        let fb = &mut *self.fb;
        Ok(self.aborts.get_or_insert_with(|| {
            let leave = fb.create_block();
            fb.set_cold_block(leave);
            AbortBlocks {
                counts: Vec::new(),
                room: 0,
                leave,
            }
        }))
    }

    /// Fills the blocks that aborts go to, when no more come.
    pub(super) fn fill_abort_blocks(&mut self) {
        let Some(AbortBlocks { counts, leave, .. }) = self.aborts.take() else {
            return;
        };
        for count in counts {
            self.fb.seal_block(count);
            self.fb.switch_to_block(count);
            let aborts = self.address(address_of(&raw const **self.codelet.aborts()));
            let mut arguments = vec![aborts];
            arguments.extend_from_slice(self.fb.block_params(count));
            self.call_address(abort::count as *const () as usize, &arguments);
            self.fb.ins().jump(leave, &[]);
        }
        self.fb.seal_block(leave);
        self.fb.switch_to_block(leave);
        let result = self.fb.ins().iconst(types::I64, 0);
        self.end(result, true);
    }
}

/// Facts about a codelet's functions that a scan finds before they are lowered.
pub(super) struct Shape {
    /// Whether each function can leave the codelet, by index. A function can if it aborts, if its
    /// accesses are guarded, if a reachable instruction of it leads to one that the verifier says
    /// no path reaches, or if it calls a function that can.
    pub leaves: Vec<bool>,
    /// Bytes of the entry's frame and of all frames that may be active below it.
    pub frames: u32,
}

impl Shape {
    pub(super) fn of(subject: Subject<'_>) -> Result<Self, EngineError> {
        let functions = subject.functions();
        let scanned: Vec<Scan<'_>> = functions
            .iter()
            .map(|function| Scan::of(subject, function))
            .collect::<Result<_, _>>()?;
        let mut leaves: Vec<bool> = scanned.iter().map(|scan| scan.leaves).collect();
        settle(&scanned, &mut leaves, |own, callees| {
            *own || callees.iter().any(|leaves| *leaves)
        });
        let own = functions
            .iter()
            .map(|function| frame::with_gap(function.stack_size));
        let mut frames: Vec<(u32, u32)> = own.map(|own| (own, own)).collect();
        settle(&scanned, &mut frames, |(own, _), callees| {
            let deepest = callees.iter().map(|(_, below)| *below).max();
            (*own, own.saturating_add(deepest.unwrap_or_default()))
        });
        let (_, frames) = *frames
            .first()
            .ok_or(Bug::new("a codelet without an entry"))?;
        Ok(Self { leaves, frames })
    }
}

/// Computes a fact that depends on callees, until nothing changes. It ends because no function
/// calls itself, directly or through others.
fn settle<T: Copy + PartialEq>(scanned: &[Scan<'_>], known: &mut [T], of: impl Fn(&T, &[T]) -> T) {
    loop {
        let mut changed = false;
        // Callees lie behind their callers as a rule.
        for (index, scan) in scanned.iter().enumerate().rev() {
            let callees = scan.callees.iter().filter_map(|callee| known.get(*callee));
            let callees: Vec<T> = callees.copied().collect();
            if let Some(own) = known.get_mut(index) {
                let now = of(own, &callees);
                changed |= now != *own;
                *own = now;
            }
        }
        if !changed {
            return;
        }
    }
}

/// The result of looking at the instructions of one function.
struct Scan<'c> {
    subject: Subject<'c>,
    leaves: bool,
    /// The functions that it calls, by index.
    callees: Vec<usize>,
}

impl<'c> Scan<'c> {
    fn of(subject: Subject<'c>, function: &VerifiedFunction) -> Result<Self, EngineError> {
        let mut scan = Self {
            subject,
            leaves: subject.is_dead(function.start),
            callees: Vec::new(),
        };
        let mut at = function.start;
        while at < function.end {
            let raw = subject
                .insn(at)
                .ok_or(Bug::new("a function behind its program"))?;
            let next = at + slots(raw);
            if !subject.is_dead(at) {
                match Insn::decode(at, raw, subject.insn(at + 1)) {
                    Some(insn) => scan.instruction(at, insn, next, function.end),
                    None => scan.leaves = true,
                }
            }
            at = next;
        }
        scan.callees.sort_unstable();
        scan.callees.dedup();
        Ok(scan)
    }

    /// Looks at a reachable instruction.
    fn instruction(&mut self, at: usize, insn: Insn, next: usize, end: usize) {
        let subject = self.subject;
        let outcome = match subject.fact(at) {
            Fact::Branch(outcome) => outcome,
            _ => BranchOutcome::Both,
        };
        match insn {
            Insn::Exit => return,
            Insn::Jump { target } => {
                self.leaves |= subject.is_dead(target);
                return;
            }
            Insn::Branch { target, .. } if outcome != BranchOutcome::Never => {
                self.leaves |= subject.is_dead(target);
                if outcome == BranchOutcome::Always {
                    return;
                }
            }
            Insn::CallHelper { id: ABORT } => self.leaves = true,
            Insn::CallFunction { target } => {
                // Guarded calls look at how deep they are.
                self.leaves |= subject.options.guard_accesses;
                match subject.function_at(target) {
                    Some(callee) if !subject.is_dead(target) => self.callees.push(callee),
                    _ => self.leaves = true,
                }
            }
            Insn::Load { .. }
            | Insn::Store { .. }
            | Insn::Atomic { .. }
            | Insn::CallHelper { .. } => {
                self.leaves |= subject.options.guard_accesses;
            }
            _ => {}
        }
        self.leaves |= next >= end || subject.is_dead(next);
    }
}
