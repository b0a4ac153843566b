//! A load for which the system gives no memory that can be executed: refused, and all is as it
//! was.
#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use jbpf::request::CodeletBuilder;
use jbpf::{LoadRequest, Runtime, jbpf_hook};

#[jbpf_hook(control)]
fn first(ctx_id: u32) -> u64 {
    0
}

#[jbpf_hook(control)]
fn second(ctx_id: u32) -> u64 {
    0
}

fn codelet(name: &str, hook: &str) -> CodeletBuilder {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../codelets/loading/answer.o");
    CodeletBuilder::from_path(name, path, hook)
}

/// Mappings but the heap's, descriptors, threads.
fn holdings() -> [usize; 3] {
    let count = |folder: &str| std::fs::read_dir(folder).unwrap().count();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    [
        maps.lines().filter(|line| !line.contains("[heap]")).count(),
        count("/proc/self/fd"),
        count("/proc/self/task"),
    ]
}

/// From now on no memory becomes executable; not in this process, and not again. Returns false if
/// the system cannot do that (Linux before 6.3).
fn forbid_new_code() -> bool {
    const PR_MDWE_REFUSE_EXEC_GAIN: libc::c_ulong = 1;
    const NONE: libc::c_ulong = 0;
    // SAFETY: this request takes numbers and touches no memory.
    unsafe {
        libc::prctl(
            libc::PR_SET_MDWE,
            PR_MDWE_REFUSE_EXEC_GAIN,
            NONE,
            NONE,
            NONE,
        ) == 0
    }
}

#[test]
fn without_memory_for_code_nothing_changes() {
    let runtime = Runtime::builder().name("no_code").build().unwrap();
    let standing = LoadRequest::builder("standing").codelet(codelet("c", "first"));
    runtime.load(&standing.build().unwrap()).unwrap();
    if !forbid_new_code() {
        println!("skipped: this system lets every process make code");
        return;
    }
    let request = LoadRequest::builder("set")
        .codelet(codelet("d", "second"))
        .build()
        .unwrap();
    let refuse = || runtime.load(&request).unwrap_err().to_string();
    let message = refuse();
    assert!(
        message.starts_with("hook `second`: the compiler refused "),
        "{message}"
    );
    let before = (holdings(), runtime.list());
    for _ in 0..20 {
        assert_eq!(refuse(), message);
        assert_eq!((first(0), second(0)), (42, 0));
    }
    assert_eq!((holdings(), runtime.list()), before);
    runtime.unload("standing").unwrap();
    assert_eq!((first(0), second(0)), (0, 0));
}
