//! Code that meets a row of the table, if the verifier lets it.

use super::insns::*;
use super::operands::{SCRATCH, SCRATCH_SIZE};
use super::world::{DATA, RODATA};
use super::{BASE, CTX, Call, Leaf, NUMBERS, Writer};
use crate::row::{Access, Arithmetic, Comparison, Given, Kind, Memory, Place, Row, Shelf};

/// Opcodes by width: 1, 2, 4 and 8 bytes.
const LOADS: [u8; 4] = [0x71, 0x69, 0x61, 0x79];
const SIGNED_LOADS: [u8; 3] = [0x91, 0x89, 0x81];
const STORES: [u8; 4] = [0x73, 0x6b, 0x63, 0x7b];
const NUMBER_STORES: [u8; 4] = [0x72, 0x6a, 0x62, 0x7a];

/// The place in the frame at which aims keep values.
const KEPT: i16 = -48;

impl Row {
    /// Whether it can be met in a function that others call, and nowhere else.
    pub fn needs_function(self) -> bool {
        let caller = |kind| kind == Kind::Caller;
        match self {
            Self::Computed { left, right, .. } | Self::Compared { left, right, .. } => {
                caller(left) || caller(right)
            }
            Self::Accessed { memory, .. } => memory == Memory::Caller,
            Self::Kept { shelf, kind, .. } => shelf == Shelf::Caller || caller(kind),
            Self::FilledPointer { kind } | Self::Passed { kind, .. } => caller(kind),
            Self::CalledInside { .. } => true,
            Self::Given { given, .. } => {
                given == Given::Memory(Memory::Caller) || given == Given::Kind(Kind::Caller)
            }
            _ => false,
        }
    }
}

impl Writer<'_, '_> {
    /// Writes a program that meets a row.
    pub(super) fn program_for(&mut self, row: Row) {
        self.prologue();
        if self.choices.chance(30) {
            self.piece();
        }
        if row.needs_function() || self.choices.chance(20) {
            // The first one, which no other function calls.
            self.aimed = Some((0, row));
            self.call_function(true);
        } else {
            self.aim(row);
        }
        if self.choices.chance(20) {
            self.piece();
        }
        self.emit(EXIT);
        self.functions();
    }

    /// Code that meets a row. r8 and r9 hold other numbers afterwards.
    pub(super) fn aim(&mut self, row: Row) {
        match row {
            Row::Instruction { opcode, variant } => self.aim_at_instruction(opcode, variant),
            Row::Jump { opcode, taken } => self.aim_at_jump(opcode, taken),
            Row::Computed {
                arithmetic,
                wide,
                left,
                right,
            } => self.aim_at_arithmetic(arithmetic, wide, left, right),
            Row::Compared {
                comparison,
                wide,
                left,
                right,
            } => self.aim_at_comparison(comparison, wide, left, right),
            Row::Accessed {
                access,
                size,
                memory,
                place,
            } => self.aim_at_access(access, size, memory, place),
            Row::Kept { shelf, size, kind } => self.aim_at_store(shelf, size, kind),
            Row::Filled {
                stored,
                loaded,
                part,
                signed,
            } => {
                self.emit(insn(0x7a, 10, 0, KEPT, 0));
                let register = self.put(Kind::Number, 8);
                self.emit(insn(STORES[width(stored)], 10, register, KEPT, 0));
                self.load_from_frame(loaded, signed, KEPT + i16::from(part));
            }
            Row::FilledAcross { loaded, signed } => {
                self.emit(insn(0x7a, 10, 0, KEPT, 3));
                let at = self.choices.below(u64::from(loaded)) as i16;
                self.emit(insn(0x72, 10, 0, KEPT + at, 200));
                if loaded == 1 {
                    // A helper wrote it.
                    self.emit_all(&map(1, super::world::INPUT));
                    self.emit_all(&[mov(2, 10), add_imm(2, SCRATCH.into())]);
                    self.emit_all(&[mov_imm(3, 100), call(16)]);
                    self.load_from_frame(1, signed, SCRATCH);
                } else {
                    self.load_from_frame(loaded, signed, KEPT);
                }
            }
            Row::FilledPointer { kind } => {
                let register = self.put(kind, 8);
                self.emit_all(&[store(DOUBLE, 10, KEPT, register), load(DOUBLE, 9, 10, KEPT)]);
            }
            Row::PartOfPointer { loaded } => {
                let kind = self.choices.pick(&[Kind::Own, Kind::Context, Kind::Region]);
                let register = self.put(kind, 8);
                self.emit(store(DOUBLE, 10, KEPT, register));
                let part = self.choices.below(u64::from(8 - loaded) + 1) as i16;
                self.load_from_frame(loaded, false, KEPT + part);
            }
            Row::Passed { register, kind } => {
                let held = self.put(kind, 8);
                if held != register && kind != Kind::Nothing {
                    self.emit(mov(register, held));
                }
                self.call_leaf(Leaf::Body(vec![mov_imm(0, 1), EXIT]));
            }
            Row::Returned { kind } => self.aim_at_answer_of_function(kind),
            Row::Depth { frames } => {
                if frames > 1 {
                    self.call_leaf(Leaf::Chain(frames - 1));
                }
            }
            Row::CalledInside { helper } => self.call_with_usual_arguments(helper),
            Row::Given {
                helper,
                register,
                given,
            } => self.aim_at_argument(helper, register, given),
            Row::Answered {
                helper,
                map,
                answer,
            } => self.aim_at_answer(helper, map, answer),
            Row::KeySize { map, .. } | Row::ValueSize { map, .. } => self.use_map(map),
        }
        self.restore();
    }

