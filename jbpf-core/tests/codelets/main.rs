//! The codelets of `codelets/tests`, each compiled for three versions of the instruction set:
//! verified as their sources say, and the accepted ones run on both engines.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]
#![expect(
    unsafe_code,
    reason = "looks into maps the way codelets do, by address"
)]

mod execute;
mod notation;
mod shipped;
#[path = "../support/traps.rs"]
mod traps;

use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::Arc;

use jbpf_object::Object;
use jbpf_verifier::report::render;
use jbpf_verifier::types::{ContextDef, HelperTable};
use jbpf_verifier::{Rejection, VerifiedProgram};

use execute::{On, Session};
use notation::{Case, Expectation};

const VERSIONS: [&str; 3] = ["v1", "v2", "v3"];

fn codelets() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../codelets")
}

fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = std::fs::read_dir(codelets().join("tests"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap();
            Case::parse(name, &std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

fn verify(case: &Case, version: &str) -> Result<VerifiedProgram, Box<Rejection>> {
    let path = format!("tests/{version}/{}.o", case.name);
    verify_object(&path, case.context.clone())
}

/// Verifies the first program of an object below `codelets`.
fn verify_object(path: &str, context: ContextDef) -> Result<VerifiedProgram, Box<Rejection>> {
    let bytes = std::fs::read(codelets().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    let object = Object::parse(&bytes).unwrap_or_else(|e| panic!("{path}: {e}"));
    assert_eq!(object.warnings, Vec::<String>::new(), "{path}");
    let program = object.programs.into_iter().next().unwrap().program;
    jbpf_verifier::verify(
        &Arc::new(program),
        &Arc::new(context),
        &Arc::new(HelperTable::builtin()),
    )
}

/// Runs `check` on every case and version, and reports all failures together.
fn for_all(check: impl Fn(&Case, &str) -> Result<(), String>) {
    let mut failures = Vec::new();
    for case in cases() {
        for version in VERSIONS {
            let checked = panic::catch_unwind(AssertUnwindSafe(|| check(&case, version)));
            let failure = match checked {
                Ok(Ok(())) => continue,
                Ok(Err(failure)) => failure,
                Err(payload) => payload
                    .downcast_ref::<String>()
                    .cloned()
                    .unwrap_or_default(),
            };
            failures.push(format!("{}/{version}: {failure}", case.name));
        }
    }
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn there_are_enough_of_each() {
    let (accepted, rejected): (Vec<_>, Vec<_>) = cases()
        .into_iter()
        .partition(|case| case.expectation == Expectation::Accept);
    assert!(accepted.len() >= 60, "{} accepted", accepted.len());
    assert!(rejected.len() >= 50, "{} rejected", rejected.len());
}

#[test]
fn each_is_judged_as_its_source_says() {
    for_all(judged);
}

fn judged(case: &Case, version: &str) -> Result<(), String> {
    match (verify(case, version), &case.expectation) {
        (Ok(_), Expectation::Accept) => Ok(()),
        (Err(rejection), Expectation::Accept) => {
            Err(format!("rejected\n{}", render(&rejection, false)))
        }
        (Ok(_), Expectation::Reject(codes)) => Err(format!("accepted instead of {codes:?}")),
        (Err(rejection), Expectation::Reject(codes)) => {
            if codes.contains(&rejection.code) {
                Ok(())
            } else {
                Err(format!("not {codes:?} but\n{}", render(&rejection, false)))
            }
        }
    }
}

#[test]
fn rejections_point_at_the_line_to_change() {
    for_all(|case, version| {
        let (Some(expected), Err(rejection)) = (case.rejected_line, verify(case, version)) else {
            return Ok(());
        };
        let line = rejection.location.as_ref().map(|location| location.line);
        if line == Some(expected) {
            Ok(())
        } else {
            Err(format!(
                "line {expected}, not\n{}",
                render(&rejection, false)
            ))
        }
    });
}

#[test]
fn accepted_codelets_do_what_their_sources_say_on_both_engines_and_guarded() {
    for_all(|case, version| {
        if case.expectation != Expectation::Accept {
            return Ok(());
        }
        let verified = verify(case, version).map_err(|rejection| rejection.to_string())?;
        let interpreted = Session::new(&case.name, verified.clone(), On::CheckedInterpreter);
        let guarded = Session::new(&case.name, verified.clone(), On::Guarded);
        let native = Session::new(&case.name, verified, On::Native);
        for run in &case.runs {
            let r0 = interpreted.run(run);
            assert_eq!(r0, native.run(run), "{}", run.text);
            assert_eq!(r0, guarded.run(run), "guarded: {}", run.text);
        }
        Ok(())
    });
}

#[test]
fn machine_code_of_accepted_codelets_does_not_trap() {
    for_all(|case, version| {
        if case.expectation == Expectation::Accept {
            let verified = verify(case, version).map_err(|rejection| rejection.to_string())?;
            let session = Session::new(&case.name, verified, On::CheckedInterpreter);
            traps::assert_none(session.codelet());
        }
        Ok(())
    });
}
