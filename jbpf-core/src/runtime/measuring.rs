//! The demand for measured hooks, and their measurements.
//!
//! The counting is compiled into a hook's dispatch function. So turning it on or off is a change
//! like a load, and takes turns with loads. Readers of the counts wait for none of them.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use std::time::Instant;

use jbpf_hooks::hook::Hook;
use jbpf_hooks::reclaim;

use super::attachment::{Attached, HookKey};
use super::{RETIRE_THREAD, Shared};
use crate::builtin_hooks;
use crate::engine::measure::{CodeletStats, HookStats};
use crate::engine::{BoundCodelet, EngineError};
use crate::error::WrongPlace;
use jbpf_operator::stats::Measured;

/// Why hooks are not measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MeasureError {
    /// No hook has this name.
    #[error("no hook `{hook}`{}", crate::error::did_you_mean(.nearest))]
    UnknownHook {
        /// The name asked for.
        hook: String,
        /// The nearest hook.
        nearest: Option<String>,
    },
    /// Not here.
    #[error(transparent)]
    Place(#[from] WrongPlace),
    /// The engine failed.
    #[error("hook `{hook}` cannot be measured: {source}")]
    Engine {
        /// The hook.
        hook: String,
        /// Its error.
        source: EngineError,
    },
    /// Too many changes wait for threads that stay inside of hooks. The codelets that those
    /// changes took off stay in memory until the threads leave.
    #[error(
        "{changes} changes wait for {} to leave; measure again after that",
        crate::error::threads(inside)
    )]
    Waiting {
        /// How many.
        changes: usize,
        /// The threads that are inside.
        inside: Vec<crate::error::ThreadInside>,
    },
    /// The runtime is being dropped.
    #[error("the runtime is gone")]
    Gone,
}

/// Hooks that are to be measured.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    /// All, also those that get their codelets later.
    All,
    /// These.
    Hooks(Vec<&'static Hook>),
}

/// A guard: its hooks are measured while it lives. Dropping it ends that, unless other guards name
/// the same hooks. The measurements are forgotten when the last of these guards goes.
///
/// Dropping it waits for loads under way, and for calls of the hooks to end. Inside of a codelet
/// it leaves that to another thread.
#[derive(Debug)]
#[must_use = "measuring ends when it is dropped"]
pub struct Measuring {
    pub(super) shared: Weak<Shared>,
    pub(super) wanted: Wanted,
}

impl Drop for Measuring {
    fn drop(&mut self) {
        let Some(shared) = self.shared.upgrade() else {
            return;
        };
        if shared.is_forked() {
            return;
        }
        if !reclaim::inside_codelet() {
            shared.stop_measuring(&self.wanted);
            return;
        }
        let wanted = self.wanted.clone();
        let threads = shared.threads.clone();
        let spawned = threads.spawn_anyhow(RETIRE_THREAD, move || shared.stop_measuring(&wanted));
        if let Err(error) = spawned {
            tracing::warn!(target: "jbpf", %error, "hooks stay measured: the system has no thread to end it");
        }
    }
}

/// How many want which hooks measured.
#[derive(Debug, Clone, Default)]
pub(super) struct Demand {
    all: usize,
    hooks: HashMap<HookKey, usize>,
    /// A codelet that touches the report is attached to `report_stats`.
    pub(super) reported: bool,
}

impl Demand {
    pub(super) fn covers(&self, hook: &'static Hook) -> bool {
        let reported = self.reported && !std::ptr::eq(hook, builtin_hooks::report_hook());
        reported || self.all > 0 || self.hooks.contains_key(&hook.into())
    }

    pub(super) fn with(&self, wanted: &Wanted) -> Self {
        let mut demand = self.clone();
        match wanted {
            Wanted::All => demand.all += 1,
            Wanted::Hooks(hooks) => {
                for hook in hooks {
                    *demand.hooks.entry((*hook).into()).or_default() += 1;
                }
            }
        }
        demand
    }