    /// Numbers in all registers that hold numbers.
    fn restore(&mut self) {
        self.emit_all(&[mov_imm(8, 5), load(WORD, 9, CTX, 24)]);
        let registers: Vec<u8> = NUMBERS
            .into_iter()
            .filter(|register| *register < 6)
            .collect();
        self.refill(&registers);
    }

    fn load_from_frame(&mut self, size: u8, signed: bool, at: i16) {
        let opcode = if signed {
            SIGNED_LOADS[width(size)]
        } else {
            LOADS[width(size)]
        };
        self.emit(load(opcode, 9, 10, at));
    }

    /// A call of a small function of its own.
    pub(super) fn call_leaf(&mut self, leaf: Leaf) {
        let at = self.jump(insn(0x85, 0, 1, 0, 0));
        self.leaves.push((at, leaf));
    }

    fn aim_at_instruction(&mut self, opcode: u8, variant: u8) {
        let class = opcode & 7;
        match (class, opcode) {
            (4 | 7, _) => {
                let (dst, src) = (self.put(Kind::Number, 8), self.put(Kind::Number, 9));
                let unary = matches!(opcode >> 4, 0x8 | 0xd);
                let imm = match opcode >> 4 {
                    0xd => variant.into(),
                    0x8 => 0,
                    _ if opcode & 8 == 8 => 0,
                    _ => self.immediate(),
                };
                let off = if opcode >> 4 == 0xd {
                    0
                } else {
                    variant.into()
                };
                let src = if opcode & 8 == 8 && !unary { src } else { 0 };
                self.emit(insn(opcode, dst, src, off, imm));
            }
            (1, _) => {
                self.emit(insn(0x7a, 10, 0, KEPT, -2));
                self.emit(load(opcode, 9, 10, KEPT));
            }
            (2, _) => self.emit(insn(opcode, 10, 0, KEPT, -2)),
            (3, 0xc3 | 0xdb) => {
                let register = self.put(Kind::Number, 8);
                self.emit(insn(0x7a, 10, 0, KEPT, 3));
                let expected = self.choices.pick(&[3, 4]);
                self.emit(mov_imm(0, expected));
                self.emit(insn(opcode, 10, register, KEPT, variant.into()));
                self.emit(load(DOUBLE, 9, 10, KEPT));
            }
            (3, _) => {
                let register = self.put(Kind::Number, 8);
                self.emit(insn(opcode, 10, register, KEPT, 0));
            }
            (_, 0x18) => {
                let map_index = if variant == 6 { DATA } else { 0 };
                let high = if variant == 0 { -5 } else { 0 };
                self.emit_all(&wide(8, variant, map_index, high));
            }
            (_, 0x05) => self.emit(insn(0x05, 0, 0, 0, 0)),
            (_, 0x06) => self.emit(insn(0x06, 0, 0, 0, 0)),
            (_, 0x85) if variant == 1 => self.call_leaf(Leaf::Chain(1)),
            (_, 0x85) => self.emit(call(13)),
            // The end of the program.
            _ => {}
        }
    }

    fn aim_at_jump(&mut self, opcode: u8, taken: bool) {
        let mut pair = (1, 1);
        for left in [1, 2, -1] {
            for right in [1, 2, -1] {
                if holds(opcode, left, right) == taken {
                    pair = (left, right);
                }
            }
        }
        let (left, right) = pair;
        if self.choices.chance(50) {
            self.emit(mov_imm(8, left));
        } else {
            // Nothing is known of it.
            self.emit_all(&[
                insn(0x7a, 10, 0, KEPT, left),
                mov(1, 10),
                add_imm(1, KEPT.into()),
            ]);
            self.emit_all(&[
                mov_imm(2, 0),
                insn(0xdb, 1, 2, 0, 0),
                load(DOUBLE, 8, 10, KEPT),
            ]);
        }
        let jump = if opcode & 8 == 8 {
            self.emit(mov_imm(9, right));
            self.jump(insn(opcode, 8, 9, 0, 0))
        } else {
            self.jump(insn(opcode, 8, 0, 0, right))
        };
        self.emit(mov_imm(9, 1));
        self.land(jump);
    }

