//! The attachment of codelets to hooks, and the one step in which it changes.
//!
//! A change is compiled for every hook it touches before anything is published; publishing is a
//! store a hook and cannot fail. The replaced code is freed when the last thread has left it.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use jbpf_hooks::hook::{Hook, HookKind};

use crate::builtin_hooks;
use crate::codeletset::LoadedSet;
use crate::engine::measure::HookStats;
use crate::engine::{BoundCodelet, CompileOptions, CompiledHook, Engine, EngineError};

use super::measuring::{Board, Demand, MeasuredHook};
use super::publish::{Published, Retired, publish, unpublish};

/// A codelet in its place on a hook.
#[derive(Debug, Clone)]
pub(super) struct Attached {
    pub(super) codeletset: String,
    pub(super) codelet: String,
    priority: u32,
    /// Orders codelets of equal priority. Those of one set keep the set's order.
    turn: u64,
    pub(super) bound: Arc<BoundCodelet>,
}

/// The codelets that are attached to the hooks of the process.
#[derive(Debug, Default)]
pub(super) struct Attachments {
    hooks: HashMap<HookKey, HookState>,
    last_turn: u64,
    demand: Demand,
    board: Arc<Board>,
    /// Everything was taken off for good.
    closed: bool,
}

/// A hook by its address: names are for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct HookKey(usize);

#[derive(Debug)]
struct HookState {
    hook: &'static Hook,
    codelets: Vec<Attached>,
    published: Published,
}

/// The engine that compiles codelets, and its options.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compiler {
    pub(super) engine: Engine,
    pub(super) options: CompileOptions,
}

/// A change that is compiled and can be published.
#[derive(Debug)]
pub(super) struct Change {
    hooks: Vec<HookChange>,
    demand: Demand,
}

/// The codelets that a hook will run.
#[derive(Debug)]
struct HookChange {
    hook: &'static Hook,
    codelets: Vec<Attached>,
    compiled: Option<CompiledHook>,
    measured: Option<Arc<MeasuredHook>>,
}

/// The engine failed on a hook.
#[derive(Debug)]
pub(super) struct CompileError {
    pub(super) hook: &'static Hook,
    pub(super) source: EngineError,
}

impl From<&'static Hook> for HookKey {
    fn from(hook: &'static Hook) -> Self {
        Self(std::ptr::from_ref(hook).addr())
    }
}

impl Attachments {
    /// Codelets of a hook in the order they run.
    pub(super) fn on(&self, hook: &'static Hook) -> &[Attached] {
        self.hooks
            .get(&hook.into())
            .map_or(&[], |state| &state.codelets)
    }

    /// The codelet that keeps others off a control hook once `leaving` is gone.
    pub(super) fn occupant(&self, hook: &'static Hook, leaving: Option<&str>) -> Option<&Attached> {
        if hook.info().kind != HookKind::Control {
            return None;
        }
        self.on(hook)
            .iter()
            .find(|attached| Some(attached.codeletset.as_str()) != leaving)
    }

    /// The hooks that are measured, to be read by anybody.
    pub(super) fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// The demand for measurements.
    pub(super) fn demand(&self) -> &Demand {
        &self.demand
    }

    /// Compiles the hooks as they will be without `leaving` and with `coming`.
    pub(super) fn compile(
        &mut self,
        leaving: Option<&LoadedSet>,
        coming: Option<&LoadedSet>,
        compiler: Compiler,
    ) -> Result<Change, CompileError> {
        self.give_turn(leaving, coming);
        let after = |hook| self.codelets_after(hook, leaving, coming);
        let mut demand = self.demand.clone();
        // Others use the hook as a timer, and measured hooks cost more.
        demand.reported = after(builtin_hooks::report_hook())
            .iter()
            .any(|attached| attached.bound.program().touches_region());
        let named = leaving.into_iter().chain(coming).flat_map(LoadedSet::hooks);
        let touched = named.chain(self.out_of_step(&demand));
        self.compile_hooks(unique(touched), after, demand, compiler)
    }

    /// Compiles the hooks that begin or stop being measured under this demand.
    pub(super) fn compile_measured(
        &self,
        demand: Demand,
        compiler: Compiler,
    ) -> Result<Change, CompileError> {
        let touched = unique(self.out_of_step(&demand));
        self.compile_hooks(touched, |hook| self.on(hook).to_vec(), demand, compiler)
    }

