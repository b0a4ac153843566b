//! Soundness by execution: what the verifier accepts runs in the checked interpreter, on random
//! contexts, without a fault and in no more instructions than the worst case; and every register
//! lies within what the verifier knew of it, at each instruction.
//!
//! Programs are generated near the frontier between accepted and rejected: they bound, spill,
//! shift, mask, compare and dereference, most often nearly right. `JBPF_FUZZ_SEED` and `JBPF_FUZZ_CASES`
//! choose other programs, and more.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod support;

use std::sync::Arc;

use jbpf_core::builtins;
use jbpf_core::engine::{BoundCodelet, CodeletEnvironment, Input, interpreter};
use jbpf_core::map::{Map, MapOptions};
use jbpf_verifier::report::disassemble;
use jbpf_verifier::types::{ContextDef, DataSection, HelperTable, MapDef, MapKind};
use jbpf_verifier::{Limits, Program, RawInsn, verify_recorded, verify_with};
use support::Memory;

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

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
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
/// Something to dereference.
const BASE: u8 = 7;
/// Bytes of a map's value.
const VALUE: u32 = 64;

fn maps() -> Vec<MapDef> {
    let map = |name: &str, kind, key_size, value_size| MapDef {
        name: name.to_owned(),
        kind,
        key_size,
        value_size,
        max_entries: 4,
        parameters: Default::default(),
        section: None,
    };
    vec![
        map("array", MapKind::Array, 4, VALUE),
        map("hash", MapKind::Hash, 8, VALUE),
        map("out", MapKind::Output, 0, VALUE),
        MapDef {
            parameters: Default::default(),
            section: Some(DataSection {
                contents: (0..VALUE as u8).map(|byte| byte.wrapping_mul(37)).collect(),
                read_only: true,
            }),
            max_entries: 1,
            ..map(".rodata", MapKind::Array, 4, VALUE)
        },
    ]
}

/// Writes one program.
struct Writer {
    random: Random,
    insns: Vec<RawInsn>,
}

impl Writer {
    fn emit(&mut self, insn: RawInsn) {
        self.insns.push(insn);
    }

    fn number_register(&mut self) -> u8 {
        self.random.pick(&[0, 2, 3, 4, 5, 8, 9])
    }

    fn immediate(&mut self) -> i32 {
        match self.random.below(6) {
            0 => self.random.next() as i32,
            1 => self
                .random
                .pick(&[-1, i32::MIN, i32::MAX, 0x7f, 0x80, 0xff, -128]),
            2 => 1 << self.random.below(31),
            _ => self.random.below(70) as i32 - 4,
        }
    }

    /// Puts numbers into all registers that hold numbers, some known and some from memory.
    fn prologue(&mut self) {
        self.emit(insn(0xbf, CTX, 1, 0, 0));
        for offset in [8, 16, 24, 32] {
            let imm = self.random.below(80) as i32;
            self.emit(insn(0x7a, 10, 0, -offset, imm));
        }
        for reg in [0, 2, 3, 4, 5, 8, 9] {
            match self.random.below(4) {
                0 => {
                    let imm = self.immediate();
                    self.emit(insn(0xb7, reg, 0, 0, imm));
                }
                1 => self.emit(insn(0x79, reg, CTX, 16, 0)),
                2 => self.emit(insn(0x61, reg, CTX, 24, 0)),
                _ => self.emit(insn(0x71, reg, CTX, 24, 0)),
            }
        }
        self.base();
    }

