//! Every comparison of two values that the verifier allows: both engines go the same way, wherever
//! memory lies.
//!
//! Each pair of kinds of values, with each comparison in each width, is verified. The comparisons
//! of a pair that are accepted make one program, which runs in both engines at two layouts of
//! memory, and on an empty region.

use std::sync::Arc;

use jbpf_core::engine::{Engine, Input};
use jbpf_core::map::{Map, MapOptions, Storage};
use jbpf_hooks::hook::HookKind;
use jbpf_verifier::RawInsn;
use jbpf_verifier::types::{ContextDef, DataSection, MapDef, MapKind};

use super::{ENGINES, map};
use crate::support::{Memory, assemble, bind_to, verify};

/// Conditions of jumps, as operation codes have them: each of the instruction set's.
const CONDITIONS: [u8; 11] = [
    0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0,
];

/// The map of the results: a section of a byte for each comparison.
const RESULTS: usize = 0;

fn maps() -> Vec<MapDef> {
    let section = |name: &str, bytes: usize| MapDef {
        section: Some(DataSection {
            contents: vec![0; bytes].into(),
            read_only: false,
        }),
        ..map(name, MapKind::Array, bytes as u32, 1)
    };
    vec![
        section(".bss", 2 * CONDITIONS.len()),
        section(".data", 16),
        map("array", MapKind::Array, 16, 4),
        map("own", MapKind::PerThreadArray, 16, 4),
        map("hash", MapKind::Hash, 16, 4),
        map("output", MapKind::Output, 16, 4),
    ]
}

/// A kind of value, and how it gets into a register: `D` in the text. r6 is the context, r1 to r5
/// are free.
struct Kind {
    name: &'static str,
    in_r8: Vec<RawInsn>,
    in_r9: Vec<RawInsn>,
    /// Whether it speaks of the frame of the function that compares.
    own_frame: bool,
}

/// D = a value of a map, or null.
fn lookup(map: usize, key: u32) -> String {
    format!(
        "stw [r10-64], {key}\nmov r2, r10\nadd r2, -64\nlddw r1, map {map}\ncall 1\nmov D, r0\n"
    )
}

/// Returns unless D is something.
const FOUND: &str = "jne D, 0, +2\nmov r0, 0\nexit\n";

/// r5 = 0 to 15, the first of the context's own numbers.
const NUMBER: &str = "ldxw r5, [r6+24]\nand r5, 15\n";

