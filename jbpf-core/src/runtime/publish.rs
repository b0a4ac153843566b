//! Hands dispatch functions to hooks, and frees the ones that they had before.
//!
//! The one unsafe step of the life cycle: a published function must stay callable until every
//! thread that could have read its pointer has left.
#![expect(
    unsafe_code,
    reason = "hands machine code to hooks, and frees it after the grace period"
)]

use std::mem::ManuallyDrop;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jbpf_hooks::hook::Hook;
use jbpf_hooks::reclaim::{self, Grace, SynchronizeError};

use crate::engine::CompiledHook;
use crate::error::ThreadInside;

/// The code that a hook runs. The attachments own it; it is freed only through [`Retired`].
#[derive(Debug)]
pub(super) struct Published {
    hook: &'static Hook,
    compiled: ManuallyDrop<CompiledHook>,
}

/// Compiled hooks that could not be freed, since the system could not tell whether a thread still
/// runs them.
static KEPT: Mutex<Vec<Published>> = Mutex::new(Vec::new());

/// Compiled hooks that no hook refers to any more, and the threads that may still run them.
#[derive(Debug, Default)]
#[must_use = "nothing else frees them"]
pub(super) struct Retired {
    published: Vec<Published>,
    /// Begun once no hook refers to any of them.
    grace: Option<Result<Grace, SynchronizeError>>,
}

impl Retired {
    pub(super) fn push(&mut self, published: Published) {
        self.published.push(published);
    }

    /// Begins to wait for the threads that are inside, once all are taken off their hooks. Takes
    /// along the hooks that could not be freed before.
    pub(super) fn begin(mut self) -> Self {
        self.published.append(&mut lock_kept());
        if !self.published.is_empty() {
            let hooks = self.published.iter().map(|published| published.hook);
            self.grace = Some(Grace::begin(hooks));
        }
        self
    }

    /// Whether waiting is over: no thread runs them any more, or the system cannot tell.
    pub(super) fn wait(&mut self, deadline: Option<Instant>) -> bool {
        match &mut self.grace {
            Some(Ok(grace)) => grace.wait(deadline),
            _ => true,
        }
    }

    /// The threads that were inside when it was looked at last.
    pub(super) fn inside(&self) -> Vec<ThreadInside> {
        let grace = self.grace.as_ref().and_then(|grace| grace.as_ref().ok());
        let inside = grace.into_iter().flat_map(Grace::inside);
        let named = inside.filter_map(|inside| {
            let mut hooks = self.published.iter().map(|published| published.hook);
            let hook = hooks.find(|hook| std::ptr::from_ref(*hook).addr() == inside.hook)?;
            Some(ThreadInside {
                thread: inside.thread,
                hook: hook.info().name.to_owned(),
            })
        });
        named.collect()
    }

    /// Waits until no thread runs them, then frees them.
    ///
    /// # Errors
    /// Nobody can tell when the last thread has left them. They are kept, [counted](kept), and
    /// tried again with the next ones that are freed: leaking them is safe, freeing them is not.
    pub(super) fn free(mut self) -> Result<(), SynchronizeError> {
        match self.grace.take() {
            None => return Ok(()),
            Some(Ok(mut grace)) => {
                if !grace.is_over() && reclaim::inside_codelet() {
                    // It would wait for itself.
                    return Err(SynchronizeError::InsideCodelet);
                }
                grace.wait(None);
            }
            Some(Err(error)) => {
                tracing::error!(
                    target: "jbpf",
                    %error,
                    "code and maps of codelets that were taken off their hooks stay in memory: a thread may still run them"
                );
                return Err(error);
            }
        }
        for mut published in std::mem::take(&mut self.published) {
            // SAFETY: `Published` is dropped here alone, once. No hook has referred to it since
            // before the grace period of its hook that has just ended, so that no thread is
            // inside.
            unsafe { ManuallyDrop::drop(&mut published.compiled) };
        }
        Ok(())
    }
}

impl Drop for Retired {
    /// Keeps those that were not freed; the next [`begin`](Self::begin) takes them along.
    fn drop(&mut self) {
        if !self.published.is_empty() {
            lock_kept().append(&mut self.published);
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

/// Has `hook` run `compiled` from now on.
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
    // environment stay alive until `Retired` frees them, which comes after the hook was led
    // elsewhere and a grace period. The attachments' lock keeps calls from overlapping.
    unsafe { hook.attach(dispatch, environment) };
    published
}

/// Makes `hook` idle.
pub(super) fn unpublish(hook: &'static Hook) {
    hook.detach();
}
