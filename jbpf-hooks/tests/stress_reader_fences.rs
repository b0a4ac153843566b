//! Attaching and detaching under fire where readers fence, as on systems without `membarrier`.
//! Alone in its process: it decides who fences.
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
use jbpf_hooks::reclaim::{self, Fences};

mod number;
mod on_heap;
mod under_fire;

#[test]
fn no_call_is_lost_or_run_twice_or_sees_what_was_freed() {
    static HOOK: Hook = number::hook();
    assert_eq!(reclaim::prefer_fences(Fences::Readers), Fences::Readers);
    under_fire::run::<Box<on_heap::OnHeap>>(&HOOK, 6, 10_000);
    assert_eq!(
        reclaim::prefer_fences(Fences::Writer),
        Fences::Readers,
        "decided once"
    );
}
