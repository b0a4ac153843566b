//! Random programs in which paths meet with other relations between the same registers: copies,
//! halves, sums, quotients, pointers and the ranges behind them. The code after the meeting point
//! then relies on the relations that the paths have in common. `JBPF_FUZZ_SEED` and
//! `JBPF_FUZZ_CASES` choose other programs, and more.

use std::sync::Arc;

use jbpf_verifier::types::{MapDef, MapKind};
use jbpf_verifier::{Program, RawInsn};

use crate::oracle::{Tally, hold};

/// A small generator of random numbers (xorshift64*), so that a seed names a program.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 16) % bound
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize]
    }
}

const fn insn(opcode: u8, dst: u8, src: u8, off: i16, imm: i32) -> RawInsn {
    RawInsn {
        opcode,
        dst,
        src,
        off,
        imm,
    }
}

const EXIT: RawInsn = insn(0x95, 0, 0, 0, 0);

/// The context.
const CTX: u8 = 6;
/// A map's value, which has `VALUE` bytes.
const BASE: u8 = 9;
const VALUE: u32 = 64;
/// A pointer into the region.
const POINTER: u8 = 5;
/// Registers for numbers.
const NUMBERS: [u8; 4] = [2, 3, 4, 8];

struct Writer {
    random: Random,
    insns: Vec<RawInsn>,
    /// Jumps that lead to the exit, to be filled in.
    leaving: Vec<usize>,
}

impl Writer {
    fn emit(&mut self, insn: RawInsn) {
        self.insns.push(insn);
    }

    fn leave_if(&mut self, opcode: u8, dst: u8, src: u8, imm: i32) {
        self.leaving.push(self.insns.len());
        self.emit(insn(opcode, dst, src, 0, imm));
    }

    fn number(&mut self) -> u8 {
        self.random.pick(&NUMBERS)
    }

    fn small(&mut self) -> i32 {
        match self.random.below(4) {
            0 => self
                .random
                .pick(&[-1, -8, -16, 255, 64, 63, 1 << 20, i32::MIN]),
            _ => self.random.below(20) as i32,
        }
    }

    fn slot(&mut self) -> i16 {
        self.random.pick(&[-16, -24, -32])
    }

    /// One step of computing.
    fn step(&mut self) {
        let (dst, src) = (self.number(), self.number());
        let imm = self.small();
        match self.random.below(28) {
            0 => self.emit(insn(0x79, dst, CTX, 16, 0)),
            1 => self.emit(insn(0x61, dst, CTX, 24, 0)),
            2 | 3 => self.emit(insn(0xbf, dst, src, 0, 0)),
            4 => self.emit(insn(0xbc, dst, src, 0, 0)),
            5 => self.emit(insn(0xbf, dst, src, 32, 0)),
            6 => {
                self.emit(insn(0x67, dst, 0, 0, 32));
                let shift = self.random.pick(&[0x77, 0xc7]);
                self.emit(insn(shift, dst, 0, 0, 32));
            }
            7 => self.emit(insn(0x07, dst, 0, 0, imm)),
            8 => self.emit(insn(0x04, dst, 0, 0, imm)),
            9 | 10 => {
                let mask = self.random.pick(&[1, 7, 15, 31, 63, 255]);
                self.emit(insn(0x57, dst, 0, 0, mask));
            }
            11 => {
                let bits = self.random.pick(&[-16, 16, i32::MIN, 1]);
                self.emit(insn(0x47, dst, 0, 0, bits));
            }
            12 => {
                let slot = self.slot();
                let store = self.random.pick(&[0x7b, 0x63]);
                self.emit(insn(store, 10, src, slot, 0));
            }
            13 => {
                let slot = self.slot();
                let load = self.random.pick(&[0x79, 0x61]);
                self.emit(insn(load, dst, 10, slot, 0));
            }
            14 => self.emit(insn(0xb7, dst, 0, 0, imm)),
            15 => {
                // A remainder in three steps.
                let width = self.random.pick(&[0x03, 0]);
                let by = 1 + self.random.below(16) as i32;
                self.emit(insn(0xbf, dst, src, 0, 0));
                self.emit(insn(0x34 + width, dst, 0, 0, by));
                self.emit(insn(0x24 + width, dst, 0, 0, by));
            }
            16 => self.emit(insn(0x1f, dst, src, 0, 0)),
            17 => self.emit(insn(0x1c, dst, src, 0, 0)),
            18 => self.emit(insn(0x79, POINTER, CTX, 0, 0)),
            19 => {
                self.emit(insn(0x79, POINTER, CTX, 0, 0));
                self.emit(insn(0x0f, POINTER, src, 0, 0));
            }
            20 => {
                let imm = self.small();
                self.emit(insn(0x07, POINTER, 0, 0, imm));
            }
            21 => {
                // The rest of the region.
                self.emit(insn(0x79, dst, CTX, 8, 0));
                self.emit(insn(0x1f, dst, POINTER, 0, 0));
            }
            22 => self.compare_with_end(),
            23 => self.emit(insn(0x79, POINTER, CTX, 8, 0)),
            24 => {
                let opcode = self.random.pick(&[0x0f, 0x1f]);
                self.emit(insn(opcode, POINTER, src, 0, 0));
            }
            25 => self.emit(insn(0xbf, 0, POINTER, 0, 0)),
            26 => {
                let slot = self.random.pick(&[-16, -24, -28, -32]);
                let from = self.random.pick(&[src, src, src, POINTER]);
                self.emit(insn(0x7b, 10, from, slot, 0));
            }
            _ => self.emit(insn(0x0f, dst, src, 0, 0)),
        }
    }