    /// Points BASE at some memory.
    fn base(&mut self) {
        match self.random.below(6) {
            0 => {
                self.emit(insn(0xbf, BASE, 10, 0, 0));
                self.emit(insn(0x07, BASE, 0, 0, -32));
            }
            1 => {
                // data, with a comparison with data_end.
                let size = self.random.below(64) as i32;
                self.emit(insn(0x79, BASE, CTX, 0, 0));
                self.emit(insn(0x79, 1, CTX, 8, 0));
                self.emit(insn(0xbf, 2, BASE, 0, 0));
                self.emit(insn(0x07, 2, 0, 0, size));
                let opcode = self.random.pick(&[0x2d, 0x3d, 0xad, 0xbd, 0x1d, 0x5d]);
                let swap = self.random.chance(50);
                let (dst, src) = if swap { (1, 2) } else { (2, 1) };
                self.emit(insn(opcode, dst, src, 2, 0));
                self.emit(insn(0xb7, 2, 0, 0, 3));
                self.emit(insn(0x05, 0, 0, 2, 0));
                self.emit(insn(0xb7, 0, 0, 0, 0));
                self.emit(EXIT);
            }
            2 => {
                // The length of the region as a number.
                self.emit(insn(0x79, BASE, CTX, 0, 0));
                self.emit(insn(0x79, 8, CTX, 8, 0));
                self.emit(insn(0x1f, 8, BASE, 0, 0));
                if self.random.chance(30) {
                    self.emit(insn(0xbc, 8, 8, 0, 0));
                }
                let size = self.random.below(64) as i32;
                self.emit(insn(0x35, 8, 0, 2, size));
                self.emit(insn(0xb7, 0, 0, 0, 0));
                self.emit(EXIT);
            }
            3 | 4 => {
                let map = self.random.pick(&[0, 0, 1, 2]);
                if map == 2 {
                    self.wide(1, 5, 2, 0);
                    self.emit(insn(0x85, 0, 0, 0, 17));
                } else {
                    self.emit(insn(0x7a, 10, 0, -40, 1));
                    self.wide(1, 5, map, 0);
                    self.emit(insn(0xbf, 2, 10, 0, 0));
                    self.emit(insn(0x07, 2, 0, 0, -40));
                    self.emit(insn(0x85, 0, 0, 0, 1));
                }
                self.emit(insn(0xbf, BASE, 0, 0, 0));
                self.emit(insn(0x55, BASE, 0, 2, 0));
                self.emit(insn(0xb7, 0, 0, 0, 0));
                self.emit(EXIT);
                for reg in [0, 2, 3, 4, 5] {
                    let imm = self.immediate();
                    self.emit(insn(0xb7, reg, 0, 0, imm));
                }
            }
            _ => {
                let offset = self.random.below(20) as i32;
                self.wide(BASE, 6, 3, offset);
            }
        }
    }

    fn wide(&mut self, dst: u8, src: u8, low: i32, high: i32) {
        self.emit(insn(0x18, dst, src, 0, low));
        self.emit(insn(0, 0, 0, 0, high));
    }

    fn alu(&mut self) {
        let dst = self.number_register();
        let class = self.random.pick(&[0x04, 0x07]);
        let operation = self.random.pick(&[
            0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x90, 0xa0, 0xb0, 0xc0, 0xb0, 0xb0,
            0x00, 0x10,
        ]);
        let signed = matches!(operation, 0x30 | 0x90) && self.random.chance(40);
        let off = i16::from(signed);
        if self.random.chance(45) {
            let src = self.number_register();
            self.emit(insn(class | 0x08 | operation, dst, src, off, 0));
        } else {
            let imm = self.immediate();
            self.emit(insn(class | operation, dst, 0, off, imm));
        }
    }

