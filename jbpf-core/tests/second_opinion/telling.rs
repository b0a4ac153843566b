//! Programs rewritten so that prevail can follow them.
//!
//! Extra instructions tell prevail the facts that ours knows and it does not. If it then accepts a
//! program, these facts are the only difference. The facts are not taken on trust: the soundness
//! test checks our knowledge of each register against runs of such programs.

use std::collections::BTreeSet;

use jbpf_verifier::types::{ContextDef, RegionDef};
use jbpf_verifier::{Program, RawInsn, Record};

/// A section as the source of unknown numbers: prevail knows nothing of its contents.
const DATA: i32 = 4;

/// The facts that prevail is told of a program.
#[derive(Debug, Default)]
pub struct Telling {
    /// The bounds of numbers that are added to pointers, compared, or passed to helpers.
    pub bounds: bool,
    /// Ors of pointers, by index, that are sums.
    pub sums: BTreeSet<usize>,
    /// Differences of pointers, by index, that are numbers within bounds.
    pub distances: BTreeSet<usize>,
    /// Jumps, by index, that compare a number with itself or a copy.
    pub of_equals: BTreeSet<usize>,
    /// That the least immediate can be subtracted.
    pub least_immediate: bool,
    /// How large the region is that the context promises.
    pub region: bool,
}

/// A program that was told something.
pub struct Told {
    pub program: Program,
    /// For each instruction, the one of the original that it stands for.
    pub origins: Vec<usize>,
}

/// An or of 64 bits.
pub fn is_wide_or(insn: &RawInsn) -> bool {
    matches!(insn.opcode, 0x47 | 0x4f)
}

/// A copy of a register's lower half.
pub fn is_narrow_move(insn: &RawInsn) -> bool {
    insn.opcode == 0xbc && insn.off == 0
}

/// A subtraction of a register, in 64 bits.
pub fn is_difference(insn: &RawInsn) -> bool {
    insn.opcode == 0x1f
}

pub fn subtracts_least_immediate(insn: &RawInsn) -> bool {
    matches!(insn.opcode, 0x14 | 0x17) && insn.imm == i32::MIN
}

/// An addition of a register, in 64 bits.
pub fn is_sum(insn: &RawInsn) -> bool {
    insn.opcode == 0x0f
}

pub fn is_local_call(insn: &RawInsn) -> bool {
    insn.opcode == 0x85 && insn.src == 1
}

pub fn is_helper_call(insn: &RawInsn) -> bool {
    insn.opcode == 0x85 && insn.src == 0
}

pub fn is_jump(insn: &RawInsn) -> bool {
    matches!(insn.opcode & 0x07, 0x05 | 0x06) && !matches!(insn.opcode, 0x85 | 0x95)
}

/// Whether it is a jump on how two registers compare, which may be one.
pub fn compares_registers(insn: &RawInsn) -> bool {
    let condition = insn.opcode & 0xf0;
    is_jump(insn) && insn.opcode & 0x08 != 0 && !matches!(condition, 0x00 | 0x40)
}

/// Whether equal numbers make a conditional jump go.
pub fn holds_of_equals(insn: &RawInsn) -> bool {
    matches!(insn.opcode & 0xf0, 0x10 | 0x30 | 0x70 | 0xb0 | 0xd0)
}

/// Loads, stores and atomic operations.
pub fn is_access(insn: &RawInsn) -> bool {
    matches!(insn.opcode & 0x07, 0x01..=0x03)
}

/// The register that holds the address of an access.
pub fn address(access: &RawInsn) -> u8 {
    if access.opcode & 0x07 == 0x01 {
        access.src
    } else {
        access.dst
    }
}

/// Writes the extra instructions. They jump out of the way for each case that ours excludes.
struct Writer<'r> {
    record: &'r Record,
    insns: Vec<RawInsn>,
    /// Places of jumps out.
    out: Vec<usize>,
}

