//! Loops with few paths, and loops with many: the verifier merges the iterations of those.

use super::insns::*;
use super::{ARRAY, BASE, CTX, Feature, Writer};

impl Writer<'_, '_> {
    /// A loop with a counter and a way out.
    pub(super) fn repeat(&mut self) {
        let counter = self.number_register();
        let (start, step) = self.choices.pick(&[(0, 1), (0, 2), (16, -1), (-3, 1)]);
        self.emit(mov_imm(counter, start));
        let head = self.insns.len();
        // Now and then the body overwrites it.
        let keeps = self.choices.chance(85);
        self.kept.extend(keeps.then_some(counter));
        for _ in 0..1 + self.choices.below(3) {
            self.piece();
        }
        if keeps {
            self.kept.pop();
        }
        self.emit(add_imm(counter, step));
        let (opcode, bound) = if step > 0 {
            (
                self.choices.pick(&[0xa5, 0x55, 0xc5, 0xa6]),
                1 + self.choices.below(14) as i32,
            )
        } else {
            (self.choices.pick(&[0x55, 0x65, 0x25]), 0)
        };
        let back = self.back_to(head);
        self.emit(insn(opcode, counter, 0, back, bound));
        self.note(Feature::Loop);
    }

    /// A loop with a body of several ways. Each way leaves something else behind; the counts and
    /// kept values are used afterwards.
    pub(super) fn count(&mut self) {
        let (i, count, other) =
            self.choices
                .pick(&[(8, 9, 0), (9, 8, 2), (8, 9, 4), (3, 4, 8), (9, 5, 0)]);
        for register in [i, count, other] {
            self.emit(mov_imm(register, 0));
        }
        let kept = self.kept.len();
        self.kept.extend([i, count]);
        let head = self.insns.len();
        for _ in 0..1 + self.choices.below(3) {
            let jump = self.number_jump();
            self.way(count, other);
            self.land(jump);
        }
        if self.choices.chance(60) {
            // Another number for the conditions of the next iteration.
            let register = self.number_register();
            let (opcode, offset) = self.choices.pick(&[(WORD, 24), (DOUBLE, 16), (BYTE, 17)]);
            self.emit(load(opcode, register, CTX, offset));
            let shift = self.choices.pick(&[0x77, 0x7f]);
            let by = if shift == 0x7f { i } else { 0 };
            self.emit(insn(shift, register, by, 0, i32::from(by == 0)));
        }
        if self.choices.chance(25) && self.depth == 0 {
            self.inner(count);
        }
        if self.choices.chance(20) {
            self.branch();
        }
        self.kept.truncate(kept);
        self.emit(add_imm(i, 1));
        let bound = 3 + self.choices.below(20) as i32;
        let back = self.back_to(head);
        self.emit(insn(0xa5, i, 0, back, bound));
        self.note(Feature::CountingLoop);
        self.use_what_was_kept(count, other);
    }

    /// One way through the body of a loop.
    fn way(&mut self, count: u8, other: u8) {
        match self.choices.below(12) {
            0..=5 => {
                let step = self.choices.pick(&[1, 1, 2, -1]);
                let counted = self.choices.pick(&[count, count, other]);
                self.emit(add_imm(counted, step));
            }
            6 => {
                let at = self.choices.pick(&[-8, -16, -20, -24]);
                let width = self.choices.pick(&[0x7b, 0x63, 0x73]);
                self.emit(insn(width, 10, count, at, 0));
                self.note(Feature::SpillInLoop);
            }
            7 => {
                // The pointer that is kept is another one on this way, or moved on.
                let kept = self.choices.pick(&[
                    [mov(1, BASE), add_imm(1, 4), store(DOUBLE, 10, -48, 1)],
                    [mov(1, 10), add_imm(1, -24), store(DOUBLE, 10, -48, 1)],
                    [mov(1, BASE), add(1, count), store(DOUBLE, 10, -48, 1)],
                    [mov(1, BASE), add_imm(1, 0), store(DOUBLE, 10, -48, 1)],
                ]);
                self.emit_all(&kept);
                self.note(Feature::PointerInLoop);
            }
            8 => {
                // More of the region is known on this way.
                let size = self.choices.pick(&[8, 16, 24, 40]);
                self.emit_all(&[
                    load(DOUBLE, 1, CTX, 0),
                    add_imm(1, size),
                    load(DOUBLE, other, CTX, 8),
                    insn(0xbd, 1, other, 2, 0),
                ]);
                self.leave();
                self.emit(mov_imm(other, size));
                self.note(Feature::RangeInLoop);
            }
            9 if self.may_call() => self.null_check_in_loop(),
            10 if self.may_call() => {
                self.emit(call(15));
                self.note(Feature::CallInLoop);
                self.after_call();
            }
            _ => self.arithmetic(),
        }
    }

