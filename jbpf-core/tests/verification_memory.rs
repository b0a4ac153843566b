//! The peak of the heap during verification, and the memory of maps. The test is alone in its
//! process: an allocator counts.

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

use std::sync::{Arc, Mutex, PoisonError};

/// Held by the test that measures.
static ALONE: Mutex<()> = Mutex::new(());

/// Bytes that no verification may take.
const MOST: usize = 16 << 20;

#[test]
fn verification_takes_little_memory_whatever_the_program() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
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
