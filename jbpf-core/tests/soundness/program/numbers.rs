//! Numbers: arithmetic, sequences that compilers write for one operation, and branches.

use super::insns::*;
use super::{CTX, Feature, Manner, Writer};

impl Writer<'_, '_> {
    pub(super) fn arithmetic(&mut self) {
        let dst = self.number_register();
        let class = self.choices.pick(&[0x04, 0x07]);
        let operation = self.choices.pick(&[
            0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x90, 0xa0, 0xb0, 0xc0, 0xb0, 0xb0,
            0x00, 0x10,
        ]);
        let signed = matches!(operation, 0x30 | 0x90) && self.choices.chance(40);
        let off = i16::from(signed);
        if self.choices.chance(45) {
            let src = self.number_register();
            self.emit(insn(class | 0x08 | operation, dst, src, off, 0));
        } else {
            let imm = self.immediate();
            self.emit(insn(class | operation, dst, 0, off, imm));
        }
        self.note(if class == 0x04 {
            Feature::Arithmetic32
        } else {
            Feature::Arithmetic64
        });
    }

    /// One number made of another so that both are known to be related.
    pub(super) fn related(&mut self) {
        let (dst, src) = (self.number_register(), self.number_register());
        let small = self
            .choices
            .pick(&[0, 1, 2, 4, 8, 16, 32, 64, -1, -2, -8, 7, 15, 31, 63, 255]);
        match self.choices.below(12) {
            0 | 1 => self.emit(mov(dst, src)),
            2 | 3 => self.emit(insn(0xbc, dst, src, 0, 0)),
            4 => self.emit(insn(0xbf, dst, src, 32, 0)),
            5 => {
                let class = self.choices.pick(&[4, 7]);
                self.emit(insn(class, dst, 0, 0, small));
            }
            6 => {
                let class = self.choices.pick(&[0x14, 0x17]);
                self.emit(insn(class, dst, 0, 0, small));
            }
            7 => {
                let class = self.choices.pick(&[0x44, 0x47]);
                self.emit(insn(class, dst, 0, 0, small));
            }
            8 => {
                let class = self.choices.pick(&[0x54, 0x57]);
                self.emit(insn(class, dst, 0, 0, small));
            }
            9 => {
                let class = self.choices.pick(&[0x64, 0x67, 0x74, 0x77, 0xc4, 0xc7]);
                let by = self.choices.pick(&[32, 32, 1, 2, 31, 16]);
                let by = if class & 7 == 4 { by % 32 } else { by };
                self.emit(insn(class, dst, 0, 0, by));
            }
            10 => {
                let offset = self.choices.pick(&[16, 20, 24]);
                let width = if offset == 16 {
                    self.choices.pick(&[DOUBLE, WORD])
                } else {
                    WORD
                };
                self.emit(load(width, dst, CTX, offset));
            }
            _ => {
                let class = self.choices.pick(&[0x1c, 0x1f, 0x0c, 0x0f]);
                self.emit(insn(class, dst, src, 0, 0));
            }
        }
        self.note(Feature::RelatedNumbers);
    }

    pub(super) fn idiom(&mut self) {
        let (dst, src) = (self.number_register(), self.number_register());
        let ways = if self.manner == Manner::Frameless {
            6
        } else {
            7
        };
        match self.choices.below(ways) {
            0 => {
                self.emit(mov(dst, src));
                self.emit(insn(0x67, dst, 0, 0, 32));
                let back = self.choices.pick(&[0x77, 0xc7]);
                self.emit(insn(back, dst, 0, 0, 32));
                self.note(Feature::ShiftPair);
            }
            1 => {
                let by = self.choices.below(20) as i32 + 1;
                let times = if self.choices.chance(50) { by } else { -by };
                let classes = match self.choices.below(3) {
                    0 => [4; 4],
                    1 => [7; 4],
                    _ => [(); 4].map(|()| self.choices.pick(&[0x04, 0x07])),
                };
                self.emit(insn(classes[0] | 0xb8, dst, src, 0, 0));
                self.emit(insn(classes[1] | 0x30, dst, 0, 0, by));
                self.emit(insn(classes[2] | 0x20, dst, 0, 0, times));
                let operation = if times > 0 { 0x18 } else { 0x08 };
                self.emit(insn(classes[3] | operation, src, dst, 0, 0));
                self.note(Feature::RestOfDivision);
            }
            2 => {
                let (class, bits) = self
                    .choices
                    .pick(&[(7, 8), (7, 16), (7, 32), (4, 8), (4, 16)]);
                self.emit(insn(class | 0xb8, dst, src, bits, 0));
                self.note(Feature::SignExtendingMove);
            }
            3 => {
                let bits = self.choices.pick(&[16, 32, 64]);
                let opcode = self.choices.pick(&[0xd4, 0xdc, 0xd7]);
                self.emit(insn(opcode, dst, 0, 0, bits));
                self.note(Feature::SwappedBytes);
            }
            4 => {
                let class = self.choices.pick(&[0x84, 0x87]);
                self.emit(insn(class, dst, 0, 0, 0));
            }
            5 => {
                let (low, high) = (self.immediate(), self.immediate());
                self.emit_all(&wide(dst, 0, low, high));
                let at = self.insns.len() - 2;
                self.uses.push(super::Use {
                    feature: Feature::WideConstant,
                    insn: at,
                });
            }
            _ => self.spill(dst, src),
        }
    }

