//! Attaching and detaching under fire, the writer fencing for all. Alone in its process: it counts
//! slots.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]
#![allow(
    unsafe_code,
    reason = "attaches dispatch functions, as the runtime does"
)]

use jbpf_hooks::hook::Hook;

mod number;
mod on_heap;
mod under_fire;

#[test]
fn no_call_is_lost_or_run_twice_or_sees_what_was_freed() {
    static HOOK: Hook = number::hook();
    under_fire::run::<Box<on_heap::OnHeap>>(&HOOK, 6, 10_000);
}
