//! Programs near the frontier between accepted and rejected.
//!
//! They bound, spill, shift, mask, compare and dereference, most often nearly right. Each is a
//! prologue that fills registers and stack, some pieces that leave the registers as they found
//! them, in kind, and functions that the pieces call. The pieces are in `numbers`, `memory`,
//! `pointers`, `calls` and `loops`.

mod aims;
mod calls;
pub mod insns;
mod loops;
mod memory;
mod numbers;
mod operands;
mod pointers;
mod requests;
mod world;

use std::sync::Arc;

use jbpf_verifier::types::{ContextDef, MapDef};
use jbpf_verifier::{Program, RawInsn};

use super::choices::Choices;
use super::feature::{Feature, Use};
use super::row::{Row, TABLE};
use insns::*;
use world::{ARRAY, DATA, HASH, INPUT, OUT, PTA, PTH, RING, RODATA, context_for, maps_for};

#[cfg(test)]
pub use world::maps;

/// A program with the context that it is verified against.
pub struct Case {
    pub program: Arc<Program>,
    pub context: Arc<ContextDef>,
    /// Whether clocks and chance are the application's.
    pub replaced: bool,
    pub uses: Vec<Use>,
}

impl Case {
    pub fn new(name: &str, choices: &mut Choices) -> Self {
        let manner = Manner::choose(choices);
        Self::write(name, choices, manner, None)
    }

    /// A program that meets a row, if all goes well.
    pub fn aimed(name: &str, row: Row, choices: &mut Choices) -> Self {
        Self::write(name, choices, Manner::Mixed, Some(row))
    }

    fn write(name: &str, choices: &mut Choices, manner: Manner, row: Option<Row>) -> Self {
        let context = context_for(row, choices);
        let maps = maps_for(row, choices);
        let replaced = choices.chance(70);
        let mut writer = Writer {
            choices,
            manner,
            context: &context,
            maps: &maps,
            insns: Vec::new(),
            uses: Vec::new(),
            base: Memory::Stack,
            kept: Vec::new(),
            calls: Vec::new(),
            leaves: Vec::new(),
            aimed: None,
            depth: 0,
        };
        match row {
            Some(row) => writer.program_for(row),
            None => writer.program(),
        }
        let Writer { insns, uses, .. } = writer;
        let program = Program {
            name: name.to_owned(),
            insns,
            maps,
            ..Program::default()
        };
        Self {
            program: Arc::new(program),
            context: Arc::new(context),
            replaced,
            uses,
        }
    }
}

/// The context.
const CTX: u8 = 6;
/// Something to dereference.
const BASE: u8 = 7;
/// Registers that hold numbers between pieces. r1 is free within them.
const NUMBERS: [u8; 7] = [0, 2, 3, 4, 5, 8, 9];
/// Bytes of a record of the input channel in most programs.
const RECORD: u32 = 16;

/// The memory that BASE points into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Memory {
    Stack,
    Region,
    MapValue,
    Output,
    Rodata,
}

/// A call of a function that is not written yet.
struct Call {
    at: usize,
    function: usize,
}

/// A small function that is called once.
enum Leaf {
    Body(Vec<RawInsn>),
    /// So many functions; each calls the next one.
    Chain(u8),
}

/// The main ingredients of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Everything.
    Mixed,
    /// Everything that needs no store to the frame. Addresses in the frame are taken and compared.
    Frameless,
    /// Numbers that are related to each other.
    Numbers,
    /// Accesses of all widths around one place.
    Storm,
    /// Loops.
    Loops,
}

impl Manner {
    fn choose(choices: &mut Choices) -> Self {
        match choices.below(100) {
            0..=64 => Self::Mixed,
            65..=84 => Self::Frameless,
            85..=89 => Self::Numbers,
            90..=94 => Self::Storm,
            _ => Self::Loops,
        }
    }
}

/// Writes one program.
struct Writer<'c, 'b> {
    choices: &'c mut Choices<'b>,
    manner: Manner,
    context: &'c ContextDef,
    maps: &'c [MapDef],
    insns: Vec<RawInsn>,
    uses: Vec<Use>,
    base: Memory,
    /// Registers that hold numbers which pieces leave alone for now.
    kept: Vec<u8>,
    calls: Vec<Call>,
    /// Small functions, and the calls of them.
    leaves: Vec<(usize, Leaf)>,
    /// A row that is met in a function.
    aimed: Option<(usize, Row)>,
    /// Pieces within pieces.
    depth: u32,
}

