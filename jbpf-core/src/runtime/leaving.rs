//! Codelets that changes have taken off hooks, until the last thread has left them.
//!
//! A change is effective before that, and other changes go on meanwhile: nothing here holds the
//! lock of the attachments. The thread that made the change waits for a time. Then it leaves the
//! rest to a thread that frees code and maps when nobody uses them any more.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jbpf_channel::Doorbell;
use jbpf_hooks::reclaim::SynchronizeError;

use super::publish::Retired;
use super::{RETIRE_THREAD, Shared, aborts};
use crate::codeletset::LoadedSet;
use crate::error::{ThreadInside, threads};

/// How long a load or a replacement waits for the threads inside codelets that it took off hooks.
/// It is effective already.
pub(super) const LOAD_LIMIT: Duration = Duration::from_secs(1);

/// How long measuring waits likewise.
pub(super) const MEASURE_LIMIT: Duration = Duration::from_millis(100);

/// How long an unload waits, unless the builder says otherwise.
pub(super) const UNLOAD_LIMIT: Duration = Duration::from_secs(10);

/// Changes whose rest may wait at a time. The codelets that they took off stay in memory.
const MAX_LEFT: usize = 64;

/// How often a waiting change reports the threads that it waits for.
const SLICE: Duration = Duration::from_millis(20);

/// How often the thread that frees the rest looks, at first and at last.
const LOOKS: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

/// The codelets that a change has taken off hooks, and the work left for when no thread is inside
/// them any more.
#[derive(Debug)]
pub(super) struct Leaving {
    pub(super) retired: Retired,
    /// The thread that called the built-in hooks, if it has none to call any more.
    pub(super) timer: Option<JoinHandle<()>>,
    /// The codeletset that goes, and the one in its place: channels that do not live on are
    /// closed.
    pub(super) set: Option<(Arc<LoadedSet>, Option<Arc<LoadedSet>>)>,
}

/// The progress of a change, for a thread that watches it.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    effective: AtomicBool,
    stopped: AtomicBool,
    inside: Mutex<Vec<ThreadInside>>,
    bell: Option<Arc<Doorbell>>,
}

/// The result of waiting.
#[derive(Debug)]
pub(super) enum Settled {
    /// No thread is inside any more, or the system cannot tell.
    Freed(Result<(), SynchronizeError>),
    /// These are inside still; another thread waits for them.
    Left(Vec<ThreadInside>),
}

/// The changes whose rest is left to be freed.
#[derive(Debug, Default)]
pub(super) struct Rest(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    leaving: Vec<Leaving>,
    /// Whether a thread looks after it.
    served: bool,
}

impl Progress {
    /// Rings `bell` when the change is effective.
    pub(crate) fn new(bell: Arc<Doorbell>) -> Self {
        Self {
            bell: Some(bell),
            ..Self::default()
        }
    }

    /// Whether the change is effective, and others may begin.
    pub(crate) fn is_effective(&self) -> bool {
        self.effective.load(Ordering::Acquire)
    }

    /// The threads that it waits for.
    pub(crate) fn inside(&self) -> Vec<ThreadInside> {
        self.lock().clone()
    }

    /// Nobody waits for the rest any more.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    pub(super) fn set_effective(&self) {
        self.effective.store(true, Ordering::Release);
        if let Some(bell) = &self.bell {
            bell.ring();
        }
    }

    fn set_inside(&self, inside: Vec<ThreadInside>) {
        *self.lock() = inside;
    }

    fn lock(&self) -> MutexGuard<'_, Vec<ThreadInside>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leaving {
    /// Waits until `deadline` at most; returns whether no thread is inside any more.
    fn wait(&mut self, deadline: Instant) -> bool {
        if !self.retired.wait(Some(deadline)) {
            return false;
        }
        // It is outside of these codelets, but may be inside of those that an earlier change took
        // off.
        while self
            .timer
            .as_ref()
            .is_some_and(|timer| !timer.is_finished())
        {
            if deadline <= Instant::now() {
                return false;
            }
            std::thread::sleep(Duration::from_micros(50));
        }
        true
    }

    fn finish(mut self, shared: &Shared) -> Result<(), SynchronizeError> {
        let freed = self.retired.free();
        if let Some(timer) = self.timer.take() {
            // The thread panics nowhere: it runs codelets, and their helpers contain panics.
            let _ = timer.join();
        }
        if let Some((set, successor)) = self.set {
            set.close_channels(successor.as_deref());
            shared.output.streams_changed();
            aborts::tell(&set, true);
        }
        freed
    }
}

