//! Programs in the notation of `jbpf_testing`, as the verifier takes them.

#![allow(dead_code, reason = "each test uses a part of it")]

use jbpf_testing::assembly::{self, Context, Map};
use jbpf_verifier::types::{ContextDef, DataSection, HelperTable, MapDef, MapKind};
use jbpf_verifier::{Program, RawInsn};

/// A program with the types that it is verified against.
pub struct Assembled {
    pub program: Program,
    pub context: ContextDef,
    pub helpers: HelperTable,
}

/// Assembles a program. Panics with the line that it does not understand.
pub fn assemble(text: &str) -> Assembled {
    let assembled = assembly::assemble(text);
    let mut context = context(assembled.context);
    context.max_instructions = assembled.max_instructions;
    let slots = assembled.insns.into_iter();
    let program = Program {
        name: "example".to_owned(),
        insns: slots.map(RawInsn::from_bytes).collect(),
        maps: assembled.maps.into_iter().map(map).collect(),
        ..Program::default()
    };
    Assembled {
        program,
        context,
        helpers: HelperTable::builtin(),
    }
}

fn context(context: Context) -> ContextDef {
    match context {
        Context::Generic => ContextDef::generic(),
        Context::Stats => ContextDef::stats(),
        Context::Region { size, writable } => {
            let mut context = ContextDef::generic();
            context.region.known_size = size;
            context.region.sized_by_end = false;
            context.region.writable = writable;
            context
        }
    }
}

fn map(map: Map) -> MapDef {
    MapDef {
        name: map.name,
        kind: MapKind::from_number(map.kind).expect("a kind of map"),
        key_size: map.key_size,
        value_size: map.value_size,
        max_entries: map.max_entries,
        parameters: Default::default(),
        section: map.section.map(|section| DataSection {
            contents: section.contents.into(),
            read_only: section.read_only,
        }),
    }
}
