//! Waiting for the threads inside some hooks, with any time limit, and naming them.

use std::time::{Duration, Instant};

use super::record::{ThreadRecord, Whereabouts};
use super::wait::Wait;
use super::{DOMAIN, SynchronizeError, barrier, is_forked_child};
use crate::hook::Hook;

/// The threads that were inside some hooks when it began, and have not left them since.
///
/// When the grace period [is over](Self::is_over), nobody uses a dispatch function of those hooks
/// that was replaced before it began. It does not wait for a thread inside other hooks, however
/// long that stays there.
#[derive(Debug)]
pub struct Grace {
    began: Instant,
    /// The addresses of the hooks.
    hooks: Vec<usize>,
    inside: Vec<Reader>,
}

/// A thread that has not been seen to leave.
#[derive(Debug)]
struct Reader {
    record: &'static ThreadRecord,
    before: Whereabouts,
}

/// A thread inside a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inside {
    /// The system's number of the thread.
    pub thread: u32,
    /// The address of the hook.
    pub hook: usize,
}

impl Grace {
    /// Begins with the threads that are inside these hooks now. Later threads find the functions
    /// that are published by then.
    ///
    /// # Errors
    ///
    /// The errors of [`synchronize`](super::synchronize), except for a thread inside a codelet: it
    /// may begin, and must not [wait](Self::wait) without a limit.
    pub fn begin<'a>(hooks: impl IntoIterator<Item = &'a Hook>) -> Result<Self, SynchronizeError> {
        if is_forked_child() {
            return Err(SynchronizeError::ForkedChild);
        }
        barrier::writer().map_err(SynchronizeError::Barrier)?;
        let hooks = hooks.into_iter();
        let hooks = hooks.map(|hook| core::ptr::from_ref(hook).addr()).collect();
        let readers = DOMAIN.records().map(|record| Reader {
            record,
            before: record.whereabouts(),
        });
        let mut grace = Self {
            began: Instant::now(),
            hooks,
            inside: readers.filter(|reader| reader.before.inside()).collect(),
        };
        grace.look();
        Ok(grace)
    }

    /// Whether all threads have left. It stays true once it is.
    pub fn is_over(&mut self) -> bool {
        self.look();
        self.inside.is_empty()
    }

    /// Waits until all threads have left, or until `deadline`. Returns whether they have.
    pub fn wait(&mut self, deadline: Option<Instant>) -> bool {
        let mut wait = Wait::new();
        while !self.is_over() {
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return false;
            }
            wait.a_little();
        }
        true
    }

    /// The threads that were inside at the last look.
    pub fn inside(&self) -> impl Iterator<Item = Inside> + '_ {
        self.inside.iter().filter_map(|reader| {
            let hook = reader.record.hook_among(&self.hooks)?;
            Some(Inside {
                thread: reader.record.thread(),
                hook,
            })
        })
    }

    /// The time since it began.
    #[must_use]
    pub fn lasts(&self) -> Duration {
        self.began.elapsed()
    }

    fn look(&mut self) {
        let hooks = &self.hooks;
        self.inside.retain(|reader| {
            !reader.record.whereabouts().moved_on_from(reader.before)
                && reader.record.hook_among(hooks).is_some()
        });
    }
}
