//! Calls: helpers that read, write and end buffers, and functions.

use super::insns::*;
use super::{
    ARRAY, BASE, CTX, Call, DATA, Feature, HASH, INPUT, Manner, Memory, OUT, RECORD, RING, RODATA,
    Writer,
};

/// Functions that a program may call.
const FUNCTIONS: usize = 3;

impl Writer<'_, '_> {
    pub(super) fn call_helper(&mut self) {
        match self.choices.below(9) {
            0 => self.emit(call(15)),
            1 => {
                let size = self.choices.below(33) as i32;
                self.emit_all(&[mov(1, BASE), mov_imm(2, size), call(10)]);
                self.note(Feature::SizedRead);
            }
            2 => {
                let size = self.number_register();
                let mask = self.choices.pick(&[31, 31, 63]);
                self.emit_all(&[mov(2, size), and_imm(2, mask), mov(1, BASE), call(10)]);
                self.note(Feature::SizedRead);
            }
            3 => {
                let target = self.choices.pick(&[ARRAY, HASH, DATA]);
                self.emit(insn(0x7a, 10, 0, -40, 2));
                self.emit_all(&map(1, target));
                self.emit_all(&[mov(2, 10), add_imm(2, -40), mov_imm(4, 0)]);
                if self.choices.chance(50) {
                    self.emit(mov(3, BASE));
                } else {
                    let offset = self.choices.pick(&[0, 0, 0, 1]);
                    self.emit_all(&wide(3, 6, DATA, offset));
                }
                self.emit(call(3));
                self.note(Feature::Update);
            }
            4 => {
                self.emit(insn(0x7a, 10, 0, -40, 1));
                let target = self.choices.pick(&[ARRAY, HASH]);
                self.emit_all(&map(1, target));
                let helper = self.choices.pick(&[4, 5]);
                self.emit_all(&[mov(2, 10), add_imm(2, -40), call(helper)]);
            }
            5 => {
                self.emit_all(&map(1, OUT));
                self.emit(call(18));
                self.note(Feature::SentBuffer);
            }
            6 | 7 => {
                let on_stack = self.choices.chance(50);
                if on_stack {
                    self.emit_all(&[mov(2, 10), add_imm(2, -32)]);
                } else {
                    self.emit(mov(2, BASE));
                }
                if self.choices.chance(60) {
                    let size = self.choices.pick(&[16, 8, 4, 12, 1, 0, 17, 24]);
                    self.emit(mov_imm(3, size));
                } else {
                    let size = self.number_register();
                    self.emit_all(&[mov(3, size), and_imm(3, 15)]);
                }
                self.emit_all(&map(1, RING));
                self.emit(call(12));
                self.note(Feature::CopiedRecord);
            }
            _ => {
                // A message. Its arguments may be anything when the format uses none.
                let offset = self.choices.pick(&[0, 8]);
                self.emit_all(&wide(1, 6, RODATA, offset));
                self.emit_all(&[mov_imm(2, 4), mov(3, BASE), call(11)]);
                self.note(Feature::Printed);
            }
        }
        self.after_call();
    }

    /// A helper that writes a buffer on the stack. The program has written nothing of that buffer,
    /// or a part.
    pub(super) fn helper_writes(&mut self) {
        let start = self.choices.pick(&[-96, -96, -32, -88, -520]);
        if self.choices.chance(40) {
            let src = self.number_register();
            let width = self.choices.pick(&[0x7b, 0x63, 0x73]);
            self.emit(insn(width, 10, src, start.max(-96) + 4, 0));
        }
        self.emit_all(&[mov(2, 10), add_imm(2, i32::from(start))]);
        if self.choices.chance(30) {
            let index = self.number_register();
            if index != 2 {
                let mask = self.choices.pick(&[7, 8, 15]);
                self.emit_all(&[and_imm(index, mask), add(2, index)]);
            }
        }
        if self.choices.chance(60) {
            let size = self.choices.pick(&[RECORD as i32, 16, 24, 15, 8]);
            self.emit_all(&map(1, INPUT));
            self.emit_all(&[mov_imm(3, size), call(16)]);
            self.note(Feature::HelperWritesStack);
        } else {
            let size = self.choices.pick(&[80, 72, 88, 16]);
            self.emit_all(&map(1, HASH));
            self.emit_all(&[mov_imm(3, size), mov_imm(4, 0), call(6)]);
            self.note(Feature::DumpedMap);
        }
        self.after_call();
        self.emit_all(&[mov(1, 10), add_imm(1, i32::from(start))]);
        let offset = self.choices.pick(&[0, 4, 8, 15, 16, 32]);
        self.touch(offset);
    }