impl Writer<'_> {
    /// Has numbers outside the bounds that are known before an instruction leave.
    fn bound(&mut self, at: usize, register: u8) {
        let Some((least, greatest)) = self.record.number_range(at, register.into()) else {
            return;
        };
        for (opcode, bound) in [(0xc5, least), (0x65, greatest)] {
            if let Ok(imm) = bound.try_into() {
                self.out.push(self.insns.len());
                self.insns.push(RawInsn {
                    opcode,
                    dst: register,
                    imm,
                    ..RawInsn::default()
                });
            }
        }
    }

    /// Has it leave if the region is smaller than promised, or larger than it can be.
    fn region(&mut self, region: &RegionDef) {
        let [start, end] = [(2, 0), (3, 8)].map(|(dst, off)| RawInsn {
            opcode: 0x79,
            dst,
            src: 1,
            off,
            imm: 0,
        });
        let promised = RawInsn {
            opcode: 0x07,
            dst: 2,
            imm: region.known_size as i32,
            ..RawInsn::default()
        };
        self.insns.extend([start, end, promised]);
        self.out.push(self.insns.len());
        self.insns.push(RawInsn {
            // Unequal, or greater.
            opcode: if region.sized_by_end { 0x2d } else { 0x5d },
            dst: 2,
            src: 3,
            ..RawInsn::default()
        });
    }

    /// Has it leave if the compared registers differ.
    fn equals(&mut self, insn: &RawInsn) {
        if insn.dst != insn.src {
            self.out.push(self.insns.len());
            self.insns.push(RawInsn {
                opcode: 0x5d,
                ..*insn
            });
        }
    }

    fn bounds(&mut self, at: usize, insn: &RawInsn) {
        let is_number = |register: u8| self.record.number_range(at, register.into()).is_some();
        if is_helper_call(insn) {
            (1..=5).for_each(|register| self.bound(at, register));
        } else if matches!(insn.opcode, 0x0f | 0x1f | 0x4f) && !is_number(insn.dst) {
            self.bound(at, insn.src);
        } else if is_jump(insn) && insn.opcode != 0x05 {
            self.bound(at, insn.dst);
            if insn.opcode & 0x08 != 0 {
                self.bound(at, insn.src);
            }
        }
    }
}

impl Telling {
    pub fn tell(&self, program: &Program, context: &ContextDef, record: &Record) -> Told {
        let mut writer = Writer {
            record,
            insns: Vec::new(),
            out: Vec::new(),
        };
        // For each instruction, the start of its replacement and the place of the instruction
        // itself.
        let (mut starts, mut places, mut origins) = (Vec::new(), Vec::new(), Vec::new());
        let mut bound_next = None;
        if self.region {
            writer.region(&context.region);
        }
        for (at, insn) in program.insns.iter().enumerate() {
            starts.push(writer.insns.len());
            if let Some(register) = bound_next.take() {
                writer.bound(at, register);
            }
            if self.bounds {
                writer.bounds(at, insn);
            }
            if self.of_equals.contains(&at) {
                writer.equals(insn);
            }
            places.push(writer.insns.len());
            if self.sums.contains(&at) {
                writer.insns.push(RawInsn {
                    // 64-bit addition, of an immediate or a register as before.
                    opcode: 0x07 | insn.opcode & 0x08,
                    ..*insn
                });
            } else if self.distances.contains(&at) {
                writer.insns.extend(unknown_number(insn.dst));
                bound_next = Some(insn.dst);
            } else if self.of_equals.contains(&at) {
                writer.insns.push(RawInsn {
                    opcode: 0x05,
                    dst: 0,
                    src: 0,
                    ..*insn
                });
            } else if self.least_immediate && subtracts_least_immediate(insn) {
                let half = RawInsn {
                    opcode: insn.opcode & 0x07,
                    imm: 1 << 30,
                    ..*insn
                };
                writer.insns.extend([half; 2]);
            } else {
                writer.insns.push(*insn);
            }
            origins.resize(writer.insns.len(), at);
        }
        let Writer { mut insns, out, .. } = writer;
        for (at, insn) in program.insns.iter().enumerate() {
            let distance = |offset: i64| {
                let target = starts[(at as i64 + 1 + offset) as usize];
                target as i64 - places[at] as i64 - 1
            };
            if self.of_equals.contains(&at) && !holds_of_equals(insn) {
                insns[places[at]].off = 0;
            } else if is_jump(insn) {
                insns[places[at]].off = distance(insn.off.into()) as i16;
            } else if is_local_call(insn) {
                insns[places[at]].imm = distance(insn.imm.into()) as i32;
            }
        }
        let end = insns.len();
        for jump in out {
            insns[jump].off = (end - jump - 1) as i16;
        }
        let leave = |opcode| RawInsn {
            opcode,
            ..RawInsn::default()
        };
        insns.extend([leave(0xb7), leave(0x95)]);
        Told {
            program: Program {
                insns,
                ..program.clone()
            },
            origins,
        }
    }
}

/// An unknown number.
fn unknown_number(dst: u8) -> [RawInsn; 3] {
    let address = RawInsn {
        opcode: 0x18,
        dst,
        src: 6,
        imm: DATA,
        off: 0,
    };
    let load = RawInsn {
        opcode: 0x79,
        dst,
        src: dst,
        ..RawInsn::default()
    };
    [address, RawInsn::default(), load]
}
