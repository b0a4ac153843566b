//! The native engine against the interpreter, and both against rbpf's interpreter for code that it
//! computes correctly: every opcode on extreme operands, generated programs, and generated uses of
//! maps.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

#[path = "../../fuzz/checks/verifier.rs"]
mod check;
#[path = "../../fuzz/checks/replay.rs"]
mod replay;
mod support;

use jbpf_verifier::RawInsn;
use jbpf_verifier::types::{ContextDef, MapDef, MapKind};
use proptest::prelude::*;
use support::*;

/// Operands at which arithmetic goes wrong if it can.
const EXTREMES: [u64; 17] = [
    0,
    1,
    2,
    7,
    31,
    32,
    63,
    64,
    0x7f,
    0x80,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_ffff,
];

/// Immediates at which it does.
const IMMEDIATES: [i32; 9] = [0, 1, -1, 2, 31, 63, 0x7fff_ffff, -0x8000_0000, 0x1234_5678];

const fn insn(opcode: u8, dst: u8, src: u8, off: i16, imm: i32) -> RawInsn {
    RawInsn {
        opcode,
        dst,
        src,
        off,
        imm,
    }
}

const fn load(dst: u8, off: i16) -> RawInsn {
    insn(0x79, dst, 1, off, 0)
}

const fn store(off: i16, src: u8) -> RawInsn {
    insn(0x7b, 1, src, off, 0)
}

const EXIT: RawInsn = insn(0x95, 0, 0, 0, 0);

/// All ALU instructions on r2, with r3 as the source register if the form has one. `imm` is the
/// immediate.
fn alu_forms(imm: i32) -> Vec<RawInsn> {
    let mut forms = Vec::new();
    for class in [0x04, 0x07] {
        for source in [0x00, 0x08] {
            let register = source == 0x08;
            let (src, imm) = if register { (3, 0) } else { (0, imm) };
            for operation in [
                0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x90, 0xa0, 0xb0, 0xc0,
            ] {
                forms.push(insn(class | source | operation, 2, src, 0, imm));
            }
            // Signed division and modulo.
            forms.push(insn(class | source | 0x30, 2, src, 1, imm));
            forms.push(insn(class | source | 0x90, 2, src, 1, imm));
            if register {
                for bits in [8, 16, 32] {
                    if bits < 32 || class == 0x07 {
                        forms.push(insn(class | source | 0xb0, 2, src, bits, 0));
                    }
                }
            }
        }
        forms.push(insn(class | 0x80, 2, 0, 0, 0));
        for bits in [16, 32, 64] {
            forms.push(insn(class | 0xd0, 2, 0, 0, bits));
        }
    }
    for bits in [16, 32, 64] {
        forms.push(insn(0xdc, 2, 0, 0, bits));
    }
    forms
}

/// The immediate has no effect on forms that use none.
fn uses_immediate(form: RawInsn) -> bool {
    form.opcode & 0x08 == 0 && !matches!(form.opcode & 0xf0, 0x80 | 0xd0)
}

/// Runs one program natively and interpreted on each pair of extremes at offsets 0 and 8 of its
/// memory.
fn on_all_extremes(name: &str, insns: Vec<RawInsn>) {
    let codelet = bind(name, insns, ContextDef::memory(24), &[]);
    let native = native(&codelet);
    for left in EXTREMES {
        for right in EXTREMES {
            let mut memory = [left, right, 0xa5a5_a5a5_a5a5_a5a5]
                .map(u64::to_ne_bytes)
                .concat();
            memory.truncate(24);
            let ours = call(&native, &memory, &[]);
            let oracle = run_interpreted(&codelet, &memory, &[]);
            assert_eq!(ours, oracle, "{name} on {left:#x} and {right:#x}");
        }
    }
}

#[test]
fn arithmetic_agrees_on_extreme_operands() {
    for (index, imm) in IMMEDIATES.into_iter().enumerate() {
        for form in alu_forms(imm) {
            if index > 0 && !uses_immediate(form) {
                continue;
            }
            let name = format!("{form:?}");
            let program = vec![
                load(2, 0),
                load(3, 8),
                form,
                store(16, 2),
                insn(0xbf, 0, 2, 0, 0),
                EXIT,
            ];
            on_all_extremes(&name, program);
        }
    }
}

