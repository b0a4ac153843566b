//! The common parts of the engine's tests: programs from text, verified and bound.
#![allow(dead_code, reason = "each test binary uses a part of it")]

mod assembler;
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

#[allow(unused_imports, reason = "as above")]
pub use assembler::assemble;
pub use memory::Memory;

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

/// The effects of a codelet: r0, the region, the fields.
pub type Effects = (u64, Vec<u8>, Vec<u8>);

/// Runs a codelet natively, once.
pub fn run_native(codelet: &Arc<BoundCodelet>, region: &[u8], fields: &[u8]) -> Effects {
    call(&native(codelet), region, fields)
}

/// Calls the compiled function once.
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
