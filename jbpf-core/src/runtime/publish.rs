//! Where hooks get their dispatch functions, and where what they had is freed.
//!
//! The one unsafe step of the life cycle: a published function must stay callable until every thread
//! that could have read its pointer has left.
#![expect(
    unsafe_code,
    reason = "hands machine code to hooks, and frees it after the grace period"
)]

use std::mem::ManuallyDrop;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jbpf_hooks::hook::Hook;
use jbpf_hooks::reclaim::{self, SynchronizeError};

use crate::engine::CompiledHook;

/// What a hook runs. Owned by the attachments; freed only through [`Retired`].
#[derive(Debug)]
pub(super) struct Published {
    hook: &'static Hook,
    compiled: ManuallyDrop<CompiledHook>,
}

/// What could not be freed, since nobody could tell whether a thread still runs it.
static KEPT: Mutex<Vec<Published>> = Mutex::new(Vec::new());

/// Compiled hooks that no hook refers to any more.
#[derive(Debug, Default)]
#[must_use = "nothing else frees them"]
pub(super) struct Retired(Vec<Published>);

impl Retired {
    pub(super) fn push(&mut self, published: Published) {
        self.0.push(published);
    }

    /// Waits until no thread runs them, then frees them, and with them what had to be kept before.
    ///
    /// # Errors
    /// Nobody can tell when the last thread has left them. They are kept, [counted](kept), and tried again with the next ones
    /// that are freed: leaking them is safe, freeing them is not.
    pub(super) fn free(mut self) -> Result<(), SynchronizeError> {
        let mut retired = std::mem::take(&mut self.0);
        retired.append(&mut lock_kept());
        if retired.is_empty() {
            return Ok(());
        }
        if let Err(error) = reclaim::synchronize() {
            tracing::error!(
                target: "jbpf",
                %error,
                "code and maps of codelets that were taken off their hooks stay in memory: a thread may still run them"
            );
            lock_kept().append(&mut retired);
            return Err(error);
        }
        for mut published in retired {
            // SAFETY: `Published` is dropped here alone, once. No hook has referred to it since before the grace period
            // that has just ended, so that no thread is inside.
            unsafe { ManuallyDrop::drop(&mut published.compiled) };
        }
        Ok(())
    }
}

impl Drop for Retired {
    /// What nobody has freed, nobody waits for; the next ones take it along.
    fn drop(&mut self) {
        if !self.0.is_empty() {
            lock_kept().append(&mut self.0);
        }
    }
}

/// How many compiled versions of this hook were replaced and could not be freed.
pub(crate) fn kept(hook: &Hook) -> u64 {
    let kept = lock_kept();
    let of_hook = kept
        .iter()
        .filter(|published| std::ptr::eq(published.hook, hook));
    of_hook.count() as u64
}

fn lock_kept() -> MutexGuard<'static, Vec<Published>> {
    // Nothing panics while it is locked.
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes `compiled` what `hook` runs from now on.
pub(super) fn publish(hook: &'static Hook, compiled: CompiledHook) -> Published {
    let published = Published {
        hook,
        compiled: ManuallyDrop::new(compiled),
    };
    let (dispatch, environment) = (
        published.compiled.dispatch(),
        published.compiled.environment(),
    );
    // SAFETY: The function was compiled for this hook's context and does not unwind. It and its
    // environment stay alive until `Retired` frees them, which comes after the hook was led elsewhere
    // and a grace period. The attachments' lock keeps calls from overlapping.
    unsafe { hook.attach(dispatch, environment) };
    published
}

/// Makes `hook` idle.
pub(super) fn unpublish(hook: &'static Hook) {
    hook.detach();
}
