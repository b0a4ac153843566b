//! Codelets that must not run: refused with a sentence that names the culprit, while the application
//! runs on and nothing of them is left.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::sync::Mutex;

use jbpf::request::CodeletBuilder;
use jbpf::{LoadRequest, Runtime, jbpf_hook};

/// Passes what the codelets of the corpus expect: bytes of any number, and a context id.
#[jbpf_hook]
fn refusing(bytes: &[u8], ctx_id: u32) {}

/// The tests of this file look at the process as a whole.
static ALONE: Mutex<()> = Mutex::new(());

fn codelet(name: &str, hook: &str) -> CodeletBuilder {
    let path = format!("{}/codelets/tests/v3/{name}.o", env!("CARGO_MANIFEST_DIR"));
    CodeletBuilder::from_path(name, path, hook)
}

/// What a process holds that a load could leave behind.
#[derive(Debug, PartialEq, Eq)]
struct Holdings {
    mappings: usize,
    descriptors: usize,
    threads: usize,
}

fn holdings() -> Holdings {
    let count = |folder: &str| std::fs::read_dir(folder).unwrap().count();
    // Neighbouring mappings of the allocator merge and split; what a load maps is its own.
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    Holdings {
        mappings: maps.lines().filter(|line| !line.contains("[heap]")).count(),
        descriptors: count("/proc/self/fd"),
        threads: count("/proc/self/task"),
    }
}

/// Refused with this message, several times over, leaving nothing.
fn refused(request: &LoadRequest, message: &str) {
    let _alone = ALONE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let runtime = Runtime::builder().name("refusals").build().unwrap();
    // Whatever is made once a process is made now.
    let error = runtime.load(request).unwrap_err();
    assert_eq!(error.to_string(), message);
    let before = holdings();
    for _ in 0..20 {
        assert_eq!(runtime.load(request).unwrap_err().to_string(), message);
        refusing(&[1, 2, 3, 4], 7);
    }
    assert_eq!(holdings(), before);
    assert!(!jbpf::registry::hook("refusing").unwrap().is_armed());
    assert!(runtime.list().is_empty());
}

fn request(codelets: impl IntoIterator<Item = CodeletBuilder>) -> LoadRequest {
    codelets
        .into_iter()
        .fold(LoadRequest::builder("set"), |set, codelet| {
            set.codelet(codelet)
        })
        .build()
        .unwrap()
}

/// The message of a rejection by the verifier.
fn rejected(codelet: &str, line: u32, rest: &str) -> String {
    format!(
        "codeletset `set`, codelet `{codelet}`: rejected for hook `refusing` at ./tests/{codelet}.c:{line}: {rest}"
    )
}

const ENDLESS: &str =
    "E0041: the path comes back to this instruction with nothing changed: the loop may never end";

#[test]
fn a_codelet_that_reads_past_the_region() {
    refused(
        &request([codelet("region_off_by_one", "refusing")]),
        &rejected(
            "region_off_by_one",
            12,
            "E0020: r2 reaches beyond the end of the data region",
        ),
    );
}

#[test]
fn a_codelet_with_an_endless_loop() {
    refused(
        &request([codelet("endless_loop", "refusing")]),
        &rejected("endless_loop", 9, ENDLESS),
    );
}

#[test]
fn a_codelet_that_calls_an_unknown_helper() {
    refused(
        &request([codelet("unknown_helper", "refusing")]),
        &rejected("unknown_helper", 10, "E0010: no helper has the number 63"),
    );
}

#[test]
fn a_codelet_for_a_hook_that_does_not_exist() {
    refused(
        &request([codelet("early_return", "refusign")]),
        "codeletset `set`, codelet `early_return`: no hook `refusign`; did you mean `refusing`?",
    );
}

#[test]
fn one_bad_codelet_refuses_the_whole_set() {
    let good = || codelet("two_maps", "refusing");
    refused(
        &request([good(), codelet("endless_loop", "refusing")]),
        &rejected("endless_loop", 9, ENDLESS),
    );
}
