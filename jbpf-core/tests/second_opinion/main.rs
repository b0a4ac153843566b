//! A second opinion on all objects of the repository, and on the fuzzer's programs (`generated`):
//! that of `prevail`, the Rust port of the PREVAIL verifier.
//!
//! Both verifiers get the same linked programs. A program that ours accepts and prevail rejects
//! needs an explanation in `ACCEPTED_BY_US_ALONE`. A program that ours rejects and prevail accepts
//! needs one in `REJECTED_BY_US_ALONE`. An explanation that explains nothing any more has to go.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

#[path = "../soundness/choices.rs"]
#[expect(dead_code, reason = "no fuzzer chooses bytes here")]
mod choices;
mod explanations;
#[path = "../soundness/feature.rs"]
#[expect(dead_code, reason = "which features there are is counted elsewhere")]
mod feature;
mod generated;
#[path = "../codelets/notation.rs"]
#[expect(
    dead_code,
    reason = "only what sources say of their context is needed here"
)]
mod notation;
mod prevail_platform;
#[path = "../soundness/program/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "no program is aimed at a row here"
)]
mod program;
mod programs;
#[path = "../soundness/row/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "which rows are met is counted elsewhere"
)]
mod row;
mod telling;
mod unrolling;

use std::collections::BTreeSet;
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::Arc;

use explanations::{ACCEPTED_BY_US_ALONE, Explanation, REJECTED_BY_US_ALONE, WITHOUT_THEIR_ANSWER};
use jbpf_verifier::verify;
use prevail_platform::{Opinion, Refusal, Subject};
use programs::Case;

/// Every object under the codelets' folder, as paths relative to it.
fn objects() -> Vec<String> {
    let root = programs::codelets();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of the repository") {
            let path = entry.expect("an entry of it").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "o") {
                let relative = path.strip_prefix(&root).expect("below the root");
                found.push(relative.to_str().expect("UTF-8").to_owned());
            }
        }
    }
    found.sort();
    found
}

/// The programs of an object, with the context that its source asks for.
fn cases(path: &str) -> Vec<Case> {
    let mut cases = programs::of_object(path);
    let name = source_name(path.trim_end_matches(".o"));
    let source = programs::codelets().join("tests").join(format!("{name}.c"));
    if path.starts_with("tests/")
        && let Ok(text) = std::fs::read_to_string(source)
    {
        let context = notation::Case::parse(name, &text).context;
        cases
            .iter_mut()
            .for_each(|case| case.context.clone_from(&context));
    }
    cases
}

fn our_opinion(case: &Case) -> Result<(), String> {
    let (program, context, helpers) = (
        Arc::new(case.program.clone()),
        Arc::new(case.context.clone()),
        Arc::new(case.helpers.clone()),
    );
    verify(&program, &context, &helpers)
        .map(drop)
        .map_err(|rejection| rejection.to_string())
}

/// Prevail's answer. A panic counts as a rejection.
fn their_opinion(case: &Case) -> Opinion {
    let subject = Subject::new(&case.program, &case.context, &case.helpers);
    catch_unwind(|| subject.judge()).unwrap_or_else(|_| Err(Refusal::new("panicked")))
}

/// The name that explanations go by: the source's, without the version of the instruction set.
fn source_name(case: &str) -> &str {
    let path = case.split(", ").next().unwrap_or(case);
    Path::new(path)
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or(path)
}

#[test]
fn every_disagreement_with_prevail_is_explained() {
    let mut unexplained = Vec::new();
    let mut used = BTreeSet::new();
    let (mut both_accept, mut both_reject) = (0, 0);
    for case in objects().iter().flat_map(|object| cases(object)) {
        let name = source_name(&case.name);
        if WITHOUT_THEIR_ANSWER.contains(&name) {
            our_opinion(&case).unwrap_or_else(|reason| panic!("{name}: {reason}"));
            continue;
        }
        let explanations: &[Explanation] = match (our_opinion(&case), their_opinion(&case)) {
            (Ok(()), Ok(())) => {
                both_accept += 1;
                continue;
            }
            (Err(_), Err(_)) => {
                both_reject += 1;
                continue;
            }
            (Ok(()), Err(refusal)) => {
                let reason = refusal.message;
                println!("{}: accepted by us alone; prevail: {reason}", case.name);
                ACCEPTED_BY_US_ALONE
            }
            (Err(reason), Ok(())) => {
                println!("{}: rejected by us alone: {reason}", case.name);
                REJECTED_BY_US_ALONE
            }
        };
        match explanations
            .iter()
            .find(|explanation| explanation.programs.contains(&name))
        {
            Some(explanation) => {
                println!("    explained: {}", explanation.reason);
                used.insert(name.to_owned());
            }
            None => unexplained.push(case.name),
        }
    }
    println!("{both_accept} accepted and {both_reject} rejected by both");
    assert!(both_accept > 100, "both accept {both_accept} only");
    assert!(unexplained.is_empty(), "unexplained: {unexplained:#?}");
    let listed = ACCEPTED_BY_US_ALONE.iter().chain(REJECTED_BY_US_ALONE);
    for name in listed.flat_map(|explanation| explanation.programs) {
        assert!(
            used.contains(*name),
            "nothing about {name} is left to explain"
        );
    }
}
