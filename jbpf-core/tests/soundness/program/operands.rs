//! Values of each kind, on demand.

use super::insns::*;
use super::world::{ARRAY, DATA, HASH, LAST, OUT, PTA, PTH, RODATA};
use super::{BASE, CTX, Writer};
use crate::row::{Kind, Memory};

/// Offsets in the frame of the keys and values that helpers get, far from the values that programs
/// keep.
pub const KEY: i16 = -176;
pub const SCRATCH: i16 = -304;
/// Bytes there.
pub const SCRATCH_SIZE: i64 = 128;

impl Writer<'_, '_> {
    fn key_size(&self, map: i32) -> i64 {
        self.maps[map as usize].key_size.into()
    }

    pub(super) fn value_size(&self, map: i32) -> i64 {
        self.maps[map as usize].value_size.into()
    }

    /// Writes numbers to so many bytes of the frame, and some more.
    pub(super) fn fill_frame(&mut self, start: i16, len: i64) {
        for at in 0..(len + 7) / 8 {
            let number = self.choices.below(3) as i32;
            self.emit(insn(0x7a, 10, 0, start + 8 * at as i16, number));
        }
    }

    /// Writes a key for a map, and points r2 at it.
    pub(super) fn key(&mut self, map: i32, key: i32) {
        for at in 1..(self.key_size(map) + 7) / 8 {
            self.emit(insn(0x7a, 10, 0, KEY + 8 * at as i16, 0));
        }
        self.emit(insn(0x7a, 10, 0, KEY, key));
        self.emit_all(&[mov(2, 10), add_imm(2, KEY.into())]);
    }

    /// Writes a value for a key. r0 to r5 are gone.
    pub(super) fn update(&mut self, map_index: i32, key: i32) {
        let size = self.value_size(map_index);
        self.fill_frame(SCRATCH, size);
        self.key(map_index, key);
        self.emit_all(&map(1, map_index));
        self.emit_all(&[
            mov(3, 10),
            add_imm(3, SCRATCH.into()),
            mov_imm(4, 0),
            call(3),
        ]);
    }

    /// Puts the value of a key, or null, into r0. The key is added first to maps that may lack it.
    pub(super) fn look_up_present(&mut self, map_index: i32, helper: i32) {
        if matches!(map_index, HASH | PTH | LAST) {
            self.update(map_index, 1);
        }
        self.key(
            map_index,
            if matches!(map_index, RODATA | DATA) {
                0
            } else {
                1
            },
        );
        self.emit_all(&map(1, map_index));
        self.emit(call(helper));
    }

    /// Null, in r0.
    pub(super) fn look_up_missing(&mut self, map_index: i32, helper: i32) {
        self.key(map_index, 99);
        self.emit_all(&map(1, map_index));
        self.emit(call(helper));
    }

    /// Leaves the program if a register is null.
    fn leave_if_null(&mut self, register: u8) {
        self.emit(insn(0x55, register, 0, 2, 0));
        self.leave();
    }

    /// A value of a map.
    fn value_into(&mut self, map_index: i32, register: u8) {
        self.look_up_present(map_index, 1);
        self.emit(mov(register, 0));
        self.leave_if_null(register);
    }

    fn buffer_into(&mut self, register: u8) {
        self.emit_all(&map(1, OUT));
        self.emit_all(&[call(17), mov(register, 0)]);
        self.leave_if_null(register);
    }

