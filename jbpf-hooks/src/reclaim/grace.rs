//! Waiting for those inside of some hooks, as long as one likes, and saying who they are.

use std::time::{Duration, Instant};

use super::record::{ThreadRecord, Whereabouts};
use super::wait::Wait;
use super::{DOMAIN, SynchronizeError, barrier, is_forked_child};
use crate::hook::Hook;

/// The threads that were inside of some hooks when it began, and have not left them since.
///
/// What those hooks had been led to before is used by nobody once the grace period [is over](Self::is_over). A thread inside of
/// other hooks is not waited for, however long it stays there.
#[derive(Debug)]
pub struct Grace {
    began: Instant,
    /// Their addresses.
    hooks: Vec<usize>,
    inside: Vec<Reader>,
}

/// A thread that has not been seen to leave.
#[derive(Debug)]
struct Reader {
    record: &'static ThreadRecord,
    before: Whereabouts,
}

/// A thread inside of a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inside {
    /// The system's number of the thread.
    pub thread: u32,
    /// Where the hook is.
    pub hook: usize,
}

impl Grace {
    /// Begins with the threads that are inside of these hooks now. Threads that come later find what is published by then.
    ///
    /// # Errors
    ///
    /// As [`synchronize`](super::synchronize), but for a thread inside of a codelet: it may begin, and must not
    /// [wait](Self::wait) without a limit.
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

    /// Whether all have left. Once true, it stays so.
    pub fn is_over(&mut self) -> bool {
        self.look();
        self.inside.is_empty()
    }

    /// Waits until all have left, or until `deadline`; whether they have.
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

    /// Those that were inside when it was looked at last.
    pub fn inside(&self) -> impl Iterator<Item = Inside> + '_ {
        self.inside.iter().filter_map(|reader| {
            let hook = reader.record.hook_among(&self.hooks)?;
            Some(Inside {
                thread: reader.record.thread(),
                hook,
            })
        })
    }

    /// How long ago it began.
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