fn kinds() -> Vec<Kind> {
    let reserve = "lddw r1, map 5\ncall 17\nmov D, r0\n";
    let sent = "lddw r1, map 5\nmov r7, D\ncall 18\nmov D, r7\n";
    // A slot of the hash must hold the key, for both engines alike.
    let insert = "stw [r10-64], 1\nstdw [r10-56], 0\nstdw [r10-48], 0
        mov r2, r10\nadd r2, -64\nmov r3, r10\nadd r3, -56\nlddw r1, map 4\nmov r4, 0\ncall 3\n";
    // Returns unless the region has 16 bytes.
    let sixteen =
        "ldxdw D, [r6]\nldxdw r1, [r6+8]\nmov r2, D\nadd r2, 16\njle r2, r1, +2\nmov r0, 0\nexit\n";
    let (found, number) = (FOUND, NUMBER);
    let of = |map, key| lookup(map, key) + found;
    let kinds = [
        ("0", "mov D, 0\n".to_owned()),
        ("-1", "mov D, -1\n".to_owned()),
        ("number", "ldxw D, [r6+24]\n".to_owned()),
        ("ctx", "mov D, r6\n".to_owned()),
        ("ctx+27", "mov D, r6\nadd D, 27\n".to_owned()),
        ("ctx+28", "mov D, r6\nadd D, 28\n".to_owned()),
        ("fp", "mov D, r10\n".to_owned()),
        ("fp-8", "mov D, r10\nadd D, -8\n".to_owned()),
        ("fp-512", "mov D, r10\nadd D, -512\n".to_owned()),
        (
            "fp-16+n",
            format!("{number}mov D, r10\nadd D, -16\nadd D, r5\n"),
        ),
        (
            "fp-16+2n",
            format!("{number}mov D, r10\nadd D, -16\nadd D, r5\nadd D, r5\n"),
        ),
        ("fp+8", "mov D, r10\nadd D, 8\n".to_owned()),
        (
            "fp+2^39",
            "mov D, r10\nlddw r5, 0x8000000000\nadd D, r5\n".to_owned(),
        ),
        ("fp-2^31", "mov D, r10\nadd D, -0x80000000\n".to_owned()),
        ("data", "ldxdw D, [r6]\n".to_owned()),
        ("data-8", "ldxdw D, [r6]\nadd D, -8\n".to_owned()),
        ("data+n", format!("{number}ldxdw D, [r6]\nadd D, r5\n")),
        ("data+n, within", format!("{sixteen}{number}add D, r5\n")),
        (
            "data+2^39",
            "ldxdw D, [r6]\nlddw r5, 0x8000000000\nadd D, r5\n".to_owned(),
        ),
        ("end", "ldxdw D, [r6+8]\n".to_owned()),
        ("end-8", "ldxdw D, [r6+8]\nadd D, -8\n".to_owned()),
        ("section", "lddw D, section 1 + 0\n".to_owned()),
        ("section+16", "lddw D, section 1 + 8\nadd D, 8\n".to_owned()),
        ("array[1] or null", lookup(2, 1)),
        ("array[9] or null", lookup(2, 9)),
        ("array[9] or null, +8", lookup(2, 9) + "add D, 8\n"),
        ("array[1]", of(2, 1)),
        ("array[2]", of(2, 2)),
        ("array[1]+n", of(2, 1) + number + "add D, r5\n"),
        ("array[1]+16", of(2, 1) + "add D, 16\n"),
        ("array[n]", {
            let key = "stxw [r10-64], r5\n";
            of(2, 0).replace("stw [r10-64], 0\n", &format!("{number}{key}"))
        }),
        ("own[1]", of(3, 1)),
        ("own[1]-1", of(3, 1) + "add D, -1\n"),
        ("hash[1]", insert.to_owned() + &of(4, 1)),
        ("buffer or null", reserve.to_owned()),
        ("buffer", format!("{reserve}{found}")),
        ("buffer+16", format!("{reserve}{found}add D, 16\n")),
        ("sent", format!("{reserve}{found}{sent}")),
        ("map", "lddw D, map 2\n".to_owned()),
        ("another map", "lddw D, map 3\n".to_owned()),
    ];
    kinds
        .map(|(name, text)| Kind {
            name,
            own_frame: name.starts_with("fp"),
            in_r8: assemble(&text.replace('D', "r8")),
            in_r9: assemble(&text.replace('D', "r9")),
        })
        .into()
}

/// Compares r8 with r9 by each of these comparisons; bytes of [`RESULTS`] say how they went.
fn compare(comparisons: &[usize]) -> Vec<RawInsn> {
    let insn = |opcode, dst, off, imm| RawInsn {
        opcode,
        dst,
        src: 0,
        off,
        imm,
    };
    let mut insns = Vec::new();
    for &comparison in comparisons {
        let class = 5 + comparison as u8 % 2;
        // The address of the comparison's byte, in two slots.
        let mut address = insn(0x18, 1, 0, RESULTS as i32);
        address.src = 6;
        let mut jump = insn(CONDITIONS[comparison / 2] | 8 | class, 8, 1, 0);
        jump.src = 9;
        let set = |byte| insn(0x72, 1, 0, byte);
        insns.extend([
            address,
            insn(0, 0, 0, comparison as i32),
            set(1),
            jump,
            set(2),
        ]);
    }
    insns.extend([insn(0xb7, 0, 0, 0), insn(0x95, 0, 0, 0)]);
    insns
}

/// Code that makes r8 of one kind and r9 of another in one function.
fn in_one_function(left: &Kind, right: &Kind) -> Vec<RawInsn> {
    let mut insns = assemble("mov r6, r1");
    insns.extend_from_slice(&left.in_r8);
    insns.extend_from_slice(&right.in_r9);
    insns
}

/// The same, with r8 from the caller.
fn from_caller(left: &Kind, right: &Kind) -> Vec<RawInsn> {
    let mut insns = assemble("mov r6, r1");
    insns.extend_from_slice(&left.in_r8);
    insns.extend(assemble(
        "mov r1, r8\nmov r2, r6\ncall +1\nexit\nmov r8, r1\nmov r6, r2",
    ));
    insns.extend_from_slice(&right.in_r9);
    insns
}

