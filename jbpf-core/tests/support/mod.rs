//! What the engine's tests share: programs from text, verified and bound.
#![allow(dead_code, reason = "each test binary uses a part of it")]

mod memory;

use std::sync::Arc;

use jbpf_core::builtins;
use jbpf_core::engine::{
    BoundCodelet, CodeletEnvironment, CompiledHook, Engine, Input, interpreter,
};
use jbpf_core::map::{Map, MapOptions};
use jbpf_hooks::hook::HookKind;
use jbpf_verifier::types::{ContextDef, HelperTable, MapDef, MapKind};
use jbpf_verifier::{Program, RawInsn, Rejection};

pub use memory::Memory;

/// Assembles one instruction a line: what rbpf's assembler knows, and
///
/// * `map rD, I`: the address of map I;
/// * `value rD, I, OFFSET`: the address of the value of data section I, plus an offset;
/// * `local N`: a call of the function N instructions further;
/// * `insn OPCODE DST SRC OFF IMM`: any instruction.
///
/// Jumps count instructions (slots), as `+N`. What follows `;` is a comment.
pub fn assemble(text: &str) -> Vec<RawInsn> {
    let mut insns = Vec::new();
    for line in text.lines() {
        let line = line.split(';').next().unwrap().trim();
        if line.is_empty() {
            continue;
        }
        let mut words = line.split([' ', ',']).filter(|word| !word.is_empty());
        let mnemonic = words.next().unwrap();
        let operands: Vec<&str> = words.collect();
        match mnemonic {
            "map" => insns.extend(wide(register(operands[0]), 5, number(operands[1]), 0)),
            "value" => insns.extend(wide(
                register(operands[0]),
                6,
                number(operands[1]),
                number(operands[2]),
            )),
            "local" => insns.push(RawInsn {
                opcode: 0x85,
                src: 1,
                imm: number(operands[0]) as i32,
                ..RawInsn::default()
            }),
            "insn" => insns.push(RawInsn {
                opcode: number(operands[0]) as u8,
                dst: number(operands[1]) as u8,
                src: number(operands[2]) as u8,
                off: number(operands[3]) as i16,
                imm: number(operands[4]) as i32,
            }),
            _ => {
                let bytes = rbpf::assembler::assemble(line)
                    .unwrap_or_else(|error| panic!("{line:?}: {error}"));
                insns.extend(
                    bytes
                        .chunks_exact(8)
                        .map(|slot| RawInsn::from_bytes(slot.try_into().unwrap())),
                );
            }
        }
    }
    insns
}

fn wide(dst: u8, src: u8, low: i64, high: i64) -> [RawInsn; 2] {
    [
        RawInsn {
            opcode: 0x18,
            dst,
            src,
            off: 0,
            imm: low as i32,
        },
        RawInsn {
            imm: high as i32,
            ..RawInsn::default()
        },
    ]
}

fn register(name: &str) -> u8 {
    name.strip_prefix('r').unwrap().parse().unwrap()
}

fn number(text: &str) -> i64 {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.trim_start_matches('+')),
    };
    sign * match digits.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).unwrap(),
        None => digits.parse().unwrap(),
    }
}

/// A map definition.
pub fn map(name: &str, kind: MapKind, value_size: u32, max_entries: u32) -> MapDef {
    MapDef {
        name: name.to_owned(),
        kind,
        key_size: if kind.holds_values() { 4 } else { 0 },
        value_size,
        max_entries,
        parameters: Default::default(),
        section: None,
    }
}

/// Verifies a program.
pub fn verify(
    name: &str,
    insns: Vec<RawInsn>,
    context: ContextDef,
    maps: &[MapDef],
) -> Result<jbpf_verifier::VerifiedProgram, Box<Rejection>> {
    let program = Program {
        name: name.to_owned(),
        insns,
        maps: maps.to_vec(),
        ..Program::default()
    };
    jbpf_verifier::verify(
        &Arc::new(program),
        &Arc::new(context),
        &Arc::new(HelperTable::builtin()),
    )
}

/// Verifies a program and binds it to maps of its own.
pub fn bind(
    name: &str,
    insns: Vec<RawInsn>,
    context: ContextDef,
    maps: &[MapDef],
) -> Arc<BoundCodelet> {
    let maps: Vec<Arc<Map>> = maps
        .iter()
        .map(|def| Arc::new(Map::new(def, &MapOptions::default()).unwrap()))
        .collect();
    bind_to(name, insns, context, &maps)
}

/// Verifies a program and binds it to these maps.
pub fn bind_to(
    name: &str,
    insns: Vec<RawInsn>,
    context: ContextDef,
    maps: &[Arc<Map>],
) -> Arc<BoundCodelet> {
    let defs: Vec<MapDef> = maps.iter().map(|map| map.def().clone()).collect();
    let verified = verify(name, insns, context, &defs).unwrap_or_else(|r| panic!("{name}: {r}"));
    let helpers = builtins::bindings(verified.helpers().clone(), []).unwrap();
    let environment = Arc::new(CodeletEnvironment {
        name: name.to_owned(),
        runtime_threshold_ns: 0,
    });
    let codelet =
        BoundCodelet::bind(verified, maps.to_vec(), Arc::new(helpers), environment).unwrap();
    Arc::new(codelet)
}

/// Compiles one codelet for a control hook.
pub fn native(codelet: &Arc<BoundCodelet>) -> CompiledHook {
    Engine::Native
        .compile(HookKind::Control, std::slice::from_ref(codelet), None)
        .unwrap()
}

/// What a codelet leaves behind: r0, the region, the fields.
pub type Effects = (u64, Vec<u8>, Vec<u8>);

/// Runs a codelet natively, once.
pub fn run_native(codelet: &Arc<BoundCodelet>, region: &[u8], fields: &[u8]) -> Effects {
    call(&native(codelet), region, fields)
}

/// Calls what was compiled, once.
pub fn call(hook: &CompiledHook, region: &[u8], fields: &[u8]) -> Effects {
    let mut region = Memory::new(region);
    let mut fields = fields.to_vec();
    let r0 = hook
        .call(&mut Input {
            fields: &mut fields,
            region: region.bytes_mut(),
        })
        .unwrap();
    (r0, region.bytes().to_vec(), fields)
}

/// Runs a codelet in the interpreter, once; any fault fails the test.
pub fn run_interpreted(codelet: &Arc<BoundCodelet>, region: &[u8], fields: &[u8]) -> Effects {
    let mut region = Memory::new(region);
    let mut fields = fields.to_vec();
    let outcome = interpreter::run(
        codelet,
        &mut Input {
            fields: &mut fields,
            region: region.bytes_mut(),
        },
        &mut (),
    )
    .unwrap();
    (outcome.r0, region.bytes().to_vec(), fields)
}