#[test]
fn arithmetic_on_constants_agrees() {
    // Constants are folded by the lowering and by Cranelift: another way to the same results.
    for form in alu_forms(-3) {
        for left in EXTREMES {
            for right in EXTREMES {
                let wide = |dst, value: u64| {
                    [
                        insn(0x18, dst, 0, 0, value as i32),
                        insn(0, 0, 0, 0, (value >> 32) as i32),
                    ]
                };
                let mut program = Vec::from(wide(2, left));
                program.extend(wide(3, right));
                program.extend([form, insn(0xbf, 0, 2, 0, 0), EXIT]);
                // Compiling all of them takes long: each form on a diagonal of the pairs.
                if (left ^ right).count_ones() % 5 == u32::from(form.opcode >> 4) % 5 {
                    let codelet = bind("constants", program, ContextDef::memory(0), &[]);
                    let ours = run_native(&codelet, &[], &[]);
                    assert_eq!(
                        ours,
                        run_interpreted(&codelet, &[], &[]),
                        "{form:?} on {left:#x} and {right:#x}"
                    );
                }
            }
        }
    }
}

#[test]
fn conditional_jumps_agree_on_extreme_operands() {
    const CONDITIONS: [u8; 11] = [
        0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0,
    ];
    for class in [0x05, 0x06] {
        for condition in CONDITIONS {
            let mut forms = vec![insn(class | 0x08 | condition, 2, 3, 1, 0)];
            for imm in IMMEDIATES {
                forms.push(insn(class | condition, 2, 0, 1, imm));
            }
            for form in forms {
                let program = vec![
                    load(2, 0),
                    load(3, 8),
                    insn(0xb7, 0, 0, 0, 1),
                    form,
                    insn(0xb7, 0, 0, 0, 2),
                    store(16, 0),
                    EXIT,
                ];
                on_all_extremes(&format!("{form:?}"), program);
            }
        }
    }
}

#[test]
fn loads_and_stores_agree_at_every_size_and_offset() {
    for offset in 0..=7 {
        for size in [0x00, 0x08, 0x10, 0x18] {
            for mode in [0x60, 0x80] {
                if mode == 0x80 && size == 0x18 {
                    continue;
                }
                let program = vec![
                    insn(0x01 | mode | size, 2, 1, offset, 0),
                    // To the stack and back, through another register.
                    insn(0xbf, 4, 10, 0, 0),
                    insn(0x7a, 10, 0, -8, -2),
                    insn(0x7a, 10, 0, -16, 77),
                    insn(0x63 | size, 4, 2, -16 + offset, 0),
                    insn(0x79, 3, 10, -16, 0),
                    insn(0x79, 5, 4, -8, 0),
                    insn(0xaf, 3, 5, 0, 0),
                    insn(0x62 | size, 1, 0, 8 + offset, -0x1234_5679),
                    store(16, 3),
                    insn(0xbf, 0, 2, 0, 0),
                    EXIT,
                ];
                on_all_extremes(
                    &format!("size {size:#x} mode {mode:#x} at {offset}"),
                    program,
                );
            }
        }
    }
}

#[test]
fn atomic_operations_agree_on_extreme_operands() {
    for operation in [0x00, 0x01, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1] {
        for size in [0xc3, 0xdb] {
            for expected in [0, 0xffff_ffff_u64 as i32, 1] {
                let program = vec![
                    load(3, 8),
                    insn(0xb7, 0, 0, 0, expected),
                    insn(size, 1, 3, 0, operation),
                    store(16, 3),
                    // The same on the stack.
                    load(4, 0),
                    insn(0x7b, 10, 4, -8, 0),
                    load(5, 8),
                    insn(size, 10, 5, -8, operation),
                    insn(0x79, 4, 10, -8, 0),
                    insn(0xaf, 0, 4, 0, 0),
                    insn(0xaf, 0, 5, 0, 0),
                    EXIT,
                ];
                on_all_extremes(&format!("atomic {operation:#x} of {size:#x}"), program);
                if operation != 0xf1 {
                    break;
                }
            }
        }
    }
}