    pub(super) fn condition(&mut self) -> u8 {
        self.choices.pick(&[
            0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0,
        ])
    }

    /// Writes a jump on numbers with an offset that is not known yet; returns its place.
    pub(super) fn number_jump(&mut self) -> usize {
        let lhs = self.number_register();
        let class = self.choices.pick(&[0x05, 0x06]);
        let condition = self.condition();
        let jump = if self.manner == Manner::Numbers && self.choices.chance(60) {
            let imm = self.choices.pick(&[
                0, 1, 7, 8, 15, 16, 31, 32, 55, 56, 60, 63, 64, -1, 2, 4, 100,
            ]);
            self.jump(insn(class | condition, lhs, 0, 0, imm))
        } else if self.choices.chance(35) {
            let rhs = self.number_register();
            self.jump(insn(class | 0x08 | condition, lhs, rhs, 0, 0))
        } else {
            let imm = self.immediate();
            self.jump(insn(class | condition, lhs, 0, 0, imm))
        };
        self.note(if class == 0x06 {
            Feature::Branch32
        } else {
            Feature::Branch64
        });
        jump
    }

    /// A jump over a few instructions, or out.
    pub(super) fn branch(&mut self) {
        let jump = self.number_jump();
        if self.choices.chance(50) {
            self.leave();
        } else {
            for _ in 0..1 + self.choices.below(3) {
                self.arithmetic();
            }
        }
        self.land(jump);
    }

    /// Bounds a number in one of several ways, or not quite.
    pub(super) fn bound(&mut self, index: u8) {
        match self.choices.below(6) {
            0 | 1 => {
                let mask = self.choices.pick(&[3, 7, 15, 31, 63, 56]);
                let class = self.choices.pick(&[0x54, 0x57]);
                self.emit(insn(class, index, 0, 0, mask));
            }
            2 => {
                let bound = 1 + self.choices.below(66) as i32;
                self.emit(insn(0x97, index, 0, 0, bound));
            }
            3 => {
                let bound = self.choices.below(66) as i32;
                let opcode = self.choices.pick(&[0xb5, 0xa5, 0xb6, 0xd5, 0xd6]);
                self.emit(insn(opcode, index, 0, 2, bound));
                self.leave();
            }
            4 => {
                let shift = self.choices.pick(&[26, 27, 28, 58, 59, 61]);
                let class = self.choices.pick(&[0x74, 0x77]);
                self.emit(insn(class, index, 0, 0, shift));
            }
            _ => {}
        }
    }

    /// A range check by one comparison of a sum that wraps, or does not quite.
    pub(super) fn range_by_sum(&mut self) {
        let (index, sum) = self.two_registers();
        let width = self.choices.pick(&[BYTE, 0x69, 0x69, WORD]);
        self.emit_all(&[load(width, index, CTX, 24), mov(sum, index)]);
        let least = self.choices.pick(&[0, 1, 3, 8, -2]);
        let class = self.choices.pick(&[0x04, 0x04, 0x07]);
        self.emit(insn(class, sum, 0, 0, -least));
        let mask = self.choices.pick(&[0, 0xff, 0xffff]);
        if mask != 0 {
            let class = self.choices.pick(&[0x54, 0x57]);
            self.emit(insn(class, sum, 0, 0, mask));
        }
        let bound = self.choices.pick(&[3, 7, 8, 15]);
        let opcode = self.choices.pick(&[0xb5, 0xb6, 0xa5]);
        self.emit(insn(opcode, sum, 0, 2, bound));
        self.leave();
        self.emit_all(&[mov(1, super::BASE), add(1, index)]);
        let offset = self.choices.pick(&[-least, -least, -least - 1, 0]);
        self.touch(offset as i16);
        self.note(Feature::RangeBySum);
    }
}