impl Writer<'_, '_> {
    fn emit(&mut self, insn: RawInsn) {
        self.insns.push(insn);
    }

    fn emit_all(&mut self, insns: &[RawInsn]) {
        self.insns.extend_from_slice(insns);
    }

    /// The instruction written last is a use of this.
    fn note(&mut self, feature: Feature) {
        let insn = self.insns.len() - 1;
        self.uses.push(Use { feature, insn });
    }

    /// Writes a jump with an offset that is not known yet; returns its place.
    fn jump(&mut self, jump: RawInsn) -> usize {
        self.emit(jump);
        self.insns.len() - 1
    }

    /// Has a jump go to the next instruction.
    fn land(&mut self, jump: usize) {
        self.insns[jump].off = (self.insns.len() - jump - 1) as i16;
    }

    /// The offset of a jump, written next, to an earlier place.
    fn back_to(&self, place: usize) -> i16 {
        (place as i64 - self.insns.len() as i64 - 1) as i16
    }

    /// Two instructions, after which the program is over.
    fn leave(&mut self) {
        if self.choices.chance(6) {
            let why = self.choices.below(9) as i32;
            self.emit_all(&[mov_imm(1, why), call(31)]);
            return;
        }
        let result = self.choices.below(4) as i32;
        self.emit_all(&[mov_imm(0, result), EXIT]);
    }

    /// A register that holds a number.
    fn number_register(&mut self) -> u8 {
        if self.manner == Manner::Numbers {
            let register = self.choices.pick(&[2, 3, 8]);
            if !self.kept.contains(&register) {
                return register;
            }
        }
        let register = self.choices.pick(&NUMBERS);
        if !self.kept.contains(&register) {
            return register;
        }
        let free = NUMBERS.iter().find(|free| !self.kept.contains(free));
        free.copied().unwrap_or(register)
    }

    /// Two different registers that hold numbers.
    fn two_registers(&mut self) -> (u8, u8) {
        let first = self.number_register();
        self.kept.push(first);
        let second = self.number_register();
        self.kept.pop();
        (first, second)
    }

    fn immediate(&mut self) -> i32 {
        match self.choices.below(6) {
            0 => self.choices.number() as i32,
            1 => self
                .choices
                .pick(&[-1, i32::MIN, i32::MAX, 0x7f, 0x80, 0xff, -128]),
            2 => 1 << self.choices.below(31),
            _ => self.choices.below(70) as i32 - 4,
        }
    }

    /// Puts numbers into registers that a call has emptied, or that held a pointer.
    fn refill(&mut self, registers: &[u8]) {
        for &register in registers {
            match self.choices.below(4) {
                0 => {
                    let from = self.choices.pick(&[8, 9]);
                    self.emit(mov(register, from));
                }
                1 => self.emit(load(WORD, register, CTX, 24)),
                2 => self.emit(load(BYTE, register, CTX, 24)),
                _ => {
                    let imm = self.immediate();
                    self.emit(mov_imm(register, imm));
                }
            }
        }
    }

    /// Puts numbers into all registers that hold numbers, some known and some from memory.
    fn prologue(&mut self) {
        self.emit(mov(CTX, 1));
        for offset in [8, 16, 24, 32] {
            let imm = self.choices.below(80) as i32;
            if self.manner != Manner::Frameless {
                self.emit(insn(0x7a, 10, 0, -offset, imm));
            }
        }
        for register in NUMBERS {
            match self.choices.below(4) {
                0 => {
                    let imm = self.immediate();
                    self.emit(mov_imm(register, imm));
                }
                1 => self.emit(load(DOUBLE, register, CTX, 16)),
                2 => self.emit(load(WORD, register, CTX, 24)),
                _ => self.emit(load(BYTE, register, CTX, 24)),
            }
        }
        self.point_base();
    }

    /// Whether a call, after which r0 to r5 hold nothing, does no harm here, or is tried
    /// nevertheless.
    fn may_call(&mut self) -> bool {
        self.kept.iter().all(|register| *register > 5) || self.choices.chance(3)
    }