#[test]
fn functions_that_only_dead_code_calls_are_no_obstacle() {
    let program = vec![
        insn(0xb7, 0, 0, 0, 1),
        // Never falls through: r0 is 1.
        insn(0x15, 0, 0, 1, 1),
        insn(0x85, 0, 1, 0, 1),
        EXIT,
        // The function, with a jump of its own.
        insn(0x15, 1, 0, 1, 0),
        insn(0xb7, 0, 0, 0, 2),
        insn(0xb7, 0, 0, 0, 3),
        EXIT,
    ];
    let codelet = bind("dead_call", program, ContextDef::memory(0), &[]);
    assert_eq!(run_native(&codelet, &[], &[]).0, 1);
    assert_eq!(run_interpreted(&codelet, &[], &[]).0, 1);
}

// Generated programs.
//
// r6 holds the memory, r10 the stack, r1 is for addresses, r9 counts loops; r0, r2 to r5, r7 and
// r8 hold numbers. The first 32 bytes of the stack's top 64 are written at the start, all numbers
// come from the memory, and in the end everything is folded into r0.

const MEMORY: usize = 64;
const NUMBERS: [u8; 7] = [0, 2, 3, 4, 5, 7, 8];

#[derive(Debug, Clone)]
enum Item {
    /// Any instruction that does not jump.
    Plain(Vec<RawInsn>),
    /// A conditional jump over a body.
    If(RawInsn, Vec<Item>),
    /// A body that runs so many times.
    Loop(i32, Vec<Item>),
    /// A call of a function that ends the program: its body, on r1 to r5.
    Call(Vec<Item>),
}

fn number() -> impl Strategy<Value = u8> {
    prop::sample::select(&NUMBERS[..])
}

fn immediate() -> impl Strategy<Value = i32> {
    prop_oneof![prop::sample::select(&IMMEDIATES[..]), any::<i32>()]
}

/// The instructions that a generated program may contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// Everything.
    Whole,
    /// The instructions that rbpf's interpreter computes correctly.
    Classic,
}

fn alu(dialect: Dialect) -> impl Strategy<Value = RawInsn> {
    let forms = move |imm: i32| -> Vec<RawInsn> {
        alu_forms(imm)
            .into_iter()
            .filter(|form| {
                let operation = form.opcode & 0xf0;
                dialect == Dialect::Whole
                    || form.off == 0
                        // The 32-bit modulo by zero keeps the upper half, the negation of the
                        // smallest number panics, and there is no bswap.
                        && !(form.opcode & 7 == 4 && operation == 0x90)
                        && !(form.opcode & 7 == 7 && matches!(operation, 0x80 | 0xd0))
            })
            .collect()
    };
    (
        immediate(),
        any::<prop::sample::Index>(),
        number(),
        number(),
    )
        .prop_map(move |(imm, index, dst, src)| {
            let forms = forms(imm);
            let form = forms[index.index(forms.len())];
            RawInsn {
                dst,
                src: if form.src == 3 { src } else { 0 },
                ..form
            }
        })
}

fn condition(dialect: Dialect) -> impl Strategy<Value = RawInsn> {
    const CONDITIONS: [u8; 11] = [
        0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0,
    ];
    (
        prop::sample::select(&CONDITIONS[..]),
        prop::sample::select(&[0x05_u8, 0x06][..]),
        any::<bool>(),
        number(),
        number(),
        immediate(),
    )
        .prop_map(move |(condition, class, register, dst, src, imm)| {
            // It zero-extends negative immediates in 64-bit comparisons.
            let imm = match dialect {
                Dialect::Classic if class == 0x05 => imm & 0x7fff_ffff,
                _ => imm,
            };
            if register {
                insn(class | 0x08 | condition, dst, src, 0, 0)
            } else {
                insn(class | condition, dst, 0, 0, imm)
            }
        })
}

