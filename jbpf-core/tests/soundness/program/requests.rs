//! Calls of helpers that meet a row of arguments or of answers.

use super::Writer;
use super::insns::*;
use super::operands::SCRATCH;
use super::world::{ARRAY, DATA, HASH, INPUT, LAST, OUT, PTH, RING, RODATA, map_of};
use crate::row::{Answer, Argument, Given, HELPERS, Kind, Memory, arguments_of};

impl Writer<'_, '_> {
    pub(super) fn call_with_usual_arguments(&mut self, helper: u32) {
        self.call_or_not(helper, |writer| writer.request(helper, None, None));
    }

    /// A call, if a condition holds: some helper never returns.
    fn call_or_not(&mut self, helper: u32, request: impl FnOnce(&mut Self)) {
        let jump = (helper == 31).then(|| {
            let number = self.choices.below(2) as i32;
            self.emit(mov_imm(1, number));
            self.jump(insn(0x15, 1, 0, 0, 1))
        });
        request(self);
        self.emit(call(helper as i32));
        if let Some(jump) = jump {
            self.land(jump);
        }
    }

    pub(super) fn aim_at_argument(&mut self, helper: u32, register: u8, given: Given) {
        self.call_or_not(helper, |writer| {
            writer.request(helper, Some((register, given)), None);
        });
    }

    /// Fills the argument registers of a helper, one of them with something special.
    fn request(&mut self, helper: u32, special: Option<(u8, Given)>, map_index: Option<i32>) {
        let arguments = arguments_of(helper);
        let narrow = matches!(
            special,
            Some((_, Given::Memory(Memory::Context | Memory::Application)))
        );
        let map_index = match (special, map_index) {
            (_, Some(map_index)) => map_index,
            (Some((1, Given::Map(kind))), _) => map_of(kind),
            (Some((1, Given::Data)), _) => DATA,
            (Some((1, Given::Rodata)), _) => RODATA,
            _ => self.usual_map(arguments, narrow),
        };
        let size = match special {
            Some((_, Given::Zero)) => 0,
            // No byte may be touched there.
            Some((_, Given::Kind(Kind::End))) => 0,
            _ if narrow => 8,
            _ if helper == 11 => 4,
            _ => self.choices.pick(&[8, 16, 4, 1, 12]),
        };
        // Values that need calls are made first.
        self.write_usual_memory();
        let mut held = None;
        if let Some((register, given)) = special {
            let argument = arguments[usize::from(register) - 1];
            held = match given {
                Given::Kind(kind) => Some(self.put(kind, 8)),
                Given::Memory(memory) => {
                    let bytes = self.bytes_of(helper, register, argument, map_index, size);
                    self.point_for_helper(memory, bytes);
                    Some(8)
                }
                _ => None,
            };
        }
        for (register, argument) in (1..).zip(arguments) {
            let is_special = special.is_some_and(|(special, _)| special == register);
            match held {
                Some(held) if is_special => {
                    // A register that must hold nothing is left alone.
                    if special.is_some_and(|(_, given)| given != Given::Kind(Kind::Nothing)) {
                        self.emit(mov(register, held));
                    }
                    continue;
                }
                _ => {}
            }
            match argument {
                Argument::Map(_) => self.emit_all(&map(register, map_index)),
                Argument::Read | Argument::Written | Argument::Changed => {
                    self.usual_memory(helper, register);
                }
                Argument::Size => self.emit(mov_imm(register, size)),
                Argument::Number | Argument::Ignored | Argument::Unused => {
                    let number = self.immediate();
                    self.emit(mov_imm(register, number));
                }
            }
        }
    }

    /// A map that a helper takes; one with small keys and values if memory is scarce.
    fn usual_map(&mut self, arguments: &[Argument], narrow: bool) -> i32 {
        match arguments.first() {
            Some(Argument::Map(kinds)) => {
                if narrow && kinds.contains(&crate::row::APPLICATION) {
                    return LAST;
                }
                let kind = self.choices.pick(kinds);
                map_of(kind)
            }
            _ => ARRAY,
        }
    }

    /// Bytes that a helper wants behind a register.
    fn bytes_of(
        &self,
        helper: u32,
        register: u8,
        argument: Argument,
        map_index: i32,
        size: i32,
    ) -> i64 {
        let def = &self.maps[map_index as usize];
        match (helper, register, argument) {
            (1..=4, 2, _) => def.key_size.into(),
            (3, 3, _) => def.value_size.into(),
            (33, 1, _) | (34, 1, _) => 8,
            (33, 2, _) => 4,
            (34, 2, _) => 2,
            _ => size.into(),
        }
    }