    /// Any piece.
    fn piece(&mut self) {
        self.depth += 1;
        match self.manner {
            Manner::Numbers => self.numbers_piece(),
            Manner::Frameless => self.frameless_piece(),
            Manner::Storm if self.choices.chance(55) => self.storm(),
            _ => self.mixed_piece(),
        }
        self.depth -= 1;
    }

    /// A piece about numbers that are related.
    fn numbers_piece(&mut self) {
        match self.choices.below(20) {
            0..=4 => self.related(),
            5..=9 => self.idiom(),
            10..=14 => {
                let jump = self.number_jump();
                match self.choices.below(3) {
                    0 => self.leave(),
                    1 => self.related(),
                    _ => {
                        self.related();
                        self.idiom();
                    }
                }
                self.land(jump);
            }
            15 if self.choices.chance(50) => self.index_below_length(),
            15 => self.left_of_region(),
            16 => self.arithmetic(),
            _ => {
                // The bounds of a number decide, as they are known by now.
                let index = self.number_register();
                self.emit_all(&[mov(1, BASE), add(1, index)]);
                self.touch(0);
            }
        }
    }

    /// A piece that stores nothing to the frame.
    fn frameless_piece(&mut self) {
        match self.choices.below(28) {
            26 => self.range_by_sum(),
            27 => self.compare_with_the_end_again(),
            22 | 23 => self.last_of_length(),
            24 | 25 => self.index_below_length(),
            0..=4 => self.arithmetic(),
            5..=7 => self.idiom(),
            8..=10 => self.branch(),
            11..=13 => self.access(),
            14 => self.fixed_access(),
            15 => self.index_from_table(),
            16 => self.left_of_region(),
            17 => self.compare_pointers(),
            18 => self.distance(),
            19 if self.may_call() => self.call_function(false),
            _ => self.compare_frames(),
        }
    }

    fn mixed_piece(&mut self) {
        match self.choices.below(44) {
            42 => self.range_by_sum(),
            43 => self.compare_with_the_end_again(),
            38 | 39 => self.last_of_length(),
            40 | 41 => self.index_below_length(),
            34..=37 if self.kept.is_empty() => self.any_aim(),
            32 | 33 => self.compare_frames(),
            27..=30 if !self.may_call() => self.arithmetic(),
            0..=5 => self.arithmetic(),
            6..=9 => self.idiom(),
            10..=13 => self.branch(),
            14..=17 => self.access(),
            18 => self.fixed_access(),
            19 => self.spill_pointer(),
            20 => self.overlap(),
            21 => self.atomic(),
            22 => self.index_from_table(),
            23 => self.or_as_sum(),
            24 => self.left_of_region(),
            25 => self.compare_pointers(),
            26 => self.distance(),
            27 if !self.kept.contains(&8) => self.null_check(),
            27 => self.fixed_access(),
            28 => self.call_helper(),
            29 => self.helper_writes(),
            30 => self.call_function(false),
            _ => self.either_memory(),
        }
    }

    /// Code that meets any row.
    fn any_aim(&mut self) {
        let row = self.choices.pick(&TABLE);
        if row.needs_function() {
            self.any_request();
        } else {
            self.aim(row);
        }
    }

    fn program(&mut self) {
        self.prologue();
        let pieces = if self.manner == Manner::Numbers {
            3 + self.choices.below(9)
        } else {
            1 + self.choices.below(6)
        };
        for _ in 0..pieces {
            self.part();
        }
        self.emit(EXIT);
        self.functions();
    }

    /// A piece, a loop, or something else to dereference.
    fn part(&mut self) {
        let among = match self.manner {
            Manner::Numbers if self.choices.chance(90) => return self.piece(),
            Manner::Frameless if self.choices.chance(92) => return self.piece(),
            Manner::Frameless => return self.point_base(),
            Manner::Loops => 36,
            _ => 100,
        };
        match self.choices.below(among) {
            0..=9 => self.repeat(),
            10..=24 => self.count(),
            25..=28 => self.walk(),
            29..=31 => self.walk_to_the_end(),
            32..=35 => self.point_base(),
            _ => self.piece(),
        }
    }
}