/// A load or store of a place in the memory (r6) or on the stack.
fn access(dialect: Dialect) -> impl Strategy<Value = Vec<RawInsn>> {
    (
        prop::sample::select(&[(0x00_u8, 4_i16), (0x08, 2), (0x10, 1), (0x18, 8)][..]),
        0..32_i16,
        any::<bool>(),
        0..5_u8,
        number(),
        number(),
        immediate(),
    )
        .prop_map(
            move |((size, bytes), place, stack, how, number, other, imm)| {
                let (base, offset) = if stack {
                    (10, -32 + place.min(32 - bytes))
                } else {
                    (6, place)
                };
                match how {
                    0 => vec![insn(0x61 | size, number, base, offset, 0)],
                    1 if size != 0x18 && dialect == Dialect::Whole => {
                        vec![insn(0x81 | size, number, base, offset, 0)]
                    }
                    2 => vec![insn(0x62 | size, base, 0, offset, imm)],
                    // A place that only the run decides.
                    3 if !stack => vec![
                        insn(0xbf, 1, 6, 0, 0),
                        insn(0x57, other, 0, 0, 15),
                        insn(0x0f, 1, other, 0, 0),
                        insn(0x63 | size, 1, number, offset, 0),
                    ],
                    // Through a copy of the address.
                    4 => vec![
                        insn(0xbf, 1, base, 0, 0),
                        insn(0x07, 1, 0, 0, i32::from(offset)),
                        insn(0x61 | size, number, 1, 0, 0),
                    ],
                    _ => vec![insn(0x63 | size, base, number, offset, 0)],
                }
            },
        )
}

fn atomic() -> impl Strategy<Value = Vec<RawInsn>> {
    const OPERATIONS: [i32; 10] = [0x00, 0x01, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1];
    (
        prop::sample::select(&OPERATIONS[..]),
        any::<bool>(),
        0..4_i16,
        any::<bool>(),
        number(),
    )
        .prop_map(|(operation, wide, place, stack, number)| {
            let opcode = if wide { 0xdb } else { 0xc3 };
            let (base, offset) = if stack { (10, -32) } else { (6, 0) };
            let step = if wide { 8 } else { 4 };
            vec![insn(opcode, base, number, offset + place * step, operation)]
        })
}

/// A store to the stack between a store and a load of a known place there, which it may or may not
/// hit.
fn crossing() -> impl Strategy<Value = Vec<RawInsn>> {
    (
        condition(Dialect::Whole),
        number(),
        number(),
        immediate(),
        any::<bool>(),
    )
        .prop_map(|(choice, stored, loaded, imm, through_path)| {
            let address = if through_path {
                // r1 is one of two places, by the path.
                vec![
                    insn(0xbf, 1, 10, 0, 0),
                    RawInsn { off: 1, ..choice },
                    insn(0x07, 1, 0, 0, -8),
                ]
            } else {
                // r1 is somewhere in 16 bytes, by a number.
                vec![
                    insn(0xbf, 1, 10, 0, 0),
                    insn(0x57, loaded, 0, 0, 8),
                    insn(0x1f, 1, loaded, 0, 0),
                ]
            };
            let crossing = [
                insn(0x7a, 10, 0, -16, imm),
                insn(0x7b, 1, stored, -8, 0),
                insn(0x79, loaded, 10, -16, 0),
            ];
            [address, crossing.into()].concat()
        })
}

fn wide() -> impl Strategy<Value = Vec<RawInsn>> {
    let value = prop_oneof![prop::sample::select(&EXTREMES[..]), any::<u64>()];
    (number(), value).prop_map(|(dst, value)| {
        vec![
            insn(0x18, dst, 0, 0, value as i32),
            insn(0, 0, 0, 0, (value >> 32) as i32),
        ]
    })
}