    fn aim_at_arithmetic(&mut self, arithmetic: Arithmetic, wide: bool, left: Kind, right: Kind) {
        let class = if wide { 7 } else { 4 };
        let (dst, src) = self.put_both(left, right);
        if right == Kind::Number && left.is_pointer() || left == Kind::Number && right.is_pointer()
        {
            // A little number, so that bits and constants will do.
            let number = self.choices.pick(&[1, 2, 4, 4, 8]);
            self.emit(mov_imm(
                if left == Kind::Number { dst } else { src },
                number,
            ));
        }
        let (operation, off) = match arithmetic {
            Arithmetic::Add => (0x00, 0),
            Arithmetic::Subtract => (0x10, 0),
            Arithmetic::Or => (0x40, 0),
            Arithmetic::Bits => (self.choices.pick(&[0x50, 0xa0]), 0),
            Arithmetic::Multiply => (0x20, 0),
            Arithmetic::Divide => (self.choices.pick(&[0x30, 0x90]), self.choices.pick(&[0, 1])),
            Arithmetic::Shift => (self.choices.pick(&[0x60, 0x70, 0xc0]), 0),
            Arithmetic::Move => (0xb0, 0),
            Arithmetic::Extend => (0xb0, self.choices.pick(&[8, 16])),
        };
        self.emit(insn(class | 0x08 | operation, dst, src, off, 0));
    }

    fn aim_at_comparison(&mut self, comparison: Comparison, wide: bool, left: Kind, right: Kind) {
        let class = if wide { 5 } else { 6 };
        let (dst, src) = self.put_both(left, right);
        // A number beside an address becomes null. Beside a value of a map it stays in half of the
        // cases: it may be made from the null of a lookup.
        let number_beside = |number, pointer: Kind| number == Kind::Number && pointer.is_pointer();
        if number_beside(right, left) && (left != Kind::Value || self.choices.chance(50)) {
            self.emit(mov_imm(src, 0));
        }
        if number_beside(left, right) && (right != Kind::Value || self.choices.chance(50)) {
            self.emit(mov_imm(dst, 0));
        }
        let test = match comparison {
            Comparison::Equality => self.choices.pick(&[0x10, 0x50]),
            Comparison::Unsigned => self.choices.pick(&[0x20, 0x30, 0xa0, 0xb0]),
            Comparison::Signed => self.choices.pick(&[0x60, 0x70, 0xc0, 0xd0]),
            Comparison::AnyBit => 0x40,
        };
        let jump = self.jump(insn(class | 0x08 | test, dst, src, 0, 0));
        self.emit(mov_imm(0, 1));
        self.land(jump);
    }

    fn aim_at_access(&mut self, access: Access, size: u8, memory: Memory, place: Place) {
        let len = self.point(memory, 8);
        let bytes = i64::from(size);
        let middle = (len / 2 - bytes / 2) / bytes * bytes;
        let at = match place {
            Place::First => 0,
            Place::Last => len - bytes,
            Place::Aligned if memory == Memory::Context => 16,
            Place::Aligned if middle == 0 => bytes,
            Place::Aligned => middle,
            // This offset is also behind the end of the context's pointers.
            Place::Odd if memory == Memory::Context => 17,
            Place::Odd => middle + 1,
            Place::Before => -1,
            Place::Beyond => len - bytes + 1,
        } as i16;
        let in_frame = matches!(memory, Memory::Own | Memory::Caller);
        let index = width(size);
        let outside = matches!(place, Place::Before | Place::Beyond);
        let reads = !matches!(access, Access::Store | Access::StoreNumber);
        if in_frame && reads && !outside {
            self.emit(insn(NUMBER_STORES[index], 8, 0, at, 7));
        }
        match access {
            Access::Load => self.emit(load(LOADS[index], 9, 8, at)),
            Access::LoadSigned => self.emit(load(SIGNED_LOADS[index], 9, 8, at)),
            Access::StoreNumber => self.emit(insn(NUMBER_STORES[index], 8, 0, at, -3)),
            Access::Store => {
                let register = self.put(Kind::Number, 9);
                self.emit(insn(STORES[index], 8, register, at, 0));
            }
            Access::Atomic => {
                let register = self.put(Kind::Number, 9);
                self.emit(mov_imm(0, 7));
                let operation = self.choices.pick(&[0, 1, 0x40, 0x51, 0xa1, 0xe1, 0xf1]);
                let opcode = if size == 4 { 0xc3 } else { 0xdb };
                self.emit(insn(opcode, 8, register, at, operation));
            }
        }
    }

