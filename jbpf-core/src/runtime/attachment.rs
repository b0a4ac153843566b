//! Which codelets are attached to which hooks, and the one step in which that changes.
//!
//! A change is compiled for every hook it touches before anything is published; publishing is a store
//! a hook and cannot fail. What the stores replaced is freed when the last thread has left it.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use jbpf_hooks::hook::{Hook, HookKind};

use crate::codeletset::LoadedSet;
use crate::engine::{BoundCodelet, CompiledHook, Engine, EngineError};

use super::publish::{Published, Retired, publish, unpublish};

/// A codelet in its place on a hook.
#[derive(Debug, Clone)]
pub(super) struct Attached {
    pub(super) codeletset: String,
    pub(super) codelet: String,
    priority: u32,
    /// Orders codelets of equal priority: number of the set, index in the set.
    sequence: (u64, usize),
    bound: Arc<BoundCodelet>,
}

/// What is attached to the hooks of the process.
#[derive(Debug, Default)]
pub(super) struct Attachments {
    hooks: HashMap<HookKey, HookState>,
    next_sequence: u64,
}

/// A hook by its address: names are for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct HookKey(usize);

#[derive(Debug)]
struct HookState {
    hook: &'static Hook,
    codelets: Vec<Attached>,
    published: Published,
}

/// A change that is compiled and can be published.
#[derive(Debug)]
pub(super) struct Change {
    hooks: Vec<(&'static Hook, Vec<Attached>, Option<CompiledHook>)>,
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

    /// Compiles the hooks as they will be without `leaving` and with `coming`.
    pub(super) fn compile(
        &mut self,
        leaving: Option<&LoadedSet>,
        coming: Option<&LoadedSet>,
        engine: Engine,
    ) -> Result<Change, CompileError> {
        let sequence = self.sequence_for(leaving, coming);
        let mut touched: Vec<&'static Hook> = Vec::new();
        for hook in leaving.into_iter().chain(coming).flat_map(LoadedSet::hooks) {
            if !touched.iter().any(|known| std::ptr::eq(*known, hook)) {
                touched.push(hook);
            }
        }
        let hooks = touched
            .into_iter()
            .map(|hook| {
                let codelets = self.codelets_after(hook, leaving, coming, sequence);
                let compiled = compile_hook(hook, &codelets, engine)?;
                Ok((hook, codelets, compiled))
            })
            .collect::<Result<_, CompileError>>()?;
        Ok(Change { hooks })
    }

    /// Makes a change effective: from here on calls run the new codelets.
    pub(super) fn publish(&mut self, change: Change) -> Retired {
        let mut retired = Retired::default();
        for (hook, codelets, compiled) in change.hooks {
            let replaced = match compiled {
                Some(compiled) => {
                    let published = publish(hook, compiled);
                    self.hooks.insert(
                        hook.into(),
                        HookState {
                            hook,
                            codelets,
                            published,
                        },
                    )
                }
                None => {
                    unpublish(hook);
                    self.hooks.remove(&hook.into())
                }
            };
            if let Some(state) = replaced {
                retired.push(state.published);
            }
        }
        retired
    }

    /// Takes everything off every hook.
    pub(super) fn clear(&mut self) -> Retired {
        let mut retired = Retired::default();
        for (_, state) in self.hooks.drain() {
            unpublish(state.hook);
            retired.push(state.published);
        }
        retired
    }

    /// A replacement takes its predecessor's place among codelets of equal priority.
    fn sequence_for(&mut self, leaving: Option<&LoadedSet>, coming: Option<&LoadedSet>) -> u64 {
        let inherited = leaving.zip(coming).and_then(|(leaving, _)| {
            let attached = self.hooks.values().flat_map(|state| &state.codelets);
            attached
                .filter(|attached| attached.codeletset == leaving.id)
                .map(|attached| attached.sequence.0)
                .min()
        });
        inherited.unwrap_or_else(|| {
            self.next_sequence += 1;
            self.next_sequence
        })
    }

    fn codelets_after(
        &self,
        hook: &'static Hook,
        leaving: Option<&LoadedSet>,
        coming: Option<&LoadedSet>,
        sequence: u64,
    ) -> Vec<Attached> {
        let staying = self
            .on(hook)
            .iter()
            .filter(|a| leaving.is_none_or(|set| set.id != a.codeletset))
            .cloned();
        let coming = coming.into_iter().flat_map(|set| {
            set.codelets
                .iter()
                .enumerate()
                .filter(|(_, codelet)| std::ptr::eq(codelet.hook, hook))
                .map(move |(index, codelet)| Attached {
                    codeletset: set.id.clone(),
                    codelet: codelet.name.clone(),
                    priority: codelet.priority,
                    sequence: (sequence, index),
                    bound: Arc::clone(&codelet.bound),
                })
        });
        let mut codelets: Vec<Attached> = staying.chain(coming).collect();
        codelets.sort_by_key(|attached| (Reverse(attached.priority), attached.sequence));
        codelets
    }
}

fn compile_hook(
    hook: &'static Hook,
    codelets: &[Attached],
    engine: Engine,
) -> Result<Option<CompiledHook>, CompileError> {
    if codelets.is_empty() {
        return Ok(None);
    }
    let bound: Vec<Arc<BoundCodelet>> = codelets
        .iter()
        .map(|attached| Arc::clone(&attached.bound))
        .collect();
    engine
        .compile(hook.info().kind, &bound, None)
        .map(Some)
        .map_err(|source| CompileError { hook, source })
}