fn items(dialect: Dialect) -> impl Strategy<Value = Vec<Item>> {
    let plain = match dialect {
        Dialect::Whole => prop_oneof![
            6 => alu(dialect).prop_map(|insn| vec![insn]),
            3 => access(dialect),
            1 => wide(),
            1 => atomic(),
            1 => crossing(),
        ]
        .boxed(),
        Dialect::Classic => prop_oneof![
            6 => alu(dialect).prop_map(|insn| vec![insn]),
            3 => access(dialect),
            1 => wide(),
        ]
        .boxed(),
    };
    let leaf = plain.prop_map(Item::Plain);
    let item = leaf.prop_recursive(3, 24, 6, move |inner| {
        let body = prop::collection::vec(inner, 0..6);
        let branch = (condition(dialect), body.clone()).prop_map(|(c, body)| Item::If(c, body));
        let counted = (1..4, body.clone()).prop_map(|(times, body)| Item::Loop(times, body));
        match dialect {
            Dialect::Whole => prop_oneof![
                5 => branch,
                1 => counted,
                1 => body.prop_map(Item::Call),
            ]
            .boxed(),
            Dialect::Classic => prop_oneof![5 => branch, 1 => counted].boxed(),
        }
    });
    prop::collection::vec(item, 1..14)
}

/// Puts a program together: main, then the functions that it calls.
#[derive(Default)]
struct Layout {
    insns: Vec<RawInsn>,
    /// Calls to patch: the place of the call, and the callee's body.
    calls: Vec<(usize, Vec<Item>)>,
    in_function: bool,
    in_loop: bool,
}

impl Layout {
    fn program(items: &[Item]) -> Vec<RawInsn> {
        let mut layout = Self::default();
        layout.insns.push(insn(0xbf, 6, 1, 0, 0));
        layout.prologue();
        layout.items(items);
        layout.epilogue();
        while let Some((call, body)) = layout.calls.pop() {
            let start = layout.insns.len();
            layout.insns[call].imm = (start - call - 1) as i32;
            layout.in_function = true;
            // The callee gets the memory's address in r1.
            layout.insns.push(insn(0xbf, 6, 1, 0, 0));
            layout.prologue();
            layout.items(&body);
            layout.epilogue();
        }
        layout.insns
    }

    fn prologue(&mut self) {
        for (register, offset) in NUMBERS.into_iter().zip([0, 8, 16, 24, 32, 40, 48]) {
            self.insns.push(insn(0x79, register, 6, offset, 0));
        }
        for (register, offset) in [0, 2, 3, 4].into_iter().zip([-8, -16, -24, -32]) {
            self.insns.push(insn(0x7b, 10, register, offset, 0));
        }
    }

    fn epilogue(&mut self) {
        for offset in [-8, -16, -24, -32] {
            self.insns.push(insn(0x79, 1, 10, offset, 0));
            self.fold(1);
        }
        for register in &NUMBERS[1..] {
            self.fold(*register);
        }
        self.insns.push(EXIT);
    }

    fn fold(&mut self, register: u8) {
        self.insns.push(insn(0x27, 0, 0, 0, 0x0100_0193));
        self.insns.push(insn(0xaf, 0, register, 0, 0));
    }

    fn items(&mut self, items: &[Item]) {
        for item in items {
            match item {
                Item::Plain(insns) => self.insns.extend(insns),
                Item::If(condition, body) => {
                    let at = self.insns.len();
                    self.insns.push(*condition);
                    self.items(body);
                    self.insns[at].off = (self.insns.len() - at - 1) as i16;
                }
                Item::Loop(times, body) if !self.in_loop => {
                    self.in_loop = true;
                    self.insns.push(insn(0xb7, 9, 0, 0, *times));
                    let start = self.insns.len();
                    self.items(body);
                    self.insns.push(insn(0x07, 9, 0, 0, -1));
                    let back = start as isize - self.insns.len() as isize - 1;
                    self.insns.push(insn(0x55, 9, 0, back as i16, 0));
                    self.in_loop = false;
                }
                Item::Loop(_, body) => self.items(body),
                Item::Call(body) if !self.in_function => {
                    self.insns.push(insn(0xbf, 1, 6, 0, 0));
                    self.calls.push((self.insns.len(), body.clone()));
                    self.insns.push(insn(0x85, 0, 1, 0, 0));
                    // r1 to r5 are gone.
                    for (register, offset) in [2, 3, 4, 5].into_iter().zip([8, 0, 24, 16]) {
                        self.insns.push(insn(0x79, register, 6, offset, 0));
                    }
                }
                Item::Call(body) => self.items(body),
            }
        }
    }
}