    /// Hooks that are measured and will not be, or the other way round.
    fn out_of_step<'a>(
        &'a self,
        demand: &'a Demand,
    ) -> impl Iterator<Item = &'static Hook> + use<'a> {
        let measured = self.board.all().into_iter().map(|measured| measured.hook);
        let unwanted = measured.filter(|hook| !demand.covers(hook));
        let attached = self.hooks.values().map(|state| state.hook);
        let missing = attached.filter(|hook| demand.covers(hook) && self.board.get(hook).is_none());
        unwanted.chain(missing)
    }

    fn compile_hooks(
        &self,
        hooks: Vec<&'static Hook>,
        after: impl Fn(&'static Hook) -> Vec<Attached>,
        demand: Demand,
        compiler: Compiler,
    ) -> Result<Change, CompileError> {
        let compile = |hook| {
            let codelets = after(hook);
            let measured = self.measured_after(hook, &codelets, &demand);
            let stats = measured
                .as_ref()
                .map(|measured| Arc::clone(&measured.stats));
            let compiled = compile_hook(hook, &codelets, stats, compiler)?;
            Ok(HookChange {
                hook,
                codelets,
                compiled,
                measured,
            })
        };
        let hooks = hooks.into_iter().map(compile).collect::<Result<_, _>>()?;
        Ok(Change { hooks, demand })
    }

    /// The measurement begins once there are codelets to measure, and then lasts as long as the
    /// demand for it.
    fn measured_after(
        &self,
        hook: &'static Hook,
        codelets: &[Attached],
        demand: &Demand,
    ) -> Option<Arc<MeasuredHook>> {
        let before = self.board.get(hook);
        if !demand.covers(hook) || (codelets.is_empty() && before.is_none()) {
            return None;
        }
        let measured = MeasuredHook::of(hook, codelets, before.as_deref());
        Some(Arc::new(measured))
    }

    /// Whether codelets will be attached to the hook after this change.
    pub(super) fn runs_after(&self, change: &Change, hook: &'static Hook) -> bool {
        let changed = change
            .hooks
            .iter()
            .find(|changed| std::ptr::eq(changed.hook, hook));
        let codelets = changed.map_or(self.on(hook), |changed| &changed.codelets);
        !codelets.is_empty()
    }

    /// Makes a change effective: from here on calls run the new codelets.
    pub(super) fn publish(&mut self, change: Change) -> Retired {
        let mut retired = Retired::default();
        self.demand = change.demand;
        for changed in change.hooks {
            let hook = changed.hook;
            let replaced = match changed.compiled {
                Some(compiled) => {
                    let published = publish(hook, compiled);
                    self.hooks.insert(
                        hook.into(),
                        HookState {
                            hook,
                            codelets: changed.codelets,
                            published,
                        },
                    )
                }
                None => {
                    unpublish(hook);
                    self.hooks.remove(&hook.into())
                }
            };
            self.board.set(hook, changed.measured);
            if let Some(state) = replaced {
                retired.push(state.published);
            }
        }
        retired.begin()
    }

    /// Whether nothing may be attached any more.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Takes everything off every hook, for good.
    pub(super) fn close(&mut self) -> Retired {
        self.closed = true;
        let mut retired = Retired::default();
        for (_, state) in self.hooks.drain() {
            unpublish(state.hook);
            retired.push(state.published);
        }
        self.demand = Demand::default();
        self.board.clear();
        retired.begin()
    }

    /// A new set runs after all others of equal priority; a replacement takes its
    /// predecessor's turn.
    fn give_turn(&mut self, leaving: Option<&LoadedSet>, coming: Option<&LoadedSet>) {
        let Some(coming) = coming else {
            return;
        };
        let inherited = leaving.and_then(|leaving| leaving.turn.get().copied());
        coming.turn.get_or_init(|| {
            inherited.unwrap_or_else(|| {
                self.last_turn += 1;
                self.last_turn
            })
        });
    }

    fn codelets_after(
        &self,
        hook: &'static Hook,
        leaving: Option<&LoadedSet>,
        coming: Option<&LoadedSet>,
    ) -> Vec<Attached> {
        let staying = self
            .on(hook)
            .iter()
            .filter(|a| leaving.is_none_or(|set| set.id != a.codeletset))
            .cloned();
        let coming = coming.into_iter().flat_map(|set| {
            set.codelets
                .iter()
                .filter(|codelet| std::ptr::eq(codelet.hook, hook))
                .map(|codelet| Attached {
                    codeletset: set.id.clone(),
                    codelet: codelet.name.clone(),
                    priority: codelet.priority,
                    turn: set.turn(),
                    bound: Arc::clone(&codelet.bound),
                })
        });
        let mut codelets: Vec<Attached> = staying.chain(coming).collect();
        codelets.sort_by_key(|attached| (Reverse(attached.priority), attached.turn));
        codelets
    }
}

fn unique(hooks: impl Iterator<Item = &'static Hook>) -> Vec<&'static Hook> {
    let mut known: Vec<&'static Hook> = Vec::new();
    for hook in hooks {
        if !known.iter().any(|known| std::ptr::eq(*known, hook)) {
            known.push(hook);
        }
    }
    known
}

fn compile_hook(
    hook: &'static Hook,
    codelets: &[Attached],
    stats: Option<Arc<HookStats>>,
    compiler: Compiler,
) -> Result<Option<CompiledHook>, CompileError> {
    if codelets.is_empty() {
        return Ok(None);
    }
    let bound: Vec<Arc<BoundCodelet>> = codelets
        .iter()
        .map(|attached| Arc::clone(&attached.bound))
        .collect();
    compiler
        .engine
        .compile_with(hook.info().kind, &bound, stats, compiler.options)
        .map(Some)
        .map_err(|source| CompileError { hook, source })
}