/// The results of a program on this region: a byte for each comparison.
fn outcomes(insns: &[RawInsn], engine: Engine, region: &mut [u8], number: u32) -> Vec<u8> {
    let defs = maps();
    let maps: Vec<Arc<Map>> = defs
        .iter()
        .map(|def| Arc::new(Map::new(def, &MapOptions::default()).unwrap()))
        .collect();
    let codelet = bind_to("pair", insns.to_vec(), ContextDef::generic(), &maps);
    let hook = engine.compile(HookKind::Control, &[codelet], None).unwrap();
    let mut fields = [0; 12];
    fields[8..].copy_from_slice(&number.to_ne_bytes());
    hook.call(&mut Input {
        fields: &mut fields,
        region,
    })
    .unwrap();
    let Storage::Array(results) = maps[RESULTS].storage() else {
        panic!("a section is an array");
    };
    // SAFETY: the section has that many bytes, and nothing else refers to it any more.
    unsafe { std::slice::from_raw_parts(results.base(), 2 * CONDITIONS.len()) }.to_vec()
}

/// Runs a program in both engines, here and in a thread of its own with another region.
fn agree(name: &str, insns: &[RawInsn], number: u32) {
    let here =
        ENGINES.map(|engine| outcomes(insns, engine, Memory::new(&[7; 24]).bytes_mut(), number));
    let there = std::thread::scope(|scope| {
        let run = || {
            let mut room = vec![0_u64; 1 << 16];
            let room = zerocopy::IntoBytes::as_mut_bytes(&mut room[..]);
            ENGINES.map(|engine| {
                let held: Vec<_> = maps()
                    .iter()
                    .map(|def| Map::new(def, &MapOptions::default()).unwrap())
                    .collect();
                let outcome = outcomes(insns, engine, &mut room[4096 - 24..4096], number);
                drop(held);
                outcome
            })
        };
        scope.spawn(run).join().unwrap()
    });
    assert_eq!(
        here[0], here[1],
        "{name} with {number}: native, interpreted"
    );
    assert_eq!(here, there, "{name} with {number}: here, elsewhere");
    let empty = ENGINES.map(|engine| outcomes(insns, engine, &mut [], number));
    assert_eq!(
        empty[0], empty[1],
        "{name} with {number} on an empty region"
    );
}

/// Verifies each comparison of two values on its own, and runs the accepted ones. Returns how many
/// are accepted.
fn hold(name: &str, values: &[RawInsn]) -> usize {
    let program = |comparisons: &[usize]| [values, &compare(comparisons)].concat();
    let is_accepted = |comparison: &usize| {
        let insns = program(&[*comparison]);
        verify("pair", insns, ContextDef::generic(), &maps()).is_ok()
    };
    let accepted: Vec<usize> = (0..2 * CONDITIONS.len()).filter(is_accepted).collect();
    if !accepted.is_empty() {
        for number in [3, 12] {
            agree(name, &program(&accepted), number);
        }
    }
    accepted.len()
}

/// Checks the pairs of kinds with numbers that add up to a multiple of `step`; returns how many
/// comparisons are accepted.
fn hold_pairs(step: usize) -> usize {
    let kinds = kinds();
    let mut comparisons = 0;
    for (first, left) in kinds.iter().enumerate() {
        for right in kinds
            .iter()
            .skip((step - first % step) % step)
            .step_by(step)
        {
            let name = format!("{} and {}", left.name, right.name);
            comparisons += hold(&name, &in_one_function(left, right));
            if right.own_frame {
                let name = format!("{} of the caller and {}", left.name, right.name);
                comparisons += hold(&name, &from_caller(left, right));
            }
        }
    }
    comparisons
}

#[test]
fn values_compare_alike_in_both_engines_wherever_memory_lies() {
    assert!(hold_pairs(5) > 600);
}

#[test]
#[ignore = "takes a minute and more; the test above holds one pair of five"]
fn values_of_all_kinds_compare_alike_in_both_engines_wherever_memory_lies() {
    assert!(hold_pairs(1) > 3000);
}