    pub(super) fn without(&self, wanted: &Wanted) -> Self {
        let mut demand = self.clone();
        match wanted {
            Wanted::All => demand.all = demand.all.saturating_sub(1),
            Wanted::Hooks(hooks) => {
                for hook in hooks {
                    let key = (*hook).into();
                    match demand.hooks.get_mut(&key) {
                        Some(count) if *count > 1 => *count -= 1,
                        _ => _ = demand.hooks.remove(&key),
                    }
                }
            }
        }
        demand
    }
}

/// The measurements of a hook. They begin when it is to be measured and has a codelet, and end
/// when nobody wants them any more.
#[derive(Debug)]
pub(crate) struct MeasuredHook {
    pub(crate) hook: &'static Hook,
    since: Instant,
    pub(crate) stats: Arc<HookStats>,
    codelets: Vec<MeasuredCodelet>,
}

/// A codelet of a measured hook.
#[derive(Debug)]
struct MeasuredCodelet {
    /// Identifies the codelet and does not keep it alive: readers of statistics hold no maps of
    /// unloaded codeletsets.
    bound: Weak<BoundCodelet>,
    since: Instant,
    stats: Arc<CodeletStats>,
}

impl MeasuredHook {
    /// The measurement of a hook that runs `codelets`, which goes on from the one before.
    pub(super) fn of(hook: &'static Hook, codelets: &[Attached], before: Option<&Self>) -> Self {
        let now = Instant::now();
        let codelets: Vec<MeasuredCodelet> = codelets
            .iter()
            .map(|attached| {
                let known = before.and_then(|before| before.codelet(&attached.bound));
                MeasuredCodelet {
                    bound: Arc::downgrade(&attached.bound),
                    since: known.map_or(now, |known| known.since),
                    stats: known.map_or_else(Arc::default, |known| Arc::clone(&known.stats)),
                }
            })
            .collect();
        let of_codelets = codelets.iter().map(|own| Arc::clone(&own.stats)).collect();
        let stats = match before {
            Some(before) => before.stats.with_codelets(of_codelets),
            None => HookStats::new(0).with_codelets(of_codelets),
        };
        Self {
            hook,
            since: before.map_or(now, |before| before.since),
            stats: Arc::new(stats),
            codelets,
        }
    }

    fn codelet(&self, bound: &Arc<BoundCodelet>) -> Option<&MeasuredCodelet> {
        self.codelets
            .iter()
            .find(|codelet| std::ptr::eq(codelet.bound.as_ptr(), Arc::as_ptr(bound)))
    }

    pub(super) fn has_codelets(&self) -> bool {
        !self.codelets.is_empty()
    }

    pub(crate) fn measured(&self) -> Measured {
        measured(self.since, self.stats.hook())
    }

    /// The measurements of one of its codelets.
    pub(crate) fn measured_of(&self, bound: &Arc<BoundCodelet>) -> Option<Measured> {
        let codelet = self.codelet(bound)?;
        Some(measured(codelet.since, &codelet.stats))
    }
}

fn measured(since: Instant, stats: &CodeletStats) -> Measured {
    let totals = stats.totals();
    Measured {
        elapsed: since.elapsed(),
        calls: totals.calls,
        times: totals.times,
    }
}

/// The hooks that are measured now. Changed under the lock of the attachments, for moments; read
/// by anybody.
#[derive(Debug, Default)]
pub(crate) struct Board(RwLock<HashMap<HookKey, Arc<MeasuredHook>>>);

impl Board {
    pub(crate) fn get(&self, hook: &'static Hook) -> Option<Arc<MeasuredHook>> {
        self.read().get(&hook.into()).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<MeasuredHook>> {
        self.read().values().cloned().collect()
    }

    pub(super) fn set(&self, hook: &'static Hook, measured: Option<Arc<MeasuredHook>>) {
        let mut hooks = self.write();
        let before = match measured {
            Some(measured) => hooks.insert(hook.into(), measured),
            None => hooks.remove(&hook.into()),
        };
        drop(hooks);
        drop(before);
    }

    pub(super) fn clear(&self) {
        let before = std::mem::take(&mut *self.write());
        drop(before);
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<HookKey, Arc<MeasuredHook>>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<HookKey, Arc<MeasuredHook>>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
