//! The rows of the table that a run meets.

use jbpf_verifier::RawInsn;
use jbpf_verifier::types::{ArgKind, MapDef};

use super::super::row::{
    APPLICATION, Access, Answer, Arithmetic, Comparison, Given, Kind, Memory, Place, Row, Shelf,
    answers_any,
};
use super::Machine;
use super::decoder::{Function, Operation, Source, Test};
use super::objects::{Byte, Sort};
use super::value::{Pointer, Value};

impl Machine<'_> {
    fn meet(&mut self, row: Row) {
        self.met.insert(row);
    }

    pub(super) fn kind(&self, value: Value) -> Kind {
        match value {
            Value::Nothing => Kind::Nothing,
            Value::Number(_) | Value::Chance | Value::Address => Kind::Number,
            Value::Null => Kind::Null,
            Value::Pointer(pointer) => match self.objects.sort(pointer.object) {
                Sort::Frame { depth } if depth + 1 == self.frames.len() => Kind::Own,
                Sort::Frame { .. } => Kind::Caller,
                Sort::Context => Kind::Context,
                Sort::Region if pointer.from_end => Kind::End,
                Sort::Region => Kind::Region,
                Sort::Value { .. } => Kind::Value,
                Sort::Buffer { .. } if self.objects.is_gone(pointer.object) => Kind::Sent,
                Sort::Buffer { .. } => Kind::Buffer,
                Sort::Map { .. } => Kind::Map,
            },
        }
    }

    fn memory(&self, pointer: Pointer) -> Option<Memory> {
        if self.objects.is_gone(pointer.object) || pointer.from_end {
            return None;
        }
        Some(match self.objects.sort(pointer.object) {
            Sort::Frame { depth } if depth + 1 == self.frames.len() => Memory::Own,
            Sort::Frame { .. } => Memory::Caller,
            Sort::Context => Memory::Context,
            Sort::Region if self.codelet.context.region.writable => Memory::Region,
            Sort::Region => Memory::Fixed,
            Sort::Buffer { .. } => Memory::Buffer,
            Sort::Map { .. } => return None,
            Sort::Value { map } => {
                let def = &self.codelet.maps[map].def;
                match (&def.section, def.kind.number()) {
                    (Some(section), _) if section.read_only => Memory::Rodata,
                    (Some(_), _) => Memory::Data,
                    (None, 1) => Memory::Array,
                    (None, 2) => Memory::Hash,
                    (None, 5) => Memory::PerThreadArray,
                    (None, 6) => Memory::PerThreadHash,
                    _ => Memory::Application,
                }
            }
        })
    }

    /// An instruction is about to be executed.
    pub(super) fn see(&mut self, raw: RawInsn, operation: Operation) {
        let variant = match raw.opcode {
            0x18 | 0x85 => raw.src,
            0xc3 | 0xdb | 0xd4 | 0xdc | 0xd7 => raw.imm as u8,
            opcode if matches!(opcode & 7, 4 | 7) => raw.off as u8,
            _ => 0,
        };
        if !matches!(operation, Operation::Branch { .. }) {
            self.meet(Row::Instruction {
                opcode: raw.opcode,
                variant,
            });
        }
        let registers = self.registers;
        let register = |register: u8| registers[usize::from(register)];
        match operation {
            Operation::Compute {
                function,
                wide,
                dst,
                src,
            } => self.see_computed(function, wide, register(dst), self.source(src)),
            Operation::Extend { wide, src, .. } => {
                let right = self.kind(register(src));
                self.meet(Row::Computed {
                    arithmetic: Arithmetic::Extend,
                    wide,
                    left: Kind::Number,
                    right,
                });
            }
            Operation::Branch {
                test,
                wide,
                left,
                right,
                ..
            } => self.see_compared(test, wide, register(left), self.source(right)),
            Operation::Load {
                base,
                offset,
                size,
                signed,
                ..
            } => {
                let access = if signed {
                    Access::LoadSigned
                } else {
                    Access::Load
                };
                self.see_accessed(access, size, register(base), offset);
                if let Value::Pointer(pointer) = register(base) {
                    self.see_filled(pointer.moved(offset.into()), size, signed);
                }
            }
            Operation::Store {
                base,
                offset,
                size,
                src,
            } => {
                let access = match src {
                    Source::Register(_) => Access::Store,
                    Source::Immediate(_) => Access::StoreNumber,
                };
                self.see_accessed(access, size, register(base), offset);
                if let (Source::Register(_), Value::Pointer(pointer)) = (src, register(base)) {
                    let shelf = match self.objects.sort(pointer.object) {
                        Sort::Frame { depth } if depth + 1 == self.frames.len() => Shelf::Own,
                        Sort::Frame { .. } => Shelf::Caller,
                        _ => Shelf::Elsewhere,
                    };
                    let kind = self.kind(self.source(src));
                    self.meet(Row::Kept { shelf, size, kind });
                }
            }
            Operation::Atomic {
                base, offset, size, ..
            } => self.see_accessed(Access::Atomic, size, register(base), offset),
            Operation::CallFunction { .. } => {
                for register in 1..=5 {
                    let kind = self.kind(self.registers[usize::from(register)]);
                    self.meet(Row::Passed { register, kind });
                }
            }
            Operation::Exit if self.frames.len() > 1 => {
                let kind = self.kind(self.registers[0]);
                self.meet(Row::Returned { kind });
            }
            _ => {}
        }
        self.meet(Row::Depth {
            frames: self.frames.len() as u8,
        });
    }

    fn see_computed(&mut self, function: Function, wide: bool, left: Value, right: Value) {
        let arithmetic = match function {
            Function::Add => Arithmetic::Add,
            Function::Subtract => Arithmetic::Subtract,
            Function::Or => Arithmetic::Or,
            Function::And | Function::Xor => Arithmetic::Bits,
            Function::Multiply => Arithmetic::Multiply,
            Function::Divide | Function::DivideSigned | Function::Rest | Function::RestSigned => {
                Arithmetic::Divide
            }
            Function::ShiftLeft | Function::ShiftRight | Function::ShiftSigned => Arithmetic::Shift,
            Function::Move => Arithmetic::Move,
            // It has one operand, on the left.
            Function::Negate => Arithmetic::Extend,
        };
        let (mut left, mut right) = (self.kind(left), self.kind(right));
        if function == Function::Negate {
            right = left;
        }
        if matches!(arithmetic, Arithmetic::Move | Arithmetic::Extend) {
            left = Kind::Number;
        }
        self.meet(Row::Computed {
            arithmetic,
            wide,
            left,
            right,
        });
    }

    fn see_compared(&mut self, test: Test, wide: bool, left: Value, right: Value) {
        let comparison = match test {
            Test::Equal | Test::Different => Comparison::Equality,
            Test::Above | Test::AboveOrEqual | Test::Below | Test::BelowOrEqual => {
                Comparison::Unsigned
            }
            Test::Greater | Test::GreaterOrEqual | Test::Less | Test::LessOrEqual => {
                Comparison::Signed
            }
            Test::AnyBit => Comparison::AnyBit,
        };
        let (left, right) = (self.kind(left), self.kind(right));
        self.meet(Row::Compared {
            comparison,
            wide,
            left,
            right,
        });
    }

    /// A conditional jump went one way.
    pub(super) fn see_jump(&mut self, opcode: u8, taken: bool) {
        self.meet(Row::Jump { opcode, taken });
    }

    fn see_accessed(&mut self, access: Access, size: u8, base: Value, offset: i16) {
        let Value::Pointer(pointer) = base else {
            return;
        };
        let pointer = pointer.moved(offset.into());
        let Some(memory) = self.memory(pointer) else {
            return;
        };
        let len = self.objects.len(pointer.object) as i64;
        let end = pointer.offset.saturating_add(size.into());
        let mut places = Vec::new();
        if pointer.offset < 0 {
            places.push(Place::Before);
        } else if end > len {
            places.push(Place::Beyond);
        } else {
            if pointer.offset == 0 {
                places.push(Place::First);
            }
            if end == len {
                places.push(Place::Last);
            }
            if places.is_empty() {
                let aligned = pointer.offset % i64::from(size) == 0;
                places.push(if aligned { Place::Aligned } else { Place::Odd });
            }
        }
        for place in places {
            self.meet(Row::Accessed {
                access,
                size,
                memory,
                place,
            });
        }
    }

    fn see_filled(&mut self, pointer: Pointer, size: u8, signed: bool) {
        let (Ok(start), len) = (usize::try_from(pointer.offset), usize::from(size)) else {
            return;
        };
        let Some(bytes) = self.objects.bytes(pointer.object).get(start..start + len) else {
            return;
        };
        if let Some(Byte::Of(of, _)) = bytes.iter().find(|byte| matches!(byte, Byte::Of(..))) {
            let in_frame = matches!(self.objects.sort(pointer.object), Sort::Frame { .. });
            if size < 8 {
                self.meet(Row::PartOfPointer { loaded: size });
            } else if in_frame {
                let kind = self.kind(Value::Pointer(*of));
                self.meet(Row::FilledPointer { kind });
            }
            return;
        }
        let stamps = self.objects.stamps(pointer, len);
        let Some((first, others)) = stamps.split_first() else {
            return;
        };
        if first.store == 0 || others.iter().any(|stamp| stamp != first) {
            self.meet(Row::FilledAcross {
                loaded: size,
                signed,
            });
            return;
        }
        self.meet(Row::Filled {
            stored: first.size,
            loaded: size,
            part: (start - usize::from(first.start)) as u8,
            signed,
        });
    }

    /// A helper is about to be called.
    pub(super) fn see_given(&mut self, helper: u32, kinds: &[ArgKind]) {
        if self.frames.len() > 1 {
            self.meet(Row::CalledInside { helper });
        }
        for (register, kind) in (1..).zip(kinds) {
            let value = self.registers[usize::from(register)];
            let held = Given::Kind(self.kind(value));
            let given = match (kind, value) {
                (ArgKind::Map(_), Value::Pointer(pointer)) => {
                    match self.objects.sort(pointer.object) {
                        Sort::Map { map } => self.see_map(map),
                        _ => held,
                    }
                }
                (ArgKind::Size | ArgKind::SizeUpTo(_), value) => match value.number() {
                    Some(0) => Given::Zero,
                    Some(_) => Given::Some,
                    None if value == Value::Chance => Given::Some,
                    None => held,
                },
                (
                    ArgKind::MapKey
                    | ArgKind::MapValue
                    | ArgKind::Readable
                    | ArgKind::Writable
                    | ArgKind::ReadableFixed(_)
                    | ArgKind::WritableFixed(_)
                    | ArgKind::Format,
                    Value::Pointer(pointer),
                ) => self.memory(pointer).map_or(held, Given::Memory),
                _ => held,
            };
            self.meet(Row::Given {
                helper,
                register,
                given,
            });
        }
    }

    fn see_map(&mut self, map: usize) -> Given {
        let MapDef {
            kind,
            key_size,
            value_size,
            section,
            ..
        } = &self.codelet.maps[map].def;
        let (map, key_size, value_size) = (kind.number(), *key_size, *value_size);
        match section {
            Some(section) if section.read_only => return Given::Rodata,
            Some(_) => return Given::Data,
            None => {}
        }
        if map != APPLICATION {
            if !kind.is_channel() {
                self.meet(Row::KeySize {
                    map,
                    size: key_size,
                });
            }
            self.meet(Row::ValueSize {
                map,
                size: value_size,
            });
        }
        Given::Map(map)
    }

    /// A helper has answered; `map` is the index of the first map that it was given.
    pub(super) fn see_answered(&mut self, helper: u32, map: Option<usize>, answer: Value) {
        let map = map.map_or(0, |map| self.codelet.maps[map].def.kind.number());
        let answer = match answer {
            _ if answers_any(helper) => Answer::Any,
            Value::Null => Answer::Null,
            Value::Pointer(_) => Answer::Pointer,
            Value::Number(number) if (number as i64) <= 0 => Answer::Number(number as i64),
            Value::Number(_) => Answer::Positive,
            _ => Answer::Any,
        };
        self.meet(Row::Answered {
            helper,
            map,
            answer,
        });
    }
}
