//! Plain C as compilers compile it. `tests/idioms` has the sources and the compiled programs.

use std::collections::BTreeMap;
use std::sync::Arc;

use jbpf_verifier::types::{ContextDef, HelperTable};
use jbpf_verifier::{Program, RawInsn};

const PROGRAMS: &str = include_str!("../idioms/programs.txt");

/// Idioms that some compiler turns into something that is not proven, with the number of their
/// programs that are refused.
const REFUSED: &[(&str, usize)] = &[];

/// Each program with its idiom and the names of its compilers.
fn programs() -> impl Iterator<Item = (&'static str, &'static str, Program)> {
    PROGRAMS.lines().map(|line| {
        let mut words = line.split(' ');
        let mut word = || words.next().expect("an idiom, its compilers, its code");
        let (idiom, compilers, code) = (word(), word(), word());
        let byte = |at| u8::from_str_radix(&code[at..at + 2], 16).expect("hexadecimal");
        let bytes: Vec<u8> = (0..code.len()).step_by(2).map(byte).collect();
        let slots = bytes.chunks_exact(8).map(|slot| {
            let slot = slot.try_into().expect("eight bytes");
            RawInsn::from_bytes(slot)
        });
        let program = Program {
            name: idiom.to_owned(),
            insns: slots.collect(),
            ..Program::default()
        };
        (idiom, compilers, program)
    })
}

#[test]
fn safe_idioms_are_accepted_and_their_unsafe_neighbours_are_not() {
    let mut context = ContextDef::generic();
    context.region.writable = true;
    let (context, helpers) = (Arc::new(context), Arc::new(HelperTable::builtin()));
    let mut refused: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = String::new();
    for (idiom, compilers, program) in programs() {
        let answer = jbpf_verifier::verify(&Arc::new(program), &context, &helpers);
        match (idiom.strip_suffix('!'), answer) {
            (None, Ok(_)) | (Some(_), Err(_)) => {}
            (Some(_), Ok(_)) => wrong += &format!("{idiom} {compilers}: accepted\n"),
            (None, Err(rejection)) => {
                *refused.entry(idiom).or_default() += 1;
                let known = REFUSED.iter().any(|(known, _)| *known == idiom);
                if !known {
                    wrong += &format!("{idiom} {compilers}: {rejection} at {}\n", rejection.insn);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(refused, REFUSED.iter().copied().collect());
}
