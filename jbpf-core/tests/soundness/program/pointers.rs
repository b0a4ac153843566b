//! Pointers: compared, subtracted, checked for null, and moved in unusual ways.

use super::insns::*;
use super::{ARRAY, BASE, CTX, Feature, HASH, Memory, OUT, Writer};

impl Writer<'_, '_> {
    /// An address with bits set that are zero, or not quite.
    pub(super) fn or_as_sum(&mut self) {
        if self.choices.chance(50) {
            let start = self.choices.pick(&[-32, -32, -24, -16, -28]);
            self.emit_all(&[mov(1, 10), add_imm(1, start)]);
        } else {
            self.emit(mov(1, BASE));
        }
        let index = self.number_register();
        if self.choices.chance(50) {
            let mask = self.choices.pick(&[1, 1, 3]);
            let shift = self.choices.pick(&[3, 3, 2, 1]);
            self.emit_all(&[
                and_imm(index, mask),
                insn(0x67, index, 0, 0, shift),
                add(1, index),
            ]);
        }
        if self.choices.chance(70) {
            let bits = self.choices.pick(&[4, 4, 1, 2, 3, 7, 8, 12, 16]);
            self.emit(insn(0x47, 1, 0, 0, bits));
        } else {
            let mask = self.choices.pick(&[1, 3, 4, 7]);
            self.emit_all(&[and_imm(index, mask), insn(0x4f, 1, index, 0, 0)]);
        }
        self.note(Feature::OrAsSum);
        let offset = self.choices.pick(&[0, 0, 1, 3]);
        self.touch(offset);
    }

    /// The bytes left of the region behind a pointer, as a number that is compared.
    pub(super) fn left_of_region(&mut self) {
        let (index, left) = self.two_registers();
        if self.choices.chance(60) {
            let mask = self.choices.pick(&[7, 31, 255, 0xffff]);
            self.emit(and_imm(index, mask));
        }
        self.emit_all(&[load(DOUBLE, 1, CTX, 0), add(1, index)]);
        if self.choices.chance(30) {
            let moved = self.choices.pick(&[1, 8, -1, 64]);
            self.emit(add_imm(1, moved));
        }
        self.emit(load(DOUBLE, left, CTX, 8));
        let narrow = self.choices.chance(45);
        let halves = self.choices.chance(35);
        if halves {
            // The distance of the low halves, in 32 bits most often.
            self.emit(insn(0xbc, left, left, 0, 0));
            let from = if self.choices.chance(50) {
                self.emit(insn(0xbc, index, 1, 0, 0));
                index
            } else {
                1
            };
            let opcode = self.choices.pick(&[0x1c, 0x1c, 0x1c, 0x1c, 0x1c, 0x1f]);
            self.emit(insn(opcode, left, from, 0, 0));
            self.note(Feature::HalvesOfRegion);
        } else {
            self.emit(insn(0x1f, left, 1, 0, 0));
        }
        if narrow {
            let cut = self
                .choices
                .pick(&[insn(0xbc, left, left, 0, 0), insn(0xbf, left, left, 32, 0)]);
            self.emit(cut);
        }
        if self.choices.chance(30) {
            let less = self.choices.pick(&[-1, -8, 1]);
            self.emit(add_imm(left, less));
        }
        let size = self.choices.pick(&[0, 1, 4, 8, 9, 16]);
        // Unsigned and signed, in both widths: some prove nothing of a negative number.
        let enough = self.choices.pick(&[0x35, 0x75, 0x25, 0x65, 0x36, 0x76]);
        self.emit(insn(enough, left, 0, 2, size));
        self.leave();
        let offset = self.choices.pick(&[0, 0, 1, 4, -1]);
        self.touch(offset);
        self.note(if narrow {
            Feature::LeftOfRegion32
        } else {
            Feature::LeftOfRegion
        });
        self.refill(&[left]);
        if halves {
            self.refill(&[index]);
        }
    }