    /// What compilers write for one operation.
    fn idiom(&mut self) {
        let (dst, src) = (self.number_register(), self.number_register());
        match self.random.below(6) {
            0 => {
                self.emit(insn(0xbf, dst, src, 0, 0));
                self.emit(insn(0x67, dst, 0, 0, 32));
                let back = self.random.pick(&[0x77, 0xc7]);
                self.emit(insn(back, dst, 0, 0, 32));
            }
            1 => {
                let by = self.random.below(20) as i32 + 1;
                let times = if self.random.chance(50) { by } else { -by };
                let classes = match self.random.below(3) {
                    0 => [4; 4],
                    1 => [7; 4],
                    _ => [(); 4].map(|()| self.random.pick(&[0x04, 0x07])),
                };
                self.emit(insn(classes[0] | 0xb8, dst, src, 0, 0));
                self.emit(insn(classes[1] | 0x30, dst, 0, 0, by));
                self.emit(insn(classes[2] | 0x20, dst, 0, 0, times));
                let operation = if times > 0 { 0x18 } else { 0x08 };
                self.emit(insn(classes[3] | operation, src, dst, 0, 0));
            }
            2 => {
                let bits = self.random.pick(&[8, 16, 32]);
                self.emit(insn(0xbf, dst, src, bits, 0));
            }
            3 => {
                let bits = self.random.pick(&[16, 32, 64]);
                let opcode = self.random.pick(&[0xd4, 0xdc, 0xd7]);
                self.emit(insn(opcode, dst, 0, 0, bits));
            }
            4 => {
                let class = self.random.pick(&[0x84, 0x87]);
                self.emit(insn(class, dst, 0, 0, 0));
            }
            _ => {
                // A spill and a fill, whole or in part.
                let at = self.random.pick(&[-8, -16, -24]);
                let store = self.random.pick(&[0x7b, 0x63, 0x6b, 0x73]);
                self.emit(insn(store, 10, src, at, 0));
                let load = self
                    .random
                    .pick(&[0x79, 0x61, 0x69, 0x71, 0x81, 0x89, 0x91]);
                let by = if load == 0x79 {
                    0
                } else {
                    self.random.below(4) as i16
                };
                self.emit(insn(load, dst, 10, at + by, 0));
            }
        }
    }

    fn condition(&mut self) -> u8 {
        self.random.pick(&[
            0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0,
        ])
    }

    /// A jump over a few instructions, or out.
    fn branch(&mut self) {
        let lhs = self.number_register();
        let class = self.random.pick(&[0x05, 0x06]);
        let condition = self.condition();
        let at = self.insns.len();
        let right = if self.random.chance(35) {
            let rhs = self.number_register();
            insn(class | 0x08 | condition, lhs, rhs, 0, 0)
        } else {
            let imm = self.immediate();
            insn(class | condition, lhs, 0, 0, imm)
        };
        self.emit(right);
        if self.random.chance(50) {
            self.emit(insn(0xb7, 0, 0, 0, 1));
            self.emit(EXIT);
        } else {
            for _ in 0..1 + self.random.below(3) {
                self.alu();
            }
        }
        self.insns[at].off = (self.insns.len() - at - 1) as i16;
    }

    /// A loop with a counter and a way out.
    fn repeat(&mut self) {
        let counter = self.number_register();
        let (start, step) = self.random.pick(&[(0, 1), (0, 2), (16, -1), (-3, 1)]);
        self.emit(insn(0xb7, counter, 0, 0, start));
        let head = self.insns.len();
        for _ in 0..1 + self.random.below(3) {
            self.one();
        }
        self.emit(insn(0x07, counter, 0, 0, step));
        let (opcode, bound) = if step > 0 {
            (
                self.random.pick(&[0xa5, 0x55, 0xc5, 0xa6]),
                1 + self.random.below(14) as i32,
            )
        } else {
            (self.random.pick(&[0x55, 0x65, 0x25]), 0)
        };
        let back = head as i64 - self.insns.len() as i64 - 1;
        self.emit(insn(opcode, counter, 0, back as i16, bound));
    }

