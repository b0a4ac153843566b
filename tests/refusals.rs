//! Codelets that must not run: refused with a sentence that names the culprit, while the
//! application runs on and nothing of them is left.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::sync::Arc;

use jbpf::map::{MapOptions, MemoryBudget};
use jbpf::request::CodeletBuilder;
use jbpf::{LoadRequest, Runtime, StreamId, jbpf_hook};

/// Passes the arguments that codelets of the corpus expect: bytes of any number, and a context id.
#[jbpf_hook]
fn refusing(bytes: &[u8], ctx_id: u32) {}

/// Takes one codelet.
#[jbpf_hook(control)]
fn refusing_too(ctx_id: u32) -> u64 {
    0
}

fn codelet(name: &str, hook: &str) -> CodeletBuilder {
    let path = format!(
        "{}/../codelets/tests/v3/{name}.o",
        env!("CARGO_MANIFEST_DIR")
    );
    CodeletBuilder::from_path(name, path, hook)
}

/// Resources of a process that a load could leave behind.
#[derive(Debug, PartialEq, Eq)]
struct Holdings {
    mappings: usize,
    descriptors: usize,
    threads: usize,
}

fn holdings() -> Holdings {
    let count = |folder: &str| std::fs::read_dir(folder).unwrap().count();
    // Neighbouring mappings of the allocator merge and split; the mappings of a load are its own.
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

/// The last codelet of the set is refused, at one step after the other. The codeletset beside it
/// stays as it is: mappings, descriptors, threads, memory of maps, lists and attachments.
fn refused_at_each_step() {
    let stream = StreamId([3; 16]);
    let budget = MemoryBudget::new(1 << 20);
    let mut options = MapOptions::default();
    options.budget = Some(Arc::clone(&budget));
    let runtime = Runtime::builder()
        .name("refusals")
        .map_options(options)
        .build()
        .unwrap();
    let standing = |name: &str, codelet: CodeletBuilder| {
        let request = LoadRequest::builder(name).codelet(codelet).build();
        runtime.load(&request.unwrap()).unwrap();
    };
    standing(
        "ring",
        codelet("ring_output", "refusing").output("records", stream),
    );
    standing("control", codelet("early_return", "refusing_too"));

    let on_hook = |name| codelet(name, "refusing");
    let in_last = |name: &str, rest: &str| format!("codeletset `set`, codelet `{name}`: {rest}");
    let missing = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../codelets/tests/v3/missing.o"
    );
    let steps = [
        (
            "object",
            on_hook("missing"),
            format!("cannot read the object `{missing}`: No such file or directory (os error 2)"),
        ),
        (
            "hook",
            codelet("early_return", "refusign"),
            "no hook `refusign`; did you mean `refusing`?".to_owned(),
        ),
        (
            "verification",
            on_hook("endless_loop"),
            "rejected for hook `refusing` at ./tests/endless_loop.c:9: E0041: the path comes back to this \
             instruction with nothing changed: the loop may never end"
                .to_owned(),
        ),
        (
            "links",
            on_hook("full_hash_map").linked_map("small", "two_maps", "usage"),
            "`linked_maps` links `small` (HASHMAP, key 4 bytes, value 8 bytes, 2 entries) with `usage` of \
             `two_maps` (ARRAY, key 4 bytes, value 8 bytes, 16 entries); they must have the same type and sizes"
                .to_owned(),
        ),
        (
            "channels",
            on_hook("control_input"),
            "the codelet uses the channel `settings`, which `in_io_channel` does not list".to_owned(),
        ),
        (
            "memory",
            CodeletBuilder::from_path(
                "large",
                concat!(env!("CARGO_MANIFEST_DIR"), "/../codelets/loading/large_map.o"),
                "refusing",
            ),
            String::new(),
        ),
        (
            "streams",
            on_hook("ring_output").output("records", stream),
            format!(
                "the stream id {stream} of output channel `records` is in use by codeletset `ring`, codelet \
                 `ring_output`, map `records`"
            ),
        ),
        (
            "control hook",
            codelet("early_return", "refusing_too"),
            "the control hook `refusing_too` has a codelet already: codeletset `control`, codelet \
             `early_return`; unload that codeletset, or replace it"
                .to_owned(),
        ),
    ];
    for (step, last, rest) in steps {
        let good = [
            on_hook("two_maps"),
            on_hook("per_thread_hash"),
            on_hook("reserve_send").output_derived("samples"),
        ];
        let request = request(good.into_iter().chain([last]));
        let name = &request.codelets().last().unwrap().name;
        let refuse = || runtime.load(&request).unwrap_err().to_string();
        let message = refuse();
        match step {
            "memory" => {
                let start = in_last(name, "map `large`: 1048576 bytes are needed and ");
                assert!(message.starts_with(&start), "{message}");
            }
            _ => assert_eq!(message, in_last(name, &rest), "{step}"),
        }
        let before = (holdings(), runtime.list(), budget.used());
        for _ in 0..20 {
            assert_eq!(refuse(), message);
            refusing(&[1, 2, 3, 4], 7);
            refusing_too(7);
        }
        let after = (holdings(), runtime.list(), budget.used());
        assert_eq!(after, before, "{step}");
    }
    runtime.unload("ring").unwrap();
    runtime.unload("control").unwrap();
    assert_eq!(budget.used(), 0);
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
    refused_at_each_step();
}
