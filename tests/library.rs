//! A library that depends on `jbpf-hooks` alone (`tests/hook_library`), and an application that
//! loads codelets on its hooks.
//!
//! `BLESS=1 cargo test -p jbpf-tests --test library` writes the header of its codelets anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::process::Command;

use hook_library::{Job, Queue};
use jbpf::hook::HookKind;
use jbpf::request::CodeletBuilder;
use jbpf::{LoadRequest, Runtime, jbpf_data, registry};

#[jbpf_data]
#[derive(Clone, Copy, PartialEq, Debug)]
struct Count {
    jobs: u64,
    cost: u64,
    most_waiting: u64,
}

fn job(owner: u32, cost: u64) -> Job {
    Job {
        owner,
        urgency: 1,
        cost,
    }
}

fn codelet(name: &str, hook: &str) -> CodeletBuilder {
    let path = format!(
        "{}/../codelets/library/{name}.o",
        env!("CARGO_MANIFEST_DIR")
    );
    CodeletBuilder::from_path(name, path, hook)
}

#[test]
fn the_application_sees_the_hooks_of_a_library_and_fires_them_by_using_it() {
    let queued = registry::hook("hook_library.job_queued").unwrap().info();
    assert_eq!(queued.docs, "Called for every job before it is queued.");
    assert_eq!(queued.module, "hook_library");
    assert!(
        queued.file.ends_with("hook_library/src/lib.rs"),
        "{}",
        queued.file
    );
    let accepts = registry::hook("hook_library.accepts").unwrap().info();
    assert_eq!(accepts.kind, HookKind::Control);
    assert_eq!(registry::helper(61).unwrap().name, "allowance");

    let runtime = Runtime::builder().name("library").build().unwrap();
    let mut queue = Queue::default();
    assert!(
        queue.put(job(1, 5000)) && !queue.put(job(1, 0)),
        "without a codelet"
    );
    queue.take().unwrap();

    let request = LoadRequest::builder("set")
        .codelet(codelet("count_jobs", "hook_library.job_queued"))
        .codelet(codelet("hurry_jobs", "hook_library.job_taken"))
        .codelet(codelet("limit_jobs", "hook_library.accepts"))
        .build()
        .unwrap();
    let set = runtime.load(&request).unwrap();
    assert!(!queue.put(job(1, 101)), "more than its owner may have");
    for cost in [0, 100, 50, 70] {
        assert!(queue.put(job(1, cost)));
    }
    assert!(queue.put(job(3, 300)));
    let counts = set.map::<u32, Count>("counts").unwrap();
    let of = |jobs, cost, most_waiting| {
        Some(Count {
            jobs,
            cost,
            most_waiting,
        })
    };
    assert_eq!(counts.get(&1).unwrap(), of(4, 220, 3));
    assert_eq!(counts.get(&3).unwrap(), of(1, 300, 4));
    let urgencies: Vec<u32> = std::iter::from_fn(|| queue.take())
        .map(|job| job.urgency)
        .collect();
    assert_eq!(
        urgencies,
        [101, 101, 1, 1, 1],
        "many waited behind the first two"
    );

    runtime.unload("set").unwrap();
    assert!(queue.put(job(1, 101)) && !queue.put(job(1, 0)), "as before");
}

#[test]
fn the_header_has_what_the_library_declares() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../codelets/library/hooks.h");
    let header = jbpf::codelet_header();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, &header).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap();
    assert_eq!(header, written, "BLESS=1 writes it anew");
}

#[test]
fn the_library_links_no_runtime() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--package", "hook-library", "--edges", "normal"])
        .args(["--prefix", "none", "--offline", "--locked"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    let tree = String::from_utf8(tree.stdout).unwrap();
    let named = |name: &str| {
        tree.lines()
            .any(|line| line.split(' ').next() == Some(name))
    };
    assert!(named("hook-library") && named("jbpf-hooks"), "{tree}");
    for heavy in [
        "jbpf-core",
        "jbpf-verifier",
        "jbpf-channel",
        "cranelift-codegen",
        "serde",
    ] {
        assert!(!named(heavy), "{heavy} in\n{tree}");
    }
}