    /// Leaves unless so many bytes are there from the pointer on.
    fn compare_with_end(&mut self) {
        let size = self.small();
        self.emit(insn(0xbf, 0, POINTER, 0, 0));
        self.emit(insn(0x07, 0, 0, 0, size));
        self.emit(insn(0x79, 1, CTX, 8, 0));
        let condition = self.random.pick(&[0x2d, 0x3d]);
        self.leave_if(condition, 0, 1, 0);
    }

    /// A comparison that leaves, or skips a step.
    fn compare(&mut self) {
        let (dst, src) = (self.number(), self.number());
        let condition = self
            .random
            .pick(&[0x15, 0x25, 0x35, 0x55, 0x65, 0x75, 0xa5, 0xb5, 0xc5, 0xd5]);
        let narrow = u8::from(self.random.below(5) == 0);
        if self.random.below(3) == 0 {
            self.leave_if(condition + narrow + 8, dst, src, 0);
        } else {
            let imm = self.small();
            self.leave_if(condition + narrow, dst, 0, imm);
        }
    }

    fn access(&mut self) {
        let number = self.number();
        match self.random.below(4) {
            0 => {
                self.compare_with_end();
                let opcode = self.random.pick(&[0x71, 0x61, 0x79]);
                self.emit(insn(opcode, 0, POINTER, 0, 0));
            }
            1 => self.emit(insn(0x71, 0, POINTER, 0, 0)),
            2 => {
                // One number is bounded, and perhaps another by that.
                let bounded = self.number();
                let mask = self.random.pick(&[7, 63]);
                self.leave_if(0x25, bounded, 0, mask);
                self.at_value(number);
            }
            _ => self.at_value(number),
        }
    }

    fn at_value(&mut self, number: u8) {
        self.emit(insn(0xbf, 0, BASE, 0, 0));
        self.emit(insn(0x0f, 0, number, 0, 0));
        self.emit(insn(0x71, 0, 0, 0, 0));
    }

    /// A loop whose paths multiply: iterations are merged, or covered by others.
    fn repeated(&mut self) {
        self.emit(insn(0xb7, 7, 0, 0, 0));
        let head = self.insns.len();
        for _ in 0..1 + self.random.below(2) {
            self.emit(insn(0x71, 0, CTX, 24, 0));
            let skip = self.insns.len();
            self.emit(insn(0x45, 0, 0, 0, 1));
            for _ in 0..1 + self.random.below(2) {
                self.step();
            }
            self.insns[skip].off = (self.insns.len() - skip - 1) as i16;
        }
        for _ in 0..self.random.below(3) {
            match self.random.below(3) {
                0 => self.compare(),
                _ => self.step(),
            }
        }
        if self.random.below(4) == 0 {
            self.access();
        }
        let iterations = 2 + self.random.below(5) as i32;
        self.emit(insn(0x07, 7, 0, 0, 1));
        let back = -(self.insns.len() as i64 - head as i64 + 1);
        self.emit(insn(0xa5, 7, 0, back as i16, iterations));
    }

    /// A loop whose iterations leave each of some registers as it was, or with one number. A
    /// comparison of their sum then has one outcome for each path by itself, and another for the
    /// smallest state that covers all.
    fn chosen(&mut self) {
        for reg in NUMBERS {
            self.emit(insn(0xb7, reg, 0, 0, 0));
        }
        self.emit(insn(0xb7, 7, 0, 0, 0));
        let number = 2 + self.random.below(3) as i32;
        let head = self.insns.len();
        self.emit(insn(0x71, 0, CTX, 24, 0));
        for reg in NUMBERS.into_iter().take(2 + self.random.below(2) as usize) {
            self.emit(insn(0x71, 0, CTX, 24, 0));
            self.emit(insn(0x45, 0, 0, 1, 1 << reg));
            self.emit(insn(0xb7, reg, 0, 0, number));
        }
        let iterations = 2 + self.random.below(3) as i32;
        self.emit(insn(0x07, 7, 0, 0, 1));
        let back = -(self.insns.len() as i64 - head as i64 + 1);
        self.emit(insn(0xa5, 7, 0, back as i16, iterations));
        for reg in [3, 4, 8] {
            self.emit(insn(0x0f, NUMBERS[0], reg, 0, 0));
        }
        let skip = self.insns.len();
        let wrong = self.random.pick(&[1, number, number + 1]);
        self.emit(insn(0x55, NUMBERS[0], 0, 0, wrong));
        match self.random.below(4) {
            0 => self.emit(insn(0x79, 0, 10, -512, 0)),
            1 => self.emit(insn(0x71, 0, BASE, VALUE as i16, 0)),
            2 => self.access(),
            _ => self.step(),
        }
        self.insns[skip].off = (self.insns.len() - skip - 1) as i16;
    }

