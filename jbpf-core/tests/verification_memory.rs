//! The peak of the heap during verification, and the memory of maps. Each test has a
//! process of its own: an allocator counts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

#[path = "../../jbpf-verifier/tests/assembly/mod.rs"]
mod assembly;
#[path = "../../benches/verify/generated.rs"]
#[expect(dead_code, reason = "those that take time take little room")]
mod generated;
#[path = "../../benches/verify/heap.rs"]
mod heap;
#[path = "support/map_memory.rs"]
mod map_memory;
#[path = "second_opinion/programs.rs"]
mod programs;

use std::process::Command;
use std::sync::Arc;

/// Has a test run in a process of its own, which has no other thread: threads that begin or end
/// take memory, and give it back, at times of their own. True in that process.
fn alone(test: &str) -> bool {
    const ALONE: &str = "JBPF_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(ALONE, "1")
        // One heap for all threads, in its own place: the heap of a thread lies among the maps,
        // and the system makes one area of two that touch.
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    false
}

/// Bytes that no verification may take.
const MOST: usize = 16 << 20;

#[test]
fn verification_takes_little_memory_whatever_the_program() {
    if !alone("verification_takes_little_memory_whatever_the_program") {
        return;
    }
    let first_example = programs::of_object("first_example/example_codelet.o");
    let of_size = [generated::thousand_instructions()];
    let cases = first_example.into_iter().chain(of_size);
    for case in cases.chain(generated::that_take_room()) {
        let program = Arc::new(case.program);
        let (context, helpers) = (Arc::new(case.context), Arc::new(case.helpers));
        let peak = heap::peak(|| jbpf_verifier::verify(&program, &context, &helpers));
        println!("{}: {} KiB", case.name, peak >> 10);
        assert!(peak > 0 && peak < MOST, "{}: {peak} bytes", case.name);
    }
}
