//! The facts that the verifier takes from the runtime unchecked: the first registers, and results
//! of helpers.

use std::collections::BTreeSet;

use jbpf_hooks::hook::HookKind;
use jbpf_verifier::types::{
    ArgKind, ContextDef, HelperProto, HelperTable, MapDef, MapKind, MapKinds, ReturnKind,
};

use super::{ENGINES, call, map};
use crate::support::{assemble, bind};

#[test]
fn registers_start_as_the_verifier_says() {
    for (context, region, size) in [
        (ContextDef::generic(), vec![], 32),
        (ContextDef::memory(24), vec![0; 24], 24),
    ] {
        // The verifier drops the other way, since it knows r2.
        let text = format!("mov r0, r2\njeq r2, {size}, +1\nmov r0, 1\nexit");
        let codelet = bind("registers", assemble(&text), context, &[]);
        for engine in ENGINES {
            let codelets = std::slice::from_ref(&codelet);
            let hook = engine.compile(HookKind::Control, codelets, None).unwrap();
            assert_eq!(call(&hook, &region, &[]).0, size, "{engine:?}");
        }
    }
}

/// A map of each kind that helpers take.
fn maps() -> Vec<MapDef> {
    [
        ("array", MapKind::Array),
        ("hash", MapKind::Hash),
        ("own", MapKind::PerThreadArray),
        ("ring", MapKind::RingBuf),
        ("input", MapKind::ControlInput),
        ("output", MapKind::Output),
    ]
    .map(|(name, kind)| map(name, kind, 16, 2))
    .into()
}

/// The maps that one argument can be, by number; a number that is no map if it takes none.
fn choices(kind: &ArgKind) -> Vec<usize> {
    let takes = |def: &MapDef| match kind {
        ArgKind::Map(MapKinds::Any) => true,
        ArgKind::Map(MapKinds::Values) => def.kind.holds_values(),
        ArgKind::Map(MapKinds::Only(kinds)) => kinds.contains(&def.kind),
        _ => false,
    };
    let maps = maps().into_iter().enumerate();
    maps.filter(|(_, def)| takes(def))
        .map(|(at, _)| at)
        .collect()
}

/// A program that calls a helper on that map, and returns its result. Keys, values, buffers and
/// formats lie at fp - 64; the first number there is the context's.
fn program(proto: &HelperProto, map: usize) -> String {
    let mut text = "ldxw r6, [r1+24]\nstxdw [r10-64], r6\n".to_owned();
    for offset in (8..64).step_by(8) {
        text += &format!("stdw [r10-{offset}], 0\n");
    }
    for (register, kind) in (1..).zip(&proto.args) {
        text += &match kind {
            ArgKind::Map(_) => format!("lddw r{register}, map {map}\n"),
            ArgKind::Number | ArgKind::Ignored | ArgKind::FormatArg => {
                format!("mov r{register}, r6\n")
            }
            ArgKind::Size => format!("mov r{register}, 16\n"),
            _ => format!("mov r{register}, r10\nadd r{register}, -64\n"),
        };
    }
    text + &format!("call {}\nexit", proto.id)
}

#[test]
fn results_of_helpers_are_in_their_ranges() {
    let table = HelperTable::builtin();
    let mut called = BTreeSet::new();
    for proto in table.iter() {
        let ReturnKind::Number { min, max } = proto.returns else {
            continue;
        };
        let of_map = proto.args.first().map(choices).unwrap_or_default();
        let of_map = if of_map.is_empty() { vec![0] } else { of_map };
        for map in of_map {
            let insns = assemble(&program(proto, map));
            let codelet = bind("results", insns, ContextDef::generic(), &maps());
            for engine in ENGINES {
                let codelets = std::slice::from_ref(&codelet);
                let hook = engine.compile(HookKind::Control, codelets, None).unwrap();
                for number in [0_u32, 1, 1, 2, 7, 9, 0x7fff_ffff, 0xffff_ffff] {
                    let fields = [[0; 8].as_slice(), &number.to_ne_bytes()].concat();
                    let result = call(&hook, &[], &fields).0.cast_signed();
                    let name = &proto.name;
                    assert!(
                        (min..=max).contains(&result),
                        "{engine:?}: {name} gave {result}"
                    );
                    called.insert(proto.id);
                }
            }
        }
    }
    assert!(called.len() >= 10, "{called:?}");
}