    fn program(mut self) -> Vec<RawInsn> {
        self.emit(insn(0xbf, CTX, 1, 0, 0));
        self.emit(insn(0x7a, 10, 0, -8, 0));
        self.emit(insn(0x18, 1, 5, 0, 0));
        self.emit(RawInsn::default());
        self.emit(insn(0xbf, 2, 10, 0, 0));
        self.emit(insn(0x07, 2, 0, 0, -8));
        self.emit(insn(0x85, 0, 0, 0, 1));
        self.leave_if(0x15, 0, 0, 0);
        self.emit(insn(0xbf, BASE, 0, 0, 0));
        for reg in NUMBERS {
            match self.random.below(4) {
                0 => self.emit(insn(0x61, reg, CTX, 24, 0)),
                1 => self.emit(insn(0x71, reg, CTX, 16, 0)),
                _ => self.emit(insn(0x79, reg, CTX, 16, 0)),
            }
        }
        self.emit(insn(0x79, POINTER, CTX, 0, 0));
        for slot in [-16, -24, -32] {
            let reg = self.number();
            self.emit(insn(0x7b, 10, reg, slot, 0));
        }
        for _ in 0..self.random.below(3) {
            self.step();
        }
        // The number that ways are chosen by.
        self.emit(insn(0x71, 7, CTX, 24, 0));
        let ways = 2 + self.random.below(3) as i32;
        let mut to_merge = Vec::new();
        for way in 1..=ways {
            let choice = self.insns.len();
            if way < ways {
                self.emit(insn(0x55, 7, 0, 0, way));
            }
            for _ in 0..2 + self.random.below(4) {
                match self.random.below(4) {
                    0 => self.compare(),
                    _ => self.step(),
                }
            }
            if way < ways {
                // There are enough ways to the meeting point that a proof is kept there.
                to_merge.push(self.insns.len());
                self.emit(insn(0x15, 7, 0, 0, 20 + way));
                to_merge.push(self.insns.len());
                self.emit(insn(0x05, 0, 0, 0, 0));
                self.insns[choice].off = (self.insns.len() - choice - 1) as i16;
            }
        }
        for jump in to_merge {
            self.insns[jump].off = (self.insns.len() - jump - 1) as i16;
        }
        match self.random.below(8) {
            0..4 => self.repeated(),
            4 => self.chosen(),
            _ => {}
        }
        for _ in 0..1 + self.random.below(4) {
            match self.random.below(3) {
                0 => self.compare(),
                _ => self.step(),
            }
        }
        self.access();
        if self.random.below(2) == 0 {
            self.access();
        }
        let end = self.insns.len();
        for jump in std::mem::take(&mut self.leaving) {
            self.insns[jump].off = (end - jump - 1) as i16;
        }
        self.emit(insn(0xb7, 0, 0, 0, 0));
        self.emit(EXIT);
        self.insns
    }
}

fn generated(seed: u64) -> Program {
    let writer = Writer {
        random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
        insns: Vec::new(),
        leaving: Vec::new(),
    };
    Program {
        name: "generated".to_owned(),
        insns: writer.program(),
        maps: vec![MapDef {
            name: "array".to_owned(),
            kind: MapKind::Array,
            key_size: 4,
            value_size: VALUE,
            max_entries: 1,
            section: None,
            parameters: Default::default(),
        }],
        ..Program::default()
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[test]
fn random_programs_are_judged_alike() {
    let first = setting("JBPF_FUZZ_SEED", 1);
    let cases = setting("JBPF_FUZZ_CASES", 3_000);
    let mut tally = Tally::default();
    for seed in first..first + cases {
        hold(
            &Arc::new(generated(seed)),
            &format!("seed {seed}"),
            &mut tally,
        );
    }
    println!("{tally:?} of {cases}");
    assert!(tally.accepted * 20 >= cases, "{tally:?} of {cases}");
    assert!(tally.alike * 40 >= cases, "{tally:?} of {cases}");
    assert!(tally.merged * 100 >= cases, "{tally:?} of {cases}");
}