    /// A loop whose body takes one of several ways, each counting or not; what was counted is used.
    fn count(&mut self) {
        let (i, count, other) = self.random.pick(&[(3, 4, 8), (9, 5, 0), (2, 8, 4)]);
        for reg in [i, count, other] {
            self.emit(insn(0xb7, reg, 0, 0, 0));
        }
        let head = self.insns.len();
        for _ in 0..1 + self.random.below(3) {
            let lhs = self.number_register();
            let condition = self.condition();
            let imm = self.immediate();
            self.emit(insn(0x05 | condition, lhs, 0, 1, imm));
            let step = self.random.pick(&[1, 1, 2, -1]);
            let counted = self.random.pick(&[count, count, other]);
            self.emit(insn(0x07, counted, 0, 0, step));
        }
        if self.random.chance(40) {
            // Another number for the conditions of the next iteration.
            let reg = self.number_register();
            if reg != i {
                self.emit(insn(0x61, reg, CTX, 24, 0));
            }
        }
        if self.random.chance(20) {
            self.branch();
        }
        self.emit(insn(0x07, i, 0, 0, 1));
        let bound = 3 + self.random.below(20) as i32;
        let back = head as i64 - self.insns.len() as i64 - 1;
        self.emit(insn(0xa5, i, 0, back as i16, bound));
        if self.random.chance(60) {
            self.emit(insn(0xbf, 1, 10, 0, 0));
            let start = self.random.pick(&[-32, -24, -16]);
            self.emit(insn(0x07, 1, 0, 0, start));
            self.emit(insn(0x0f, 1, count, 0, 0));
            let opcode = self.random.pick(&[0x71, 0x61, 0x72]);
            let (dst, src) = if opcode == 0x72 { (1, 0) } else { (other, 1) };
            self.emit(insn(opcode, dst, src, 0, 0));
        } else {
            self.emit(insn(0x2d, count, other, 1, 0));
            self.alu();
        }
    }

    /// An access at a variable offset, bounded in one of several ways, or not quite.
    fn access(&mut self) {
        let index = self.number_register();
        match self.random.below(5) {
            0 => {
                let mask = self.random.pick(&[3, 7, 15, 31, 63, 56]);
                let class = self.random.pick(&[0x54, 0x57]);
                self.emit(insn(class, index, 0, 0, mask));
            }
            1 => {
                let bound = 1 + self.random.below(66) as i32;
                self.emit(insn(0x97, index, 0, 0, bound));
            }
            2 => {
                let bound = self.random.below(66) as i32;
                let opcode = self.random.pick(&[0xb5, 0xa5, 0xb6, 0xd5, 0xd6]);
                self.emit(insn(opcode, index, 0, 2, bound));
                self.emit(insn(0xb7, 0, 0, 0, 2));
                self.emit(EXIT);
            }
            3 => {
                let shift = self.random.pick(&[26, 27, 28, 58, 59, 61]);
                let class = self.random.pick(&[0x74, 0x77]);
                self.emit(insn(class, index, 0, 0, shift));
            }
            _ => {}
        }
        if self.random.chance(30) {
            self.emit(insn(0x67, index, 0, 0, 1));
        }
        self.emit(insn(0xbf, 1, BASE, 0, 0));
        let opcode = self.random.pick(&[0x0f, 0x0f, 0x0f, 0x1f]);
        self.emit(insn(opcode, 1, index, 0, 0));
        if self.random.chance(25) {
            // Against the end of the region, where that is what it is.
            let value = self.number_register();
            self.emit(insn(0x79, value, CTX, 8, 0));
            self.emit(insn(0xbf, index, 1, 0, 0));
            self.emit(insn(0x07, index, 0, 0, 8));
            self.emit(insn(0xbd, index, value, 2, 0));
            self.emit(insn(0xb7, 0, 0, 0, 2));
            self.emit(EXIT);
            self.emit(insn(0xb7, index, 0, 0, 1));
            self.emit(insn(0xb7, value, 0, 0, 1));
        }
        let offset = self.random.pick(&[0, 0, 1, 4, 8, -1, 24]);
        let other = self.number_register();
        match self.random.below(5) {
            0 => self.emit(insn(0x7a, 1, 0, offset, 7)),
            1 => {
                let opcode = self.random.pick(&[0x73, 0x63, 0x7b]);
                self.emit(insn(opcode, 1, other, offset, 0));
            }
            2 if self.random.chance(40) => {
                let (opcode, imm) = self.random.pick(&[
                    (0xdb, 0),
                    (0xdb, 1),
                    (0xc3, 1),
                    (0xdb, 0xe1),
                    (0xc3, 0xf1),
                ]);
                self.emit(insn(opcode, 1, other, offset, imm));
            }
            _ => {
                let opcode = self.random.pick(&[0x71, 0x61, 0x79, 0x69, 0x91, 0x81]);
                self.emit(insn(opcode, other, 1, offset, 0));
            }
        }
    }