    /// A byte near the end of a length that was compared with the end of the region. The length is
    /// cut to 32 bits on its way.
    pub(super) fn last_of_length(&mut self) {
        let (length, end) = self.two_registers();
        let mask = self.choices.pick(&[15, 31, 255]);
        self.emit(and_imm(length, mask));
        let least = self.choices.pick(&[1, 1, 1, 2, 0]);
        self.emit(insn(0x35, length, 0, 2, least));
        self.leave();
        self.emit_all(&[
            load(DOUBLE, 1, CTX, 0),
            load(DOUBLE, end, CTX, 8),
            add(1, length),
            insn(0xbd, 1, end, 2, 0),
        ]);
        self.leave();
        self.emit_all(&[mov_imm(1, 0), mov_imm(end, 3)]);
        let less = self.choices.pick(&[-1, -1, -1, -2, 0]);
        let class = self.choices.pick(&[0x04, 0x07]);
        self.emit(insn(class, length, 0, 0, less));
        if self.choices.chance(80) {
            let back = self.choices.pick(&[0x77, 0x77, 0xc7]);
            let by = self.choices.pick(&[32, 32, 32, 31]);
            self.emit_all(&[insn(0x67, length, 0, 0, 32), insn(back, length, 0, 0, by)]);
        }
        self.emit_all(&[load(DOUBLE, 1, CTX, 0), add(1, length)]);
        self.touch(0);
        self.note(Feature::LastOfLength);
    }

    /// An index below a length, or not quite. The length is what is left of the region behind a
    /// pointer, what was compared with its end, or a number of elements.
    pub(super) fn index_below_length(&mut self) {
        let (index, length) = self.two_registers();
        let kept = self.kept.len();
        self.kept.extend([index, length]);
        let start = self.number_register();
        self.kept.truncate(kept);
        let narrow = self
            .choices
            .pick(&[load(WORD, index, CTX, 24), load(DOUBLE, index, CTX, 16)]);
        self.emit(narrow);
        if self.choices.chance(50) {
            let mask = self.choices.pick(&[3, 7, 31, 0xffff]);
            self.emit(and_imm(index, mask));
        }
        // The pointer that the length is behind.
        let mask = self.choices.pick(&[0, 0, 7, 31]);
        self.emit_all(&[and_imm(start, mask), load(DOUBLE, 1, CTX, 0), add(1, start)]);
        let offset = self.choices.pick(&[0, 0, 0, 4, -2]);
        self.emit(add_imm(1, offset));
        let mut size = 0;
        if self.choices.chance(35) {
            let end = length;
            // The length is `start` again, or some other number; r1 is the end of it.
            let length = self.choices.pick(&[start, 8, 9]);
            if length == index || length == end {
                return;
            }
            self.emit_all(&[
                load(DOUBLE, end, CTX, 8),
                and_imm(length, 63),
                add(1, length),
                insn(0xbd, 1, end, 2, 0),
            ]);
            self.leave();
            self.emit_all(&[mov(end, length), insn(0x1f, 1, length, 0, 0)]);
        } else {
            self.emit_all(&[load(DOUBLE, length, CTX, 8), insn(0x1f, length, 1, 0, 0)]);
            if self.choices.chance(25) {
                self.emit(insn(0xbc, length, length, 0, 0));
            }
            if mask != 0 || offset > 0 || self.choices.chance(10) {
                // It may be negative.
                self.emit(insn(0x75, length, 0, 2, 0));
                self.leave();
            }
            size = self.choices.pick(&[0, 0, 0, 1, 2, 3]);
            let divide = self.choices.pick(&[
                insn(0x77, length, 0, 0, size),
                insn(0x77, length, 0, 0, size),
                insn(0x37, length, 0, 0, 1 << size),
                insn(0x57, length, 0, 0, -8),
                insn(0x97, length, 0, 0, 13),
            ]);
            self.emit(divide);
        }
        match self.choices.below(8) {
            0 => {
                // The rest of the length behind the index.
                self.emit(insn(0x3d, length, index, 2, 0));
                self.leave();
                self.emit(insn(0x1f, length, index, 0, 0));
                let least = self.choices.pick(&[1, 2, 4, 8]);
                self.emit(insn(0x35, length, 0, 2, least));
            }
            1 => {
                let least = self.choices.pick(&[0, 1, 4]);
                self.emit_all(&[mov(index, length), add_imm(index, -least)]);
                self.emit(insn(0x35, length, 0, 2, least));
            }
            _ => {
                // Below, most often; at most, in signed numbers, equal; and in 32 bits.
                let opcode = self
                    .choices
                    .pick(&[0xad, 0xad, 0xad, 0xad, 0xbd, 0xcd, 0xdd, 0x1d, 0xae, 0xce]);
                self.emit(insn(opcode, index, length, 2, 0));
            }
        }
        self.leave();
        if size > 0 {
            let by = self.choices.pick(&[size, size, size, size - 1, size + 1]);
            let scale = self.choices.pick(&[
                insn(0x67, index, 0, 0, by),
                insn(0x27, index, 0, 0, 1 << by),
                insn(0x64, index, 0, 0, by),
            ]);
            self.emit(scale);
        }
        if self.choices.chance(50) && mask == 0 {
            self.emit_all(&[load(DOUBLE, 1, CTX, 0), add_imm(1, offset)]);
        }
        self.emit(add(1, index));
        let at = self.choices.pick(&[0, 0, 0, -1, 1, -4]);
        self.touch(at);
        self.note(Feature::IndexBelowLength);
        self.refill(&[index, length]);
    }