// Generated uses of maps: keys that are constants, numbers of the run, on the stack or in the
// memory; null checks at once, through a copy, or after the result was kept on the stack.

#[derive(Debug, Clone, Copy)]
enum Key {
    Constant(i32),
    /// Four bytes of the memory, copied to the stack.
    Copied(i16),
    /// The same, cut to a small number.
    Small(i16),
    /// Four bytes of the memory, in place.
    InMemory(i16),
    /// On the stack, written on two paths.
    Chosen(i32, i32),
}

#[derive(Debug, Clone, Copy)]
enum Check {
    /// `if r0 == 0` skips the use.
    IfNull,
    /// `if r0 != 0` jumps to the use.
    IfFound,
    /// Through a copy in r7.
    Copy,
    /// After a while on the stack.
    Spilled,
}

#[derive(Debug, Clone, Copy)]
struct MapUse {
    map: i32,
    helper: i32,
    key: Key,
    check: Check,
    add: i32,
}

/// Maps by index; all keys are four bytes.
fn used_maps() -> Vec<MapDef> {
    vec![
        map("small", MapKind::Array, 8, 3),
        map("wide", MapKind::Array, 20, 40),
        map("per_thread", MapKind::PerThreadArray, 12, 5),
        map("hash", MapKind::Hash, 8, 4),
        map("per_thread_hash", MapKind::PerThreadHash, 16, 4),
        map("large", MapKind::Array, 200, 3),
    ]
}

fn map_use() -> impl Strategy<Value = MapUse> {
    let place = (0..16_i16).prop_map(|word| word * 4);
    let index = prop_oneof![4 => 0..5_i32, 1 => prop::sample::select(&[-1, 39, 40, 41][..])];
    let key = prop_oneof![
        index.clone().prop_map(Key::Constant),
        place.clone().prop_map(Key::Copied),
        place.clone().prop_map(Key::Small),
        place.prop_map(Key::InMemory),
        (index.clone(), index).prop_map(|(one, other)| Key::Chosen(one, other)),
    ];
    let check =
        prop::sample::select(&[Check::IfNull, Check::IfFound, Check::Copy, Check::Spilled][..]);
    let helper = prop::sample::select(&[1, 1, 1, 2, 2, 3, 3, 4][..]);
    (0..6, helper, key, check, -5..5).prop_map(|(map, helper, key, check, add)| MapUse {
        map,
        helper,
        key,
        check,
        add,
    })
}

/// r6 holds the memory, r8 gathers the results.
fn program_of_uses(uses: &[MapUse]) -> Vec<RawInsn> {
    let mut program = vec![insn(0xbf, 6, 1, 0, 0), insn(0xb7, 8, 0, 0, 0)];
    for one in uses {
        program.extend(key_to_r2(one.key));
        program.extend([insn(0x18, 1, 5, 0, one.map), insn(0, 0, 0, 0, 0)]);
        if one.helper == 3 {
            // The largest value has 200 bytes; the memory is larger.
            program.extend([insn(0xbf, 3, 6, 0, 0), insn(0xb7, 4, 0, 0, 0)]);
        }
        program.push(insn(0x85, 0, 0, 0, one.helper));
        if matches!(one.helper, 3 | 4) {
            program.extend([insn(0x27, 8, 0, 0, 31), insn(0x0f, 8, 0, 0, 0)]);
            continue;
        }
        // r0 into r7, or onto the stack and back.
        let pointer = match one.check {
            Check::IfNull | Check::IfFound => 0,
            Check::Copy => {
                program.push(insn(0xbf, 7, 0, 0, 0));
                7
            }
            Check::Spilled => {
                program.extend([insn(0x7b, 10, 0, -24, 0), insn(0x79, 7, 10, -24, 0)]);
                7
            }
        };
        let action = [
            insn(0x61, 1, pointer, 0, 0),
            insn(0x27, 8, 0, 0, 31),
            insn(0x0f, 8, 1, 0, 0),
            insn(0x07, 1, 0, 0, one.add),
            insn(0x63, pointer, 1, 0, 0),
        ];
        match one.check {
            Check::IfNull | Check::Spilled => program.push(insn(0x15, pointer, 0, 5, 0)),
            Check::IfFound | Check::Copy => {
                program.extend([insn(0x55, pointer, 0, 1, 0), insn(0x05, 0, 0, 5, 0)]);
            }
        }
        program.extend(action);
    }
    program.extend([insn(0xbf, 0, 8, 0, 0), EXIT]);
    program
}

