//! A little queue that declares hooks, as any library may: it depends on `jbpf-hooks` and on
//! nothing else. A program that links it pays a load and a branch for each call, until an
//! application with a runtime loads codelets on its hooks.

use std::collections::VecDeque;

use jbpf_hooks::{JbpfContext, RegionMut, jbpf_data, jbpf_helper, jbpf_hook};

/// A job in the queue.
#[jbpf_data]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Job {
    /// The owner of the job.
    pub owner: u32,
    /// The higher is worked on first.
    pub urgency: u32,
    /// The cost of the job, in units of work.
    pub cost: u64,
}

/// The facts about a job that is taken out.
#[derive(JbpfContext)]
#[repr(C)]
pub struct TakenContext<'a> {
    /// The job.
    pub job: RegionMut<'a, Job>,
    /// Jobs left behind it.
    pub left: u32,
}

/// Called for every job before it is queued.
#[jbpf_hook(name = "hook_library.job_queued")]
pub fn job_queued(job: &Job, waiting: u32) {}

/// Called for every job that is taken out; codelets may change it.
#[jbpf_hook(name = "hook_library.job_taken")]
pub fn job_taken(ctx: TakenContext<'_>) {}

/// Whether a job is queued at all: 0, it is not. Without a codelet, all jobs that cost something are.
#[jbpf_hook(control, name = "hook_library.accepts")]
pub fn accepts(job: &Job) -> u64 {
    u64::from(job.cost > 0)
}

/// The units of work that an owner may have queued.
#[jbpf_helper(id = 61)]
fn allowance(owner: u32) -> u64 {
    u64::from(owner) * 100
}

/// Jobs, the first one in the first one out.
#[derive(Debug, Default)]
pub struct Queue {
    jobs: VecDeque<Job>,
}

impl Queue {
    /// Queues a job, or says that it is not accepted.
    pub fn put(&mut self, job: Job) -> bool {
        if accepts(&job) == 0 {
            return false;
        }
        job_queued(&job, self.waiting());
        self.jobs.push_back(job);
        true
    }

    /// The next job.
    pub fn take(&mut self) -> Option<Job> {
        let mut job = self.jobs.pop_front()?;
        job_taken(TakenContext {
            job: RegionMut::new(&mut job),
            left: self.waiting(),
        });
        Some(job)
    }

    fn waiting(&self) -> u32 {
        u32::try_from(self.jobs.len()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `cargo test -p hook-library`, and with `--features disabled` too: either way, no runtime is
    /// linked.
    #[test]
    fn without_a_runtime_hooks_are_their_bodies() {
        let mut queue = Queue::default();
        let job = |cost| Job {
            owner: 1,
            urgency: 2,
            cost,
        };
        assert!(!queue.put(job(0)), "the hook's own answer");
        assert!(queue.put(job(7)));
        assert_eq!(queue.take(), Some(job(7)));
        assert_eq!(queue.take(), None);
        assert_eq!(jbpf_hooks::ENABLED, !cfg!(feature = "disabled"));
    }
}