    /// Two comparisons with the end of the region, the first of which decides about an index.
    pub(super) fn compare_with_the_end_again(&mut self) {
        let (index, end) = self.two_registers();
        self.emit_all(&[load(DOUBLE, 1, CTX, 0), load(DOUBLE, end, CTX, 8)]);
        let first = self.choices.pick(&[0, 1, 4, 8]);
        // Too large, unless the first comparison goes on.
        self.emit_all(&[add_imm(1, first), mov_imm(index, 4000)]);
        let opcode = self.choices.pick(&[0x2d, 0x2d, 0x3d, 0x1d, 0x5d, 0x6d]);
        let jump = self.jump(insn(opcode, 1, end, 0, 0));
        let small = self.choices.below(8) as i32;
        self.emit(mov_imm(index, small));
        self.land(jump);
        let further = self.choices.pick(&[0, 0, 0, 1, 4, -1]);
        self.emit(add_imm(1, further));
        let opcode = self.choices.pick(&[0xbd, 0xbd, 0xad, 0xdd, 0x5d]);
        self.emit(insn(opcode, 1, end, 2, 0));
        self.leave();
        self.emit_all(&[mov(1, BASE), add(1, index)]);
        self.touch(0);
        self.note(Feature::ComparedAgain);
        self.refill(&[index, end]);
    }

    /// Two pointers into one object in an order, which bounds the index in one of them.
    pub(super) fn compare_pointers(&mut self) {
        let (index, other) = self.two_registers();
        let mask = self.choices.pick(&[63, 255, 1023]);
        self.emit_all(&[and_imm(index, mask), mov(1, BASE), add(1, index)]);
        self.emit(mov(other, BASE));
        let bound = self.choices.below(40) as i32;
        self.emit(add_imm(other, bound));
        if self.choices.chance(20) {
            let further = self.choices.pick(&super::NUMBERS);
            if further != other && !self.kept.contains(&further) {
                self.emit_all(&[and_imm(further, 7), add(other, further)]);
            }
        }
        let opcode = self
            .choices
            .pick(&[0x2d, 0x3d, 0xad, 0xbd, 0x6d, 0x7d, 0xcd, 0xdd, 0x1d, 0x5d]);
        let swap = self.choices.chance(50);
        let (dst, src) = if swap { (other, 1) } else { (1, other) };
        self.emit(insn(opcode, dst, src, 2, 0));
        self.note(Feature::ComparedPointers);
        self.leave();
        self.refill(&[other]);
        self.touch(0);
    }