fn key_to_r2(key: Key) -> Vec<RawInsn> {
    let of_stack = [insn(0xbf, 2, 10, 0, 0), insn(0x07, 2, 0, 0, -8)];
    let mut insns = match key {
        Key::Constant(index) => vec![insn(0x62, 10, 0, -8, index)],
        Key::Copied(at) => vec![insn(0x61, 3, 6, at, 0), insn(0x63, 10, 3, -8, 0)],
        Key::Small(at) => vec![
            insn(0x61, 3, 6, at, 0),
            insn(0x57, 3, 0, 0, 7),
            insn(0x63, 10, 3, -8, 0),
        ],
        Key::InMemory(at) => {
            return vec![insn(0xbf, 2, 6, 0, 0), insn(0x07, 2, 0, 0, at.into())];
        }
        Key::Chosen(one, other) => vec![
            insn(0x62, 10, 0, -8, one),
            insn(0x61, 3, 6, 0, 0),
            insn(0x56, 3, 0, 1, 0),
            insn(0x62, 10, 0, -8, other),
        ],
    };
    insns.extend(of_stack);
    insns
}

/// The same program with the code of its first function cut into pieces, which stand in another
/// order and are joined by jumps: a value made in one place is used in an earlier one.
fn scattered(insns: &[RawInsn], cuts: &[(prop::sample::Index, u8)]) -> Vec<RawInsn> {
    let is_call = |insn: &RawInsn| insn.opcode == 0x85 && insn.src == 1;
    let jumps =
        |insn: &RawInsn| matches!(insn.opcode & 7, 5 | 6) && !matches!(insn.opcode, 0x85 | 0x95);
    let target = |at: usize, insn: &RawInsn| {
        let distance = match insn.opcode {
            0x06 | 0x85 => insn.imm as isize,
            _ => insn.off.into(),
        };
        at.wrapping_add_signed(distance + 1)
    };
    let calls = insns.iter().enumerate().filter(|(_, insn)| is_call(insn));
    let end = calls
        .map(|(at, insn)| target(at, insn))
        .min()
        .unwrap_or(insns.len());
    let heads: Vec<usize> = (1..end)
        .filter(|&at| insns[at - 1].opcode != 0x18)
        .collect();
    let mut pieces = std::collections::BTreeMap::from([(0, 0)]);
    pieces.extend(cuts.iter().map(|(cut, order)| (*cut.get(&heads), *order)));
    let ends = pieces.keys().skip(1).copied().chain([end]);
    let mut pieces: Vec<_> = pieces
        .iter()
        .zip(ends)
        .map(|((&start, &order), end)| (start != 0, order, start, end))
        .collect();
    pieces.sort_unstable();

    let mut placed = vec![0; insns.len()];
    let mut scattered: Vec<(Option<usize>, RawInsn)> = Vec::new();
    for (_, _, start, end) in pieces {
        for at in start..end {
            placed[at] = scattered.len();
            scattered.push((Some(at), insns[at]));
        }
        if !matches!(insns[end - 1].opcode, 0x05 | 0x95) {
            // A jump to the piece that followed. Its distance is the piece's old end until all
            // pieces are placed.
            scattered.push((
                None,
                RawInsn {
                    opcode: 0x06,
                    imm: end as i32,
                    ..RawInsn::default()
                },
            ));
        }
    }
    for at in end..insns.len() {
        placed[at] = scattered.len();
        scattered.push((Some(at), insns[at]));
    }
    let distance = |from: usize, to: usize| placed[to] as i32 - from as i32 - 1;
    let moved = scattered.iter().enumerate().map(|(new, (old, insn))| {
        let mut insn = *insn;
        match old {
            None => insn.imm = distance(new, insn.imm as usize),
            Some(old) if is_call(&insn) => insn.imm = distance(new, target(*old, &insn)),
            Some(old) if jumps(&insn) && insn.opcode == 0x06 => {
                insn.imm = distance(new, target(*old, &insn));
            }
            Some(old) if jumps(&insn) => {
                insn.off = distance(new, target(*old, &insn)).try_into().unwrap();
            }
            Some(_) => {}
        }
        insn
    });
    moved.collect()
}

