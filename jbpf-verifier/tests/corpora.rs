//! The test data beside the project. Programs that the instruction set allows are accepted, and
//! unsafe programs are rejected. Without the data, the tests say that they skip.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::path::Path;
use std::sync::Arc;

use jbpf_verifier::types::{ContextDef, HelperTable};
use jbpf_verifier::{Program, RawInsn, verify};

fn rows(file: &str) -> Vec<Vec<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data");
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    let rows = text.lines().skip(1).map(|line| line.split('\t'));
    rows.map(|row| row.map(str::to_owned).collect()).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

fn program(name: &str, hex: &str) -> Arc<Program> {
    let slots = bytes(hex);
    let insns = slots.chunks_exact(8);
    Arc::new(Program {
        name: name.to_owned(),
        insns: insns
            .map(|slot| RawInsn::from_bytes(slot.try_into().unwrap()))
            .collect(),
        ..Program::default()
    })
}

#[test]
fn every_conforming_program_is_accepted() {
    let helpers = Arc::new(HelperTable::builtin());
    let mut refused = Vec::new();
    let rows = rows("conformance.tsv");
    for row in &rows {
        let memory = bytes(&row[3]);
        let context = Arc::new(ContextDef::memory(memory.len() as u64));
        if let Err(rejection) = verify(&program(&row[0], &row[2]), &context, &helpers) {
            refused.push(format!("{}: {rejection} at {}", row[0], rejection.insn));
        }
    }
    assert!(refused.is_empty(), "{refused:#?}");
    assert_eq!(rows.len(), 223);
}

#[test]
fn every_unsafe_program_is_rejected() {
    let helpers = Arc::new(HelperTable::builtin());
    for context in [ContextDef::generic(), ContextDef::stats()] {
        let context = Arc::new(context);
        for row in rows("unsafe.tsv") {
            match verify(&program(&row[0], &row[1]), &context, &helpers) {
                Ok(_) => panic!("{} is accepted: {}", row[0], row[2]),
                Err(rejection) => println!("{}: {rejection}", row[0]),
            }
        }
    }
}