    /// Two addresses in the frame in an order, which bounds an index into something else.
    pub(super) fn compare_frames(&mut self) {
        let (index, other) = self.two_registers();
        let mask = self.choices.pick(&[63, 255, 1023]);
        let start = self.choices.pick(&[0, -8, -16, -32, -64, -512, 8]);
        self.emit_all(&[
            and_imm(index, mask),
            mov(1, 10),
            add_imm(1, start),
            add(1, index),
        ]);
        self.emit(mov(other, 10));
        let bound = start + self.choices.below(40) as i32;
        self.emit(add_imm(other, bound));
        let opcode = self
            .choices
            .pick(&[0x2d, 0x3d, 0xad, 0xbd, 0x6d, 0x7d, 0xcd, 0xdd, 0x1d, 0x5d]);
        let swap = self.choices.chance(50);
        let (dst, src) = if swap { (other, 1) } else { (1, other) };
        self.emit(insn(opcode, dst, src, 2, 0));
        self.note(Feature::ComparedFrames);
        self.leave();
        self.refill(&[other]);
        self.emit_all(&[mov(1, BASE), add(1, index)]);
        self.touch(0);
    }

    /// The distance of two pointers as an index.
    pub(super) fn distance(&mut self) {
        let (index, distance) = self.two_registers();
        self.bound(index);
        self.emit_all(&[
            mov(distance, BASE),
            add(distance, index),
            insn(0x1f, distance, BASE, 0, 0),
        ]);
        self.note(Feature::DistanceOfPointers);
        self.emit_all(&[mov(1, BASE), add(1, distance)]);
        self.touch(0);
    }

    /// A pointer that may be null, checked in one place and used in another.
    pub(super) fn null_check(&mut self) {
        let source = self.choices.pick(&[ARRAY, ARRAY, HASH, OUT]);
        self.look_up(source);
        let spilled = self.choices.chance(30);
        let moved = self.choices.chance(25);
        let by = self.choices.pick(&[8, 0, 4]);
        self.emit(mov(8, 0));
        if spilled {
            self.emit(store(DOUBLE, 10, -48, 0));
        }
        if moved {
            self.emit(add_imm(8, by));
        }
        // Chooses the register that is checked.
        let checked = self.choices.pick(&[0, 0, 8]);
        let jump = match self.choices.below(8) {
            // Not at all, or the wrong way round.
            0 => None,
            1 => Some(self.jump(insn(0x55, checked, 0, 0, 0))),
            _ => Some(self.jump(insn(0x15, checked, 0, 0, 0))),
        };
        if spilled && self.choices.chance(50) {
            self.emit(load(DOUBLE, 1, 10, -48));
        } else {
            self.emit(mov(1, 8));
        }
        self.refill(&[0, 2, 3, 4, 5]);
        self.emit(mov_imm(8, 1));
        let offset = self.choices.pick(&[0, 8, 24]);
        self.touch(offset);
        self.note(if moved {
            Feature::NullCheckOfMoved
        } else {
            Feature::NullCheckOfCopy
        });
        if let Some(jump) = jump {
            let over = self.jump(insn(0x05, 0, 0, 0, 0));
            self.land(jump);
            self.emit_all(&[
                mov_imm(0, 0),
                mov_imm(2, 0),
                mov_imm(3, 0),
                mov_imm(4, 0),
                mov_imm(5, 0),
                mov_imm(8, 0),
            ]);
            self.land(over);
        }
        if source == OUT && self.base == Memory::Output && self.choices.chance(50) {
            self.fixed_access();
        }
    }
}