    /// Uses a map, whatever its sizes.
    pub(super) fn use_map(&mut self, kind: u32) {
        let map_index = map_of(kind);
        match map_index {
            RING => self.request(12, None, Some(RING)),
            INPUT => self.request(16, None, Some(INPUT)),
            OUT => {
                self.point(Memory::Buffer, 8);
                self.emit(insn(0x72, 8, 0, 0, 1));
                self.emit_all(&map(1, OUT));
            }
            _ => {
                self.look_up_present(map_index, 1);
                return;
            }
        }
        let helper = match map_index {
            RING => 12,
            INPUT => 16,
            _ => 18,
        };
        self.emit(call(helper));
    }

    pub(super) fn aim_at_answer(&mut self, helper: u32, kind: u32, answer: Answer) {
        let map_index = map_of(kind);
        match (helper, answer) {
            (1 | 2, Answer::Null) => self.look_up_missing(map_index, helper as i32),
            (1 | 2, _) => self.look_up_present(map_index, helper as i32),
            (3, Answer::Number(-1)) => self.update(map_index, 99),
            (3, Answer::Number(-4)) => self.fill_map(map_index),
            (3, _) => self.update(map_index, 1),
            (4, answer) => {
                if answer == Answer::Number(0) {
                    self.update(map_index, 1);
                }
                self.key(map_index, 1);
                self.emit_all(&map(1, map_index));
                self.emit(call(4));
            }
            (5, Answer::Number(-1)) => {
                self.emit_all(&map(1, RODATA));
                self.emit(call(5));
            }
            (5, _) => {
                self.emit_all(&map(1, map_index));
                self.emit(call(5));
            }
            (6, answer) => {
                if answer == Answer::Positive {
                    self.emit_all(&map(1, map_index));
                    self.emit(call(5));
                    self.update(map_index, 1);
                }
                self.emit_all(&map(1, map_index));
                self.emit_all(&[mov(2, 10), add_imm(2, SCRATCH.into())]);
                let size = if answer == Answer::Number(0) { 4 } else { 144 };
                self.emit_all(&[mov_imm(3, size), mov_imm(4, 0), call(6)]);
            }
            (12, answer) => {
                let too_long = answer == Answer::Number(-1) && self.choices.chance(50);
                let size = self.value_size(RING) as i32 + i32::from(too_long);
                let times = if answer == Answer::Number(-1) { 5 } else { 1 };
                self.write_usual_memory();
                for _ in 0..times {
                    self.emit_all(&map(1, RING));
                    self.emit_all(&[mov(2, 10), add_imm(2, SCRATCH.into())]);
                    self.emit_all(&[mov_imm(3, size), call(12)]);
                }
            }
            (16, answer) => {
                self.emit_all(&map(1, INPUT));
                self.emit_all(&[mov(2, 10), add_imm(2, SCRATCH.into())]);
                let size = self.value_size(INPUT) as i32;
                let size = size - i32::from(answer == Answer::Number(-1));
                self.emit_all(&[mov_imm(3, size), call(16)]);
            }
            (17, Answer::Null) => {
                for _ in 0..5 {
                    self.reserve_and_send();
                }
                self.emit_all(&map(1, OUT));
                self.emit(call(17));
            }
            (17 | 18, Answer::Number(0) | Answer::Pointer) => self.reserve_and_send(),
            (18, _) => {
                // The second time there is nothing to send.
                for _ in 0..2 {
                    self.emit_all(&map(1, OUT));
                    self.emit(call(18));
                }
            }
            (37, answer) => {
                match answer {
                    Answer::Number(-4) => {
                        for key in 10..15 {
                            self.update(map_index, key);
                        }
                    }
                    Answer::Number(0) if matches!(map_index, HASH | PTH) => {
                        self.emit_all(&map(1, map_index));
                        self.emit(call(5));
                    }
                    _ => {}
                }
                let map_index = if answer == Answer::Number(-1) {
                    RODATA
                } else {
                    map_index
                };
                self.emit_all(&map(1, map_index));
                self.emit_all(&[mov_imm(2, 3), call(37)]);
            }
            _ => self.call_with_usual_arguments(helper),
        }
    }

    /// More keys than a map has room for.
    fn fill_map(&mut self, map_index: i32) {
        for key in 20..25 {
            self.update(map_index, key);
        }
    }

    fn reserve_and_send(&mut self) {
        self.emit_all(&map(1, OUT));
        self.emit_all(&[call(17), mov(8, 0)]);
        let jump = self.jump(insn(0x15, 8, 0, 0, 0));
        self.emit(insn(0x72, 8, 0, 0, 7));
        self.emit_all(&map(1, OUT));
        self.emit(call(18));
        self.land(jump);
    }

    /// Any helper, with arguments that it takes.
    pub(super) fn any_request(&mut self) {
        let helpers = HELPERS.map(|(helper, _)| helper);
        let helper = self.choices.pick(&helpers);
        self.call_with_usual_arguments(helper);
        self.after_call();
    }
}