impl Rest {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of changes that wait, and the threads that they wait for, if there may be no
    /// more such changes.
    pub(super) fn too_much(&self) -> Option<(usize, Vec<ThreadInside>)> {
        let state = self.lock();
        let changes = state.leaving.len();
        (changes >= MAX_LEFT).then(|| (changes, inside(&state.leaving)))
    }

    /// Takes all that is left. The caller frees it.
    pub(super) fn take(&self) -> Vec<Leaving> {
        std::mem::take(&mut self.lock().leaving)
    }

    /// The threads that changes wait for.
    pub(super) fn inside(&self) -> Vec<ThreadInside> {
        inside(&self.lock().leaving)
    }
}

/// Each once.
fn inside(leaving: &[Leaving]) -> Vec<ThreadInside> {
    let mut all: Vec<ThreadInside> = Vec::new();
    for inside in leaving.iter().flat_map(|leaving| leaving.retired.inside()) {
        if !all.contains(&inside) {
            all.push(inside);
        }
    }
    all
}

impl Shared {
    /// Waits until no thread is inside the codelets that a change took off, for `limit` at most,
    /// and then finishes the change. The caller does not hold the lock of the attachments.
    pub(super) fn settle(
        self: &Arc<Self>,
        mut leaving: Leaving,
        limit: Duration,
        progress: &Progress,
    ) -> Settled {
        progress.set_effective();
        let begin = Instant::now();
        let end = begin.checked_add(limit);
        loop {
            let now = Instant::now();
            let slice = now.checked_add(SLICE).unwrap_or(now);
            if leaving.wait(end.map_or(slice, |end| end.min(slice))) {
                return Settled::Freed(leaving.finish(self));
            }
            let inside = leaving.retired.inside();
            let is_over = end.is_some_and(|end| end <= Instant::now());
            if is_over || progress.stopped.load(Ordering::Acquire) {
                self.leave(leaving);
                return Settled::Left(inside);
            }
            progress.set_inside(inside);
        }
    }

    /// Leaves it to another thread.
    fn leave(self: &Arc<Self>, leaving: Leaving) {
        let mut state = self.rest.lock();
        state.leaving.push(leaving);
        if state.served {
            return;
        }
        let shared = Arc::clone(self);
        let spawned = self
            .threads
            .spawn_anyhow(RETIRE_THREAD, move || shared.serve_rest());
        match spawned {
            Ok(()) => state.served = true,
            Err(error) => {
                tracing::warn!(target: "jbpf", %error, "code that no hook runs any more stays: the system has no thread to free it");
            }
        }
    }

    fn serve_rest(&self) {
        let (mut pause, longest) = LOOKS;
        loop {
            std::thread::sleep(pause);
            pause = pause.saturating_mul(2).min(longest);
            let mut state = self.rest.lock();
            let now = Instant::now();
            let (over, left) = std::mem::take(&mut state.leaving)
                .into_iter()
                .map(|mut leaving| (leaving.wait(now), leaving))
                .partition::<Vec<_>, _>(|(over, _)| *over);
            state.leaving = left.into_iter().map(|(_, leaving)| leaving).collect();
            let ends = state.leaving.is_empty();
            state.served = !ends;
            drop(state);
            for (_, leaving) in over {
                // Code that cannot be freed is counted and logged.
                let _ = leaving.finish(self);
            }
            if ends {
                return;
            }
        }
    }

    /// Waits as long as it takes, and says for whom.
    pub(super) fn settle_all(&self, leaving: Vec<Leaving>) {
        let begin = Instant::now();
        let mut told = Duration::from_secs(1);
        for mut leaving in leaving {
            loop {
                let now = Instant::now();
                if leaving.wait(now.checked_add(SLICE).unwrap_or(now)) {
                    break;
                }
                if begin.elapsed() >= told {
                    told = told.saturating_mul(4);
                    tracing::warn!(
                        target: "jbpf",
                        "the runtime ends once {} has left, and has waited for {} s",
                        threads(&leaving.retired.inside()),
                        begin.elapsed().as_secs()
                    );
                }
            }
            // Code that cannot be freed is counted and logged.
            let _ = leaving.finish(self);
        }
    }
}
