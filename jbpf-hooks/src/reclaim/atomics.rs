//! Atomics of the standard library, or loom's when the model is built (`--cfg loom`): what the
//! model explores is the code that ships.

#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};

/// The fence between a reader's mark and its next loads, if the writer pays for the order. It
/// keeps the compiler from swapping the two, and costs no instruction.
///
/// The writer's `membarrier` makes it as strong as a fence. The model knows no `membarrier`, so
/// that it has a fence on both sides.
#[inline(always)]
pub(crate) fn light_fence() {
    #[cfg(not(loom))]
    core::sync::atomic::compiler_fence(Ordering::SeqCst);
    #[cfg(loom)]
    fence(Ordering::SeqCst);
}
