//! Memory: the objects that BASE points into, accesses of all kinds, and the stack as a place to
//! keep things.

use super::insns::*;
use super::{
    ARRAY, BASE, CTX, DATA, Feature, HASH, Manner, Memory, NUMBERS, OUT, PTA, PTH, RODATA, Writer,
};

impl Writer<'_, '_> {
    /// Points BASE at some memory.
    pub(super) fn point_base(&mut self) {
        let choice = if self.manner == Manner::Frameless {
            self.choices.pick(&[1, 2, 5, 5, 5, 6])
        } else {
            self.choices.below(7)
        };
        match choice {
            0 => {
                self.base = Memory::Stack;
                self.emit_all(&[mov(BASE, 10), add_imm(BASE, -32)]);
            }
            1 => self.point_at_compared_region(),
            2 => self.point_at_measured_region(),
            3 | 4 => self.point_at_value(),
            5 => {
                self.base = Memory::MapValue;
                let offset = self.choices.below(20) as i32;
                self.emit_all(&wide(BASE, 6, DATA, offset));
            }
            _ => {
                self.base = Memory::Rodata;
                let offset = self.choices.below(20) as i32;
                self.emit_all(&wide(BASE, 6, RODATA, offset));
            }
        }
    }

    /// `data`, with a comparison with `data_end`.
    fn point_at_compared_region(&mut self) {
        self.base = Memory::Region;
        let size = self.choices.below(64) as i32;
        self.emit_all(&[
            load(DOUBLE, BASE, CTX, 0),
            load(DOUBLE, 1, CTX, 8),
            mov(2, BASE),
            add_imm(2, size),
        ]);
        let opcode = self.choices.pick(&[0x2d, 0x3d, 0xad, 0xbd, 0x1d, 0x5d]);
        let swap = self.choices.chance(50);
        let (dst, src) = if swap { (1, 2) } else { (2, 1) };
        self.emit(insn(opcode, dst, src, 2, 0));
        self.emit_all(&[mov_imm(2, 3), insn(0x05, 0, 0, 2, 0)]);
        self.leave();
        self.refill(&[2]);
    }

    /// `data`, with the length of the region as a number.
    fn point_at_measured_region(&mut self) {
        self.base = Memory::Region;
        self.emit_all(&[
            load(DOUBLE, BASE, CTX, 0),
            load(DOUBLE, 8, CTX, 8),
            insn(0x1f, 8, BASE, 0, 0),
        ]);
        if self.choices.chance(30) {
            self.emit(insn(0xbc, 8, 8, 0, 0));
        }
        let size = self.choices.below(64) as i32;
        self.emit(insn(0x35, 8, 0, 2, size));
        self.leave();
    }

    /// A value of a map, or an output buffer, that is there.
    fn point_at_value(&mut self) {
        let map = self.choices.pick(&[ARRAY, ARRAY, HASH, OUT, PTA, PTH]);
        self.base = if map == OUT {
            Memory::Output
        } else {
            Memory::MapValue
        };
        self.look_up(map);
        self.emit(mov(BASE, 0));
        self.emit(insn(0x55, BASE, 0, 2, 0));
        self.leave();
        self.refill(&[0, 2, 3, 4, 5]);
    }

    /// Leaves a pointer or null in r0, and nothing in r1 to r5.
    pub(super) fn look_up(&mut self, map_index: i32) {
        if map_index == OUT {
            self.emit_all(&map(1, OUT));
            self.emit(call(17));
            return;
        }
        let helper = self.choices.pick(&[1, 1, 1, 2]);
        match self.choices.below(5) {
            // The key is somewhere else, or another number.
            0 => {
                self.emit_all(&map(1, map_index));
                self.emit_all(&[mov(2, BASE), call(helper)]);
                return;
            }
            1 => {
                let key = self.number_register();
                self.emit(store(DOUBLE, 10, -40, key));
            }
            2 => {
                let key = self.choices.below(6) as i32;
                self.emit(insn(0x7a, 10, 0, -40, key));
            }
            _ => self.emit(insn(0x7a, 10, 0, -40, 1)),
        }
        self.emit_all(&map(1, map_index));
        if self.choices.chance(15) {
            // One of two maps.
            let jump = self.number_jump();
            let other = self.choices.pick(&[ARRAY, HASH, PTA, PTH, DATA]);
            self.emit_all(&map(1, other));
            self.land(jump);
        }
        self.emit_all(&[mov(2, 10), add_imm(2, -40), call(helper)]);
    }

    fn variable_feature(&self) -> Feature {
        match self.base {
            Memory::Stack => Feature::VariableStack,
            Memory::Region => Feature::VariableRegion,
            Memory::MapValue => Feature::VariableMapValue,
            Memory::Output => Feature::VariableOutput,
            Memory::Rodata => Feature::VariableRodata,
        }
    }