fn cuts() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec(any::<(prop::sample::Index, u8)>(), 0..6)
}

fn memory() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![prop::sample::select(&EXTREMES[..]), any::<u64>()];
    prop::collection::vec(word, MEMORY / 8)
        .prop_map(|words| words.into_iter().flat_map(u64::to_ne_bytes).collect())
}

/// rbpf's interpreter: r0, and the memory.
fn run_rbpf(insns: &[RawInsn], memory: &[u8]) -> (u64, Vec<u8>) {
    let bytes: Vec<u8> = insns.iter().flat_map(|insn| insn.to_bytes()).collect();
    let mut vm = rbpf::EbpfVmRaw::new(None).unwrap();
    vm.set_verifier(|_| Ok(())).unwrap();
    vm.set_program(&bytes).unwrap();
    let mut memory = Memory::new(memory);
    let r0 = vm.execute_program(memory.bytes_mut()).unwrap();
    drop(vm);
    (r0, memory.bytes().to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn generated_programs_agree(items in items(Dialect::Whole), memory in memory()) {
        let program = Layout::program(&items);
        let codelet = bind("generated", program, ContextDef::memory(MEMORY as u64), &[]);
        let native = run_native(&codelet, &memory, &[]);
        prop_assert_eq!(native, run_interpreted(&codelet, &memory, &[]));
    }

    #[test]
    fn generated_programs_in_another_order_agree(
        items in items(Dialect::Whole),
        cuts in cuts(),
        memory in memory(),
    ) {
        let program = scattered(&Layout::program(&items), &cuts);
        let codelet = bind("scattered", program, ContextDef::memory(MEMORY as u64), &[]);
        let native = run_native(&codelet, &memory, &[]);
        prop_assert_eq!(native, run_interpreted(&codelet, &memory, &[]));
    }

    #[test]
    fn generated_uses_of_maps_agree(
        uses in prop::collection::vec(map_use(), 1..10),
        cuts in cuts(),
        memory in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), any::<u8>()], 256),
    ) {
        let program = scattered(&program_of_uses(&uses), &cuts);
        // Maps of their own for each engine, and several runs, so that a later run sees the stores
        // of an earlier one.
        let context = || ContextDef::memory(256);
        let interpreted = bind("interpreted", program.clone(), context(), &used_maps());
        let compiled = bind("compiled", program, context(), &used_maps());
        let native = native(&compiled);
        for _ in 0..3 {
            let ours = call(&native, &memory, &[]);
            prop_assert_eq!(ours, run_interpreted(&interpreted, &memory, &[]));
        }
    }

    #[test]
    fn generated_programs_agree_with_rbpf(
        items in items(Dialect::Classic),
        memory in memory(),
    ) {
        let program = Layout::program(&items);
        let third = run_rbpf(&program, &memory);
        let codelet = bind("generated", program, ContextDef::memory(MEMORY as u64), &[]);
        let (r0, region, _) = run_native(&codelet, &memory, &[]);
        prop_assert_eq!((r0, region), third);
    }
}

#[test]
fn instructions_that_the_fuzzer_tried_are_rejected_or_agree() {
    let mut run = 0;
    let replayed = replay::replay("verifier", |bytes| {
        run += u32::from(check::check(bytes) == check::Outcome::Run);
    });
    assert!(replayed > 0 && run > 0);
}