    /// Puts a value of a kind into a register; the register that has it: of nothing, it is
    /// another.
    pub(super) fn put(&mut self, kind: Kind, register: u8) -> u8 {
        match kind {
            Kind::Number => match self.choices.below(4) {
                0 => self.emit(load(WORD, register, CTX, 24)),
                1 => self.emit(load(DOUBLE, register, CTX, 16)),
                _ => {
                    let number = self.choices.pick(&[1, 2, 4, 8, 3, 0, -1]);
                    self.emit(mov_imm(register, number));
                }
            },
            Kind::Null => {
                let map_index = self.choices.pick(&[ARRAY, HASH, PTA, PTH, LAST]);
                let helper = self.choices.pick(&[1, 1, 2]);
                self.look_up_missing(map_index, helper);
                self.emit(mov(register, 0));
                if self.choices.chance(70) {
                    self.emit(insn(0x15, register, 0, 2, 0));
                    self.leave();
                }
            }
            Kind::Own => {
                let offset = self.choices.pick(&[-8, -16, -64, -512, 0]);
                self.emit_all(&[mov(register, 10), add_imm(register, offset)]);
            }
            Kind::Caller => self.emit(mov(register, BASE)),
            Kind::Context => self.emit(mov(register, CTX)),
            Kind::Region => self.emit(load(DOUBLE, register, CTX, 0)),
            Kind::End => self.emit(load(DOUBLE, register, CTX, 8)),
            Kind::Value => match self.choices.below(3) {
                0 => {
                    let section = self.choices.pick(&[DATA, RODATA]);
                    self.emit_all(&wide(register, 6, section, 8));
                }
                _ => {
                    let map_index = self.choices.pick(&[ARRAY, HASH, PTA, PTH, LAST]);
                    if self.choices.chance(25) {
                        // It may be null, for all that is known.
                        self.look_up_present(map_index, 1);
                        self.emit(mov(register, 0));
                    } else {
                        self.value_into(map_index, register);
                    }
                }
            },
            Kind::Buffer => self.buffer_into(register),
            Kind::Sent => {
                self.buffer_into(register);
                self.emit_all(&map(1, OUT));
                self.emit(call(18));
            }
            Kind::Map => {
                let map_index = self.choices.below(self.maps.len() as u64) as i32;
                self.emit_all(&map(register, map_index));
            }
            Kind::Nothing => {
                // Calls leave nothing in it.
                self.emit(call(13));
                return 2;
            }
        }
        register
    }

    /// Two values of these kinds, in two registers; now and then both point into one object.
    pub(super) fn put_both(&mut self, left: Kind, right: Kind) -> (u8, u8) {
        if left == right && left.is_pointer() && self.choices.chance(70) {
            let register = self.put(left, 8);
            self.emit(mov(9, register));
            if !matches!(left, Kind::Map | Kind::Sent) {
                let by = self.choices.pick(&[0, 8, 16, 1]);
                self.emit(add_imm(9, by));
            }
            return (8, 9);
        }
        // An operand that a call empties is made last, and an operand that is sent is made first.
        if left == Kind::Nothing || right == Kind::Sent {
            let right = self.put(right, 9);
            return (self.put(left, 8), right);
        }
        if left.is_number() && right == Kind::Value && self.choices.chance(50) {
            self.put_absent_and_present(left, 8, 9);
            return (8, 9);
        }
        if left == Kind::Value && right.is_number() && self.choices.chance(50) {
            self.put_absent_and_present(right, 9, 8);
            return (8, 9);
        }
        let left = self.put(left, 8);
        (left, self.put(right, 9))
    }

    /// Puts the null of a missing key, or a number made of it, beside the value of another key of
    /// the map.
    fn put_absent_and_present(&mut self, absent: Kind, first: u8, second: u8) {
        let map_index = self.choices.pick(&[ARRAY, HASH, PTA, PTH]);
        self.look_up_missing(map_index, 1);
        self.emit(mov(first, 0));
        if absent == Kind::Number {
            self.emit(add_imm(first, 4));
        }
        self.value_into(map_index, second);
    }

    /// Puts the start of some memory into a register; how many bytes are there.
    pub(super) fn point(&mut self, memory: Memory, register: u8) -> i64 {
        match memory {
            Memory::Own => {
                self.emit_all(&[mov(register, 10), add_imm(register, -512)]);
                512
            }
            Memory::Caller => {
                self.emit_all(&[mov(register, BASE), add_imm(register, -480)]);
                512
            }
            Memory::Context => {
                self.emit(mov(register, CTX));
                28
            }
            Memory::Region | Memory::Fixed => self.point_at_region(register),
            Memory::Data | Memory::Rodata => {
                let section = if memory == Memory::Data { DATA } else { RODATA };
                self.emit_all(&wide(register, 6, section, 0));
                self.value_size(section)
            }
            Memory::Buffer => {
                self.buffer_into(register);
                self.value_size(OUT)
            }
            _ => {
                let map_index = match memory {
                    Memory::Array => ARRAY,
                    Memory::Hash => HASH,
                    Memory::PerThreadArray => PTA,
                    Memory::PerThreadHash => PTH,
                    _ => LAST,
                };
                self.value_into(map_index, register);
                self.value_size(map_index)
            }
        }
    }

    fn point_at_region(&mut self, register: u8) -> i64 {
        self.emit(load(DOUBLE, register, CTX, 0));
        let region = self.context.region;
        if !region.sized_by_end {
            return region.known_size as i64;
        }
        let size = self.choices.pick(&[16, 24, 40, 64]);
        self.emit_all(&[
            load(DOUBLE, 1, CTX, 8),
            mov(2, register),
            add_imm(2, size),
            insn(0xbd, 2, 1, 2, 0),
        ]);
        self.leave();
        size.into()
    }
}
