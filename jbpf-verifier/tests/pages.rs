//! Every code has a page, and what its page shows is true.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod assembly;

use assembly::assemble;
use jbpf_verifier::report::Code;

/// Codes whose programs are too large for a page.
const WITHOUT_EXAMPLES: [Code; 1] = [Code::OutOfMemory];

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