    /// A pointer that may be null on one way, kept on the stack and checked later.
    fn null_check_in_loop(&mut self) {
        self.look_up(ARRAY);
        self.emit(store(DOUBLE, 10, -56, 0));
        let jump = self.jump(insn(0x15, 0, 0, 0, 0));
        self.emit(mov(1, 0));
        let offset = self.choices.pick(&[0, 8]);
        self.emit(load(BYTE, 0, 1, offset));
        self.note(Feature::NullCheckInLoop);
        self.land(jump);
        self.emit(mov_imm(0, 1));
        self.after_call();
    }

    /// A loop in the loop.
    fn inner(&mut self, count: u8) {
        let i = self.number_register();
        self.emit(mov_imm(i, 0));
        self.kept.push(i);
        let head = self.insns.len();
        let jump = self.number_jump();
        self.emit(add_imm(count, 1));
        self.land(jump);
        if self.choices.chance(30) {
            self.fixed_access();
        }
        self.emit(add_imm(i, 1));
        let back = self.back_to(head);
        let bound = 1 + self.choices.below(6) as i32;
        self.emit(insn(0xa5, i, 0, back, bound));
        self.kept.pop();
        self.note(Feature::NestedLoops);
    }

    /// Accesses that are right only if the merged state covers every path.
    fn use_what_was_kept(&mut self, count: u8, other: u8) {
        match self.choices.below(6) {
            0 | 1 => {
                let start = self.choices.pick(&[-32, -24, -16]);
                self.emit_all(&[mov(1, 10), add_imm(1, start), add(1, count)]);
                let access = self.choices.pick(&[
                    load(BYTE, other, 1, 0),
                    load(WORD, other, 1, 0),
                    insn(0x72, 1, 0, 0, 1),
                ]);
                self.emit(access);
                self.note(Feature::CountAsIndex);
            }
            2 => {
                self.emit_all(&[mov(1, BASE), add(1, count), load(BYTE, other, 1, 0)]);
                self.note(Feature::CountAsIndex);
            }
            3 => {
                self.emit(load(DOUBLE, 1, 10, -48));
                self.touch(0);
            }
            4 => {
                let at = self.choices.pick(&[-8, -16, -24]);
                self.emit_all(&[
                    load(DOUBLE, other, 10, at),
                    mov(1, BASE),
                    add(1, other),
                    load(BYTE, other, 1, 0),
                ]);
                self.note(Feature::CountAsIndex);
            }
            _ => {
                self.emit(insn(0x2d, count, other, 1, 0));
                self.arithmetic();
                self.emit_all(&[load(DOUBLE, 1, CTX, 0), load(BYTE, other, 1, 15)]);
            }
        }
    }

