//! The figures of hooks, codelets and channels at a moment, put together without holding anybody
//! up.

use std::sync::Arc;

use jbpf_hooks::hook::Hook;
use jbpf_hooks::registry;

use super::{Shared, publish};
use crate::codeletset::{self, Channel, LoadedSet};
use jbpf_operator::stats::{CodeletStatistics, HookStatistics, Statistics};

impl Shared {
    pub(crate) fn statistics(&self) -> Statistics {
        let sets: Vec<Arc<LoadedSet>> = self.sets().values().cloned().collect();
        let mut hooks: Vec<HookStatistics> = registry::hooks()
            .map(|hook| self.hook_statistics(hook, &sets))
            .collect();
        hooks.sort_by(|one, other| one.hook.cmp(&other.hook));
        Statistics { hooks }
    }

    fn hook_statistics(&self, hook: &'static Hook, sets: &[Arc<LoadedSet>]) -> HookStatistics {
        let measured = self.board.get(hook);
        if let Some(measured) = &measured {
            measured.stats.look_closely();
        }
        let codelets = codeletset::in_order(hook, sets.iter().map(AsRef::as_ref));
        HookStatistics {
            hook: hook.info().name.to_owned(),
            measured: measured.as_ref().map(|measured| measured.measured()),
            skipped: hook.skipped(),
            kept: publish::kept(hook),
            codelets: codelets
                .into_iter()
                .map(|(set, codelet)| CodeletStatistics {
                    codeletset: set.id.clone(),
                    codelet: codelet.name.clone(),
                    measured: measured
                        .as_ref()
                        .and_then(|measured| measured.measured_of(&codelet.bound)),
                    busy: codelet.maps.iter().map(|named| named.map.busy()).sum(),
                    memory: codelet
                        .maps
                        .iter()
                        .map(|named| named.map.memory() as u64)
                        .sum(),
                    aborts: codelet.bound.abort_statistics(),
                    channels: set
                        .channels
                        .iter()
                        .filter(|channel| channel.codelet == codelet.name)
                        .map(Channel::statistics)
                        .collect(),
                })
                .collect(),
        }
    }
}