    /// A load or store at r1, of any width. Output buffers hold nothing before they are written.
    pub(super) fn touch(&mut self, offset: i16) {
        let other = self.number_register();
        match self.choices.below(5) {
            0 => self.emit(insn(0x7a, 1, 0, offset, 7)),
            1 => {
                let opcode = self.choices.pick(&[0x73, 0x6b, 0x63, 0x7b]);
                self.emit(insn(opcode, 1, other, offset, 0));
            }
            2 if self.choices.chance(40) => {
                let (opcode, imm) = self.atomic_operation();
                self.emit(insn(opcode, 1, other, offset, imm));
            }
            3 => {
                let opcode = self.choices.pick(&[0x81, 0x89, 0x91]);
                self.emit(load(opcode, other, 1, offset));
                self.note(Feature::SignExtendingLoad);
            }
            _ => {
                let opcode = self.choices.pick(&[BYTE, BYTE, WORD, DOUBLE, 0x69]);
                self.emit(load(opcode, other, 1, offset));
            }
        }
    }

    /// An access at a variable offset, bounded in one of several ways, or not quite.
    pub(super) fn access(&mut self) {
        let index = self.number_register();
        self.bound(index);
        if self.choices.chance(30) {
            self.emit(insn(0x67, index, 0, 0, 1));
        }
        self.emit(mov(1, BASE));
        let opcode = self.choices.pick(&[0x0f, 0x0f, 0x0f, 0x1f]);
        self.emit(insn(opcode, 1, index, 0, 0));
        if self.choices.chance(25) {
            self.compare_with_end(index);
        }
        let offset = self.choices.pick(&[0, 0, 1, 4, 8, -1, 24]);
        self.touch(offset);
        self.note(self.variable_feature());
    }

    /// Compares r1 with the end of the region, if r1 points into it.
    fn compare_with_end(&mut self, index: u8) {
        self.kept.push(index);
        let end = self.number_register();
        self.kept.pop();
        self.emit_all(&[
            load(DOUBLE, end, CTX, 8),
            mov(index, 1),
            add_imm(index, 8),
            insn(0xbd, index, end, 2, 0),
        ]);
        self.leave();
        self.emit_all(&[mov_imm(index, 1), mov_imm(end, 1)]);
    }

    pub(super) fn fixed_access(&mut self) {
        let offset = self.choices.below(24) as i16;
        self.emit(mov(1, BASE));
        self.touch(offset);
        self.note(Feature::FixedAccess);
    }

    fn atomic_operation(&mut self) -> (u8, i32) {
        let opcode = self.choices.pick(&[0xdb, 0xc3]);
        let operation = self
            .choices
            .pick(&[0, 1, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1]);
        (opcode, operation)
    }

    /// An atomic operation, aligned or not quite.
    pub(super) fn atomic(&mut self) {
        self.emit(mov(1, BASE));
        if self.choices.chance(50) {
            let index = self.number_register();
            let mask = self.choices.pick(&[1, 3, 7]);
            let shift = self.choices.pick(&[3, 3, 2]);
            self.emit_all(&[
                and_imm(index, mask),
                insn(0x67, index, 0, 0, shift),
                add(1, index),
            ]);
        }
        let (opcode, operation) = self.atomic_operation();
        let other = self.number_register();
        let offset = self.choices.pick(&[0, 0, 8, 4]);
        self.emit(insn(opcode, 1, other, offset, operation));
        self.note(match self.base {
            Memory::Stack => Feature::AtomicOnStack,
            Memory::Region => Feature::AtomicOnRegion,
            Memory::Output => Feature::AtomicOnOutput,
            Memory::MapValue | Memory::Rodata => Feature::AtomicOnMapValue,
        });
    }

