//! Every code has a page, and what its page shows is true.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod assembly;

use std::sync::Arc;

use assembly::assemble;
use jbpf_verifier::report::Code;
use jbpf_verifier::verify;

/// Codes whose programs are too large for a page, and the one that no program should be given.
const WITHOUT_EXAMPLES: [Code; 2] = [Code::OutOfMemory, Code::Internal];

#[test]
fn every_page_explains_and_shows() {
    for code in Code::ALL {
        let page = code.explanation();
        assert!(page.len() > 150, "{code} says little");
        assert!(
            page.lines().all(|line| !line.starts_with('#')),
            "{code} has a heading"
        );
        let shows = |kind| code.example(kind).is_some();
        let expected = !WITHOUT_EXAMPLES.contains(code);
        assert_eq!(
            (shows("rejected"), shows("accepted")),
            (expected, expected),
            "{code}"
        );
    }
}

#[test]
fn every_example_assembles() {
    for code in Code::ALL {
        for kind in ["rejected", "accepted"] {
            let example = code.example(kind).map(assemble);
            let empty = example.is_some_and(|example| example.program.insns.is_empty());
            assert_eq!(
                empty,
                (*code, kind) == (Code::EmptyProgram, "rejected"),
                "{code}"
            );
        }
    }
}

#[test]
fn every_example_is_judged_as_its_page_says() {
    let mut wrong = Vec::new();
    for code in Code::ALL {
        for kind in ["rejected", "accepted"] {
            let Some(example) = code.example(kind).map(assemble) else {
                continue;
            };
            let found = verify(
                &Arc::new(example.program),
                &Arc::new(example.context),
                &Arc::new(example.helpers),
            )
            .map_err(|rejection| rejection.code);
            let expected = if kind == "rejected" {
                Some(*code)
            } else {
                None
            };
            if found.as_ref().err() != expected.as_ref() {
                wrong.push(format!("{code} {kind}: {:?}", found.err()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