    /// A call of a function with BASE or an address on the stack, and numbers.
    pub(super) fn call_function(&mut self, with_frame: bool) {
        let on_stack = with_frame || self.manner != Manner::Frameless && self.choices.chance(40);
        if on_stack {
            self.emit_all(&[mov(1, 10), add_imm(1, -32)]);
        } else {
            self.emit(mov(1, BASE));
        }
        self.emit(mov(5, CTX));
        let function = match self.aimed {
            Some((function, _)) if with_frame => function,
            _ => self.choices.below(FUNCTIONS as u64) as usize,
        };
        self.call_of(function);
        self.note(if on_stack {
            Feature::FunctionWritesCallersStack
        } else {
            Feature::Function
        });
        if self.choices.chance(15) {
            // It may have answered a pointer.
            self.emit(mov(BASE, 0));
            let number = self.choices.below(9) as i32;
            self.emit(mov_imm(0, number));
        }
        self.after_call();
    }

    /// Writes the called functions, and the functions that they call.
    pub(super) fn functions(&mut self) {
        for function in 0..FUNCTIONS {
            let is_call = |call: &Call| call.function == function;
            if !self.calls.iter().any(is_call) {
                continue;
            }
            let start = self.insns.len();
            let calls: Vec<usize> = self
                .calls
                .iter()
                .filter(|c| is_call(c))
                .map(|c| c.at)
                .collect();
            for at in calls {
                self.insns[at].imm = (start as i64 - at as i64 - 1) as i32;
            }
            self.function(function);
        }
        self.leaves();
    }

    /// A function of an address, numbers and the context, which answers a number, or the address.
    fn function(&mut self, index: usize) {
        self.base = Memory::Stack;
        self.emit_all(&[mov(BASE, 1), mov(0, 2), mov(8, 2), mov(9, 3)]);
        for offset in [8, 16, 24, 32] {
            if self.manner != Manner::Frameless {
                self.emit(insn(0x7b, 10, 2, -offset, 0));
            }
        }
        let aimed = self.aimed.filter(|(function, _)| *function == index);
        if aimed.is_some() || self.choices.chance(75) {
            self.emit_all(&[mov(CTX, 5), mov_imm(5, 3)]);
        } else {
            self.emit(mov_imm(CTX, 0));
        }
        if let Some((_, row)) = aimed {
            self.aim(row);
            if self.choices.chance(70) {
                self.emit(EXIT);
                return;
            }
        }
        // Little, so that programs of several functions are accepted at all.
        let pieces = 1 + self.choices.below(if index == 0 { 4 } else { 2 });
        for _ in 0..pieces {
            if self.manner == Manner::Frameless {
                match self.choices.below(5) {
                    0 => self.arithmetic(),
                    1 => self.branch(),
                    2 => self.access(),
                    3 => self.fixed_access(),
                    _ => self.compare_frames(),
                }
                continue;
            }
            match self.choices.below(20) {
                10 => self.spill_pointer_flat(),
                11 => self.left_of_region(),
                12 => self.compare_pointers(),
                13 => self.null_check(),
                14 => self.call_helper(),
                15 => self.helper_writes(),
                16 => self.either_memory(),
                17 => self.point_base(),
                18 => self.atomic(),
                19 => self.index_from_table(),
                0 => self.arithmetic(),
                1 => self.branch(),
                2 => self.idiom(),
                4 => self.access(),
                5 => self.fixed_access(),
                6 => self.overlap(),
                7 => self.or_as_sum(),
                8 | 9 | 3 if index + 1 < FUNCTIONS => self.call_next(index + 1),
                _ => self.distance(),
            }
        }
        if self.choices.chance(50) {
            self.emit(and_imm(0, 255));
        }
        if self.choices.chance(12) {
            self.emit(mov(0, BASE));
        }
        self.emit(EXIT);
    }

    fn spill_pointer_flat(&mut self) {
        self.depth += 3;
        self.spill_pointer();
        self.depth -= 3;
    }

    fn call_next(&mut self, function: usize) {
        self.emit_all(&[mov(1, BASE), mov(5, CTX)]);
        self.call_of(function);
        self.note(Feature::NestedFunction);
        for register in [2, 3, 4, 5] {
            let from = self.choices.pick(&[0, 8, 9]);
            self.emit(mov(register, from));
        }
    }
}