    fn aim_at_store(&mut self, shelf: Shelf, size: u8, kind: Kind) {
        let elsewhere = |writer: &mut Self| {
            let memory = writer
                .choices
                .pick(&[Memory::Array, Memory::Data, Memory::Hash]);
            writer.point(memory, 9);
        };
        // A register that a call leaves empty is made last.
        let register = if kind == Kind::Nothing && shelf == Shelf::Elsewhere {
            elsewhere(self);
            self.put(kind, 8)
        } else {
            let register = self.put(kind, 8);
            if shelf == Shelf::Elsewhere {
                elsewhere(self);
            }
            register
        };
        let opcode = STORES[width(size)];
        self.emit(match shelf {
            Shelf::Own => insn(opcode, 10, register, KEPT, 0),
            Shelf::Caller => insn(opcode, BASE, register, 0, 0),
            Shelf::Elsewhere => insn(opcode, 9, register, 0, 0),
        });
    }

    fn aim_at_answer_of_function(&mut self, kind: Kind) {
        let body = match kind {
            Kind::Nothing => vec![EXIT],
            Kind::Own => vec![mov(0, 10), EXIT],
            _ => vec![mov(0, 1), EXIT],
        };
        // The callee's caller is this function.
        let kind = if kind == Kind::Caller {
            Kind::Own
        } else {
            kind
        };
        let register = self.put(kind, 8);
        if kind != Kind::Nothing {
            self.emit(mov(1, register));
        }
        self.call_leaf(Leaf::Body(body));
    }

    /// Writes the small functions that are called.
    pub(super) fn leaves(&mut self) {
        for (at, leaf) in std::mem::take(&mut self.leaves) {
            let start = self.insns.len();
            self.insns[at].imm = (start as i64 - at as i64 - 1) as i32;
            match leaf {
                Leaf::Body(body) => self.emit_all(&body),
                Leaf::Chain(frames) => {
                    for _ in 1..frames {
                        self.emit_all(&[insn(0x85, 0, 1, 0, 1), EXIT]);
                    }
                    self.emit_all(&[mov_imm(0, 2), EXIT]);
                }
            }
        }
    }

    /// A call that is written later, of a function that a row is met in, perhaps.
    pub(super) fn call_of(&mut self, function: usize) {
        let at = self.jump(insn(0x85, 0, 1, 0, 0));
        self.calls.push(Call { at, function });
    }

    /// Puts into r8 memory for a helper, of at least so many bytes, at its start or its end.
    /// Memory in frames is written first.
    pub(super) fn point_for_helper(&mut self, memory: Memory, bytes: i64) {
        let len = self.point(memory, 8);
        let start = match memory {
            // The fields, not the pointers.
            Memory::Context => 16,
            _ => 0,
        };
        let last = len - bytes;
        let at = if last > start && self.choices.chance(50) {
            last
        } else {
            start
        };
        if matches!(memory, Memory::Own | Memory::Caller) {
            for byte in 0..(bytes + 7) / 8 {
                self.emit(insn(0x7a, 8, 0, (at / 8 * 8 + 8 * byte) as i16, 1));
            }
            self.emit(add_imm(8, (at / 8 * 8) as i32));
        } else {
            self.emit(add_imm(8, at as i32));
        }
    }

    /// Memory for a helper that asks for nothing special, in a register.
    pub(super) fn usual_memory(&mut self, helper: u32, register: u8) {
        if helper == 11 {
            // A format without conversions.
            self.emit_all(&wide(register, 6, RODATA, 0));
        } else {
            self.emit_all(&[mov(register, 10), add_imm(register, SCRATCH.into())]);
        }
    }

    pub(super) fn write_usual_memory(&mut self) {
        self.fill_frame(SCRATCH, SCRATCH_SIZE);
    }
}

/// The index of a width in the tables of opcodes.
fn width(size: u8) -> usize {
    size.trailing_zeros() as usize
}

/// Whether a jump is taken on two numbers.
fn holds(opcode: u8, left: i32, right: i32) -> bool {
    let unsigned = (i64::from(left) as u64, i64::from(right) as u64);
    match opcode >> 4 {
        0x1 => left == right,
        0x2 => unsigned.0 > unsigned.1,
        0x3 => unsigned.0 >= unsigned.1,
        0x4 => left & right != 0,
        0x5 => left != right,
        0x6 => left > right,
        0x7 => left >= right,
        0xa => unsigned.0 < unsigned.1,
        0xb => unsigned.0 <= unsigned.1,
        0xc => left < right,
        _ => left <= right,
    }
}
