//! Codelets that must not run: refused with a sentence that names the culprit, while the application
//! runs on and nothing of them is left.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use jbpf::request::CodeletBuilder;
use jbpf::{LoadRequest, Runtime, jbpf_hook};

/// Passes what the codelets of the corpus expect: bytes of any number, and a context id.
#[jbpf_hook]
fn refusing(bytes: &[u8], ctx_id: u32) {}

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

/// One test: it looks at the process as a whole, which others would change under it.
#[test]
fn refused_codelets_leave_nothing_behind() {
    let past_the_region = rejected(
        "region_off_by_one",
        12,
        "E0020: r2 reaches beyond the end of the data region",
    );
    let endless = rejected(
        "endless_loop",
        9,
        "E0041: the path comes back to this instruction with nothing changed: the loop may never end",
    );
    let unknown_helper = rejected("unknown_helper", 10, "E0010: no helper has the number 63");
    let unknown_hook =
        "codeletset `set`, codelet `early_return`: no hook `refusign`; did you mean `refusing`?";
    let on_hook = |name| codelet(name, "refusing");

    refused(&request([on_hook("region_off_by_one")]), &past_the_region);
    refused(&request([on_hook("endless_loop")]), &endless);
    refused(&request([on_hook("unknown_helper")]), &unknown_helper);
    refused(
        &request([codelet("early_return", "refusign")]),
        unknown_hook,
    );
    // Whole or not at all: the good codelet before the bad one is not loaded either.
    refused(
        &request([on_hook("two_maps"), on_hook("endless_loop")]),
        &endless,
    );
}
