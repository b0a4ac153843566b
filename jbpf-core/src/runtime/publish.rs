//! Where hooks get their dispatch functions, and where what they had is freed.
//!
//! The one unsafe step of the life cycle: a published function must stay callable until every thread
//! that could have read its pointer has left.
#![expect(
    unsafe_code,
    reason = "hands machine code to hooks, and frees it after the grace period"
)]

use std::mem::ManuallyDrop;

use jbpf_hooks::hook::Hook;
use jbpf_hooks::reclaim;

use crate::engine::CompiledHook;

/// What a hook runs. Owned by the attachments; freed only through [`Retired`].
#[derive(Debug)]
pub(super) struct Published(ManuallyDrop<CompiledHook>);

/// Compiled hooks that no hook refers to any more. Dropping it waits until no thread runs them, then
/// frees them.
#[derive(Debug, Default)]
#[must_use = "dropping it waits for threads inside codelets"]
pub(super) struct Retired(Vec<Published>);

impl Retired {
    pub(super) fn push(&mut self, published: Published) {
        self.0.push(published);
    }
}

/// Makes `compiled` what `hook` runs from now on.
pub(super) fn publish(hook: &'static Hook, compiled: CompiledHook) -> Published {
    let published = Published(ManuallyDrop::new(compiled));
    // SAFETY: The function was compiled for this hook's context and does not unwind. It and its
    // environment stay alive until `Retired` frees them, which comes after the hook was led elsewhere
    // and a grace period. The attachments' lock keeps calls from overlapping.
    unsafe { hook.attach(published.0.dispatch(), published.0.environment()) };
    published
}

/// Makes `hook` idle.
pub(super) fn unpublish(hook: &'static Hook) {
    hook.detach();
}

impl Drop for Retired {
    fn drop(&mut self) {
        if self.0.is_empty() {
            return;
        }
        if reclaim::synchronize().is_err() {
            return; // Somebody may still be inside: leaking it is safe, freeing it is not.
        }
        for published in &mut self.0 {
            // SAFETY: `Published` is dropped here alone, once: `self` is being dropped.
            unsafe { ManuallyDrop::drop(&mut published.0) };
        }
    }
}