    /// A pointer kept on the stack over other work.
    fn spill_pointer(&mut self) {
        let at = self.random.pick(&[-48, -48, -56, -16]);
        self.emit(insn(0x7b, 10, BASE, at, 0));
        self.one();
        self.emit(insn(0x79, BASE, 10, at, 0));
    }

    fn call(&mut self) {
        match self.random.below(4) {
            0 => self.emit(insn(0x85, 0, 0, 0, 15)),
            1 => {
                let size = self.random.below(33) as i32;
                self.emit(insn(0xbf, 1, BASE, 0, 0));
                self.emit(insn(0xb7, 2, 0, 0, size));
                self.emit(insn(0x85, 0, 0, 0, 10));
            }
            2 => {
                let size = self.number_register();
                self.emit(insn(0xbf, 2, size, 0, 0));
                self.emit(insn(0x57, 2, 0, 0, 31));
                self.emit(insn(0xbf, 1, BASE, 0, 0));
                self.emit(insn(0x85, 0, 0, 0, 10));
            }
            _ => {
                self.wide(1, 5, 2, 0);
                self.emit(insn(0x85, 0, 0, 0, 18));
            }
        }
        for reg in [2, 3, 4, 5] {
            let from = self.random.pick(&[0, 8, 9]);
            self.emit(insn(0xbf, reg, from, 0, 0));
        }
    }

    fn one(&mut self) {
        match self.random.below(20) {
            0..=5 => self.alu(),
            6..=9 => self.idiom(),
            10..=13 => self.branch(),
            14..=17 => self.access(),
            18 => self.spill_pointer(),
            _ => self.call(),
        }
    }

    /// A function that is called with two numbers and the base.
    fn function(&mut self) {
        let at = self.insns.len();
        self.emit(insn(0xbf, 1, BASE, 0, 0));
        self.emit(insn(0x85, 0, 1, 0, 0));
        for reg in [2, 3, 4, 5] {
            self.emit(insn(0xbf, reg, 0, 0, 0));
        }
        self.emit(insn(0x57, 0, 0, 0, 255));
        self.emit(EXIT);
        let start = self.insns.len();
        self.insns[at + 1].imm = (start - at - 2) as i32;
        self.emit(insn(0xbf, BASE, 1, 0, 0));
        self.emit(insn(0xbf, 0, 2, 0, 0));
        self.emit(insn(0xbf, 8, 2, 0, 0));
        self.emit(insn(0xbf, 9, 3, 0, 0));
        for offset in [8, 16, 24] {
            self.emit(insn(0x7b, 10, 2, -offset, 0));
        }
        self.emit(insn(0xb7, CTX, 0, 0, 0));
        for _ in 0..1 + self.random.below(4) {
            match self.random.below(4) {
                0 => self.alu(),
                1 => self.branch(),
                2 => self.idiom(),
                _ => self.access(),
            }
        }
    }

    fn program(mut self) -> Vec<RawInsn> {
        self.prologue();
        for _ in 0..1 + self.random.below(7) {
            if self.random.chance(12) {
                self.repeat();
            } else if self.random.chance(10) {
                self.count();
            } else {
                self.one();
            }
        }
        if self.random.chance(15) {
            self.function();
        }
        self.emit(EXIT);
        self.insns
    }
}

