//! Each rule of the verifier, by a program that keeps it and one that breaks it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

#[path = "../assembly/mod.rs"]
mod assembly;

mod atomics;
mod buffers;
mod context;
mod ends;
mod facts;
mod functions;
mod gate;
mod halves;
mod helpers;
mod idioms;
mod lengths;
mod loops;
mod merging;
mod numbers;
mod pointers;
mod region;
mod remembered;
mod report;
mod stack;
mod values;

use std::sync::Arc;

use jbpf_verifier::report::Code;
use jbpf_verifier::{Rejection, VerifiedProgram};

pub fn verify(text: &str) -> Result<VerifiedProgram, Box<Rejection>> {
    let example = assembly::assemble(text);
    jbpf_verifier::verify(
        &Arc::new(example.program),
        &Arc::new(example.context),
        &Arc::new(example.helpers),
    )
}

#[track_caller]
pub fn accepted(text: &str) -> VerifiedProgram {
    verify(text).unwrap_or_else(|rejection| {
        panic!(
            "rejected at {}: {rejection}, {:?}",
            rejection.insn, rejection.obligation
        )
    })
}

#[track_caller]
pub fn rejected(code: Code, text: &str) -> Rejection {
    match verify(text) {
        Ok(_) => panic!("accepted, but should be {code}"),
        Err(rejection) => {
            assert_eq!(rejection.code, code, "{rejection} at {}", rejection.insn);
            *rejection
        }
    }
}

/// A lookup in map `m` (array, key at fp-4) that leaves a value, not null, in r0.
pub fn with_value(size: u32, body: &str) -> String {
    format!(
        "
            .map m array key 4 value {size} entries 4
            mov r6, r1
            mov r1, 0
            stxw [r10-4], r1
            lddw r1, map m
            mov r2, r10
            add r2, -4
            call map_lookup_elem
            jeq r0, 0, out
            {body}
        out:
            mov r0, 0
            exit
        "
    )
}

/// An unknown region: r2 = data, r3 = data_end, r4 = ctx_id.
pub fn with_region(body: &str) -> String {
    format!(
        "
            ldxdw r2, [r1]
            ldxdw r3, [r1+8]
            ldxw r4, [r1+24]
            {body}
        out:
            mov r0, 0
            exit
        "
    )
}