    /// A pointer that goes through the region, compared with its end in each iteration.
    pub(super) fn walk(&mut self) {
        let (at, end, i) = (8, 9, 5);
        self.emit_all(&[
            load(DOUBLE, at, CTX, 0),
            load(DOUBLE, end, CTX, 8),
            mov_imm(i, 0),
        ]);
        let kept = self.kept.len();
        self.kept.extend([at, end, i]);
        let head = self.insns.len();
        let size = self.choices.pick(&[1, 4, 8]);
        self.emit_all(&[mov(1, at), add_imm(1, size)]);
        let opcode = self.choices.pick(&[0x2d, 0x2d, 0x3d]);
        let out = self.jump(insn(opcode, 1, end, 0, 0));
        let width = match size + self.choices.pick(&[0, 0, 0, 1]) {
            1 => BYTE,
            4 => WORD,
            8 => DOUBLE,
            _ => 0x69,
        };
        let value = self.number_register();
        self.emit(load(width, value, at, 0));
        self.note(Feature::PointerWalk);
        match self.choices.below(4) {
            0 => self.emit(add_imm(at, size)),
            1 => {
                // As far as a byte of the region says.
                let mask = self.choices.pick(&[3, 7, 15]);
                self.emit_all(&[and_imm(value, mask), add(at, value), add_imm(at, 1)]);
            }
            _ => {
                // Two ways to go on.
                let jump = self.number_jump();
                let further = self.choices.pick(&[1, 2, size]);
                self.emit(add_imm(at, further));
                self.land(jump);
                self.emit(add_imm(at, size));
            }
        }
        if self.choices.chance(25) {
            self.branch();
        }
        self.emit(add_imm(i, 1));
        let bound = 2 + self.choices.below(16) as i32;
        let back = self.back_to(head);
        self.emit(insn(0xa5, i, 0, back, bound));
        if self.choices.chance(30) {
            // The bytes that the last iteration accessed need not lie right before the pointer
            // now.
            self.emit(mov(1, at));
            let offset = self.choices.pick(&[-1, -4, -8, 0]);
            self.emit(load(BYTE, 0, 1, offset));
        }
        self.land(out);
        self.kept.truncate(kept);
        self.refill(&[i]);
        self.emit_all(&[mov_imm(at, 3), load(WORD, end, CTX, 24)]);
    }

    /// A pointer that goes through the region until it is the end, or not quite.
    pub(super) fn walk_to_the_end(&mut self) {
        let (at, end, i) = (8, 9, 5);
        self.emit_all(&[
            load(DOUBLE, at, CTX, 0),
            load(DOUBLE, end, CTX, 8),
            mov_imm(i, 0),
        ]);
        if self.choices.chance(30) {
            // The loop starts somewhere, which a comparison has shown to be there.
            let index = self.number_register();
            self.emit_all(&[and_imm(index, 7), add(at, index)]);
            self.emit(insn(0xbd, at, end, 2, 0));
            self.leave();
        }
        let kept = self.kept.len();
        self.kept.extend([at, end, i]);
        let head = self.insns.len();
        let lead = self.choices.pick(&[0, 0, 0, 0, 1, -1]);
        self.emit_all(&[mov(1, at), add_imm(1, lead)]);
        let (left, right) = self.choices.pick(&[(1, end), (end, 1)]);
        let out = self.jump(insn(0x1d, left, right, 0, 0));
        let width = self.choices.pick(&[BYTE, BYTE, BYTE, BYTE, 0x69]);
        let value = self.number_register();
        self.emit(load(width, value, at, 0));
        self.note(Feature::WalkToTheEnd);
        if self.choices.chance(40) {
            // Another step on one way.
            let jump = self.number_jump();
            if self.choices.chance(70) {
                self.emit_all(&[mov(1, at), add_imm(1, 2), insn(0xbd, 1, end, 2, 0)]);
                self.leave();
            }
            self.emit(add_imm(at, 1));
            self.land(jump);
        }
        let step = self.choices.pick(&[1, 1, 1, 1, 1, 2]);
        self.emit(add_imm(at, step));
        if self.choices.chance(25) {
            self.branch();
        }
        self.emit(add_imm(i, 1));
        let bound = 2 + self.choices.below(30) as i32;
        let back = self.back_to(head);
        self.emit(insn(0xa5, i, 0, back, bound));
        self.land(out);
        self.kept.truncate(kept);
        self.refill(&[i]);
        self.emit_all(&[mov_imm(at, 3), load(WORD, end, CTX, 24)]);
    }
}