fn context(random: &mut Random) -> ContextDef {
    let mut context = ContextDef::generic();
    match random.below(4) {
        0 => {
            context.region.known_size = 32;
            context.region.sized_by_end = false;
        }
        1 => context.region.known_size = 16,
        _ => {}
    }
    context
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

#[test]
fn what_is_accepted_runs_as_the_verifier_says() {
    let first = setting("JBPF_FUZZ_SEED", 1);
    let cases = setting("JBPF_FUZZ_CASES", 4000);
    let helpers = Arc::new(HelperTable::builtin());
    let limits = Limits {
        instructions: 40_000,
        ..Limits::default()
    };
    let (mut accepted, mut recorded) = (0, 0);
    for seed in first..first + cases {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let context = Arc::new(context(&mut random));
        let writer = Writer {
            random,
            insns: Vec::new(),
        };
        let program = Arc::new(Program {
            name: format!("seed {seed}"),
            insns: writer.program(),
            maps: maps(),
            ..Program::default()
        });
        let Ok(verified) = verify_with(&program, &context, &helpers, limits) else {
            continue;
        };
        accepted += 1;
        let record = verify_recorded(&program, &context, &helpers, limits).ok();
        recorded += u64::from(record.is_some());
        let record = record.map(|(_, record)| record);
        let maps: Vec<Arc<Map>> = maps()
            .iter()
            .map(|def| Arc::new(Map::new(def, &MapOptions::default()).unwrap()))
            .collect();
        let bindings = builtins::bindings(helpers.clone(), []).unwrap();
        let environment = Arc::new(CodeletEnvironment {
            name: program.name.clone(),
            runtime_threshold_ns: 0,
        });
        let facts = verified.facts().to_vec();
        let codelet =
            Arc::new(BoundCodelet::bind(verified, maps, Arc::new(bindings), environment).unwrap());
        let mut random = Random(seed | 1 << 40);
        for _ in 0..4 {
            let len = if context.region.sized_by_end {
                random
                    .pick(&[16_u64, 17, 24, 40, 63, 64, 100])
                    .max(context.region.known_size)
            } else {
                32
            };
            let region: Vec<u8> = (0..len).map(|_| byte(&mut random)).collect();
            let mut fields = vec![0; 12];
            fields
                .iter_mut()
                .for_each(|field| *field = byte(&mut random));
            let mut memory = Memory::new(&region);
            let mut input = Input {
                fields: &mut fields,
                region: memory.bytes_mut(),
            };
            let mut observe = |step: interpreter::Step<'_>| {
                assert_ne!(
                    facts[step.insn],
                    jbpf_verifier::program::Fact::Unreachable,
                    "seed {seed}: instruction {} is reached",
                    step.insn
                );
                let Some(record) = &record else { return };
                for register in 0..10 {
                    if step.initialised & 1 << register != 0 {
                        let value = step.registers[register];
                        assert!(
                            record.allows(step.insn, register, value),
                            "seed {seed}: r{register} = {value:#x} before {}",
                            step.insn
                        );
                    }
                }
            };
            interpreter::run(&codelet, &mut input, &mut observe)
                .unwrap_or_else(|fault| panic!("seed {seed}: {fault}\n{}", listing(&program)));
        }
    }
    println!("{cases} programs, {accepted} accepted, {recorded} of them recorded");
    // Near the frontier means on both sides of it.
    assert!(cases < 1000 || (accepted > cases / 20 && accepted < cases));
}

fn listing(program: &Program) -> String {
    let helpers = HelperTable::builtin();
    (0..program.insns.len())
        .map(|at| format!("{at}: {}\n", disassemble(program, &helpers, at)))
        .collect()
}

fn byte(random: &mut Random) -> u8 {
    match random.below(4) {
        0 => 0,
        1 => random.pick(&[1, 0x7f, 0x80, 0xff]),
        2 => random.below(16) as u8,
        _ => random.next() as u8,
    }
}