    /// Many accesses of all widths around one place, through addresses that may be the same.
    pub(super) fn storm(&mut self) {
        let index = self.number_register();
        let mask = self.choices.pick(&[0, 4, 8, 12, 7]);
        self.emit_all(&[and_imm(index, mask), mov(1, BASE), add(1, index)]);
        if self.choices.chance(25) {
            let jump = self.number_jump();
            self.emit_all(&[mov(1, 10), add_imm(1, -32)]);
            self.land(jump);
        }
        for _ in 0..4 + self.choices.below(9) {
            let base = self.choices.pick(&[BASE, BASE, 1, 1, 10]);
            let start: i16 = if base == 10 { -32 } else { 0 };
            let width = self.choices.below(4) as usize;
            let size = [1_i16, 2, 4, 8][width];
            let place = if self.choices.chance(70) {
                self.choices.below(3) as i16 * 8
                    + if size < 8 && self.choices.chance(40) {
                        size
                    } else {
                        0
                    }
            } else {
                self.choices.below(17) as i16
            };
            let at = start + place.min(24 - size);
            let other = self.number_register();
            if other == index && self.choices.chance(50) {
                continue;
            }
            match self.choices.below(12) {
                0..=3 => self.emit(insn([0x71, 0x69, 0x61, 0x79][width], other, base, at, 0)),
                4 if width < 3 => self.emit(insn([0x91, 0x89, 0x81][width], other, base, at, 0)),
                5 | 6 => {
                    let imm = self.choices.pick(&[0, 1, 5, 5, 5, -1]);
                    self.emit(insn([0x72, 0x6a, 0x62, 0x7a][width], base, 0, at, imm));
                }
                7 if size >= 4 && at % size == 0 => {
                    let operation = self.choices.pick(&[0, 1, 0x41, 0xa1, 0xe1, 0xf1]);
                    self.emit(insn(
                        if size == 4 { 0xc3 } else { 0xdb },
                        base,
                        other,
                        at,
                        operation,
                    ));
                }
                8 => {
                    let jump = self.number_jump();
                    self.emit(insn([0x73, 0x6b, 0x63, 0x7b][width], base, other, at, 0));
                    self.land(jump);
                }
                _ => self.emit(insn([0x73, 0x6b, 0x63, 0x7b][width], base, other, at, 0)),
            }
        }
        self.note(Feature::StormOfAccesses);
    }

    /// A spill and a fill, whole or in part.
    pub(super) fn spill(&mut self, dst: u8, src: u8) {
        let at = self.choices.pick(&[-8, -16, -24]);
        let width = self.choices.pick(&[0x7b, 0x63, 0x6b, 0x73]);
        self.emit(insn(width, 10, src, at, 0));
        if self.choices.chance(50) {
            let fill = match width {
                0x7b => DOUBLE,
                0x63 => WORD,
                0x6b => 0x69,
                _ => BYTE,
            };
            self.emit(load(fill, dst, 10, at));
            self.note(Feature::Spill);
            return;
        }
        let fill = self
            .choices
            .pick(&[WORD, 0x69, BYTE, 0x81, 0x89, 0x91, DOUBLE]);
        let by = if fill == DOUBLE {
            0
        } else {
            self.choices.below(5) as i16
        };
        self.emit(load(fill, dst, 10, at + by));
        self.note(Feature::PartialFill);
    }

    /// Stores that overlap, and a load across them.
    pub(super) fn overlap(&mut self) {
        for _ in 0..2 + self.choices.below(2) {
            let width = self.choices.pick(&[0x7b, 0x63, 0x6b, 0x73]);
            let at = -24 + self.choices.below(10) as i16;
            let src = self.number_register();
            self.emit(insn(width, 10, src, at, 0));
        }
        let at = -24 + self.choices.below(10) as i16;
        let fill = self.choices.pick(&[DOUBLE, WORD, 0x69, 0x81, 0x89]);
        let dst = self.number_register();
        self.emit(load(fill, dst, 10, at));
        self.note(Feature::OverlappingStores);
    }

    /// A pointer kept on the stack over other work, in which a part of it may get lost.
    pub(super) fn spill_pointer(&mut self) {
        let at = self.choices.pick(&[-48, -48, -56, -16]);
        self.emit(store(DOUBLE, 10, at, BASE));
        if self.choices.chance(35) {
            let other = self.number_register();
            let width = self.choices.pick(&[0x73, 0x63, 0x7b, 0x7b]);
            let torn = at + self.choices.pick(&[0, 4]);
            self.emit(insn(width, 10, other, torn, 0));
            // The value that replaced the whole pointer can be read.
            self.emit(load(DOUBLE, other, 10, at));
            self.note(Feature::TornPointer);
            return;
        }
        if self.depth < 3 {
            self.piece();
        }
        self.emit(load(DOUBLE, BASE, 10, at));
        self.note(Feature::SpilledPointer);
    }

    /// An index that read-only data bounds.
    pub(super) fn index_from_table(&mut self) {
        let index = self.number_register();
        let entries = self.choices.pick(&[3, 7, 15, 31, 63]);
        self.emit_all(&wide(1, 6, RODATA, 0));
        self.emit_all(&[
            and_imm(index, entries),
            add(1, index),
            load(BYTE, index, 1, 0),
            mov(1, BASE),
            add(1, index),
        ]);
        self.touch(0);
        self.note(Feature::IndexFromTable);
    }

    /// An access at one of two kinds of memory.
    pub(super) fn either_memory(&mut self) {
        self.emit_all(&[mov(1, 10), add_imm(1, -32)]);
        let jump = self.number_jump();
        self.emit(mov(1, BASE));
        self.land(jump);
        let offset = self.choices.pick(&[0, 4, 8, 24]);
        self.touch(offset);
        self.note(Feature::EitherMemory);
    }

    /// Puts numbers into the registers in which a call leaves nothing.
    pub(super) fn after_call(&mut self) {
        self.refill(&NUMBERS[1..5]);
    }
}
