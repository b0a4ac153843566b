//! Log messages about codelets that left their calls before the end. A hook call only counts. The
//! messages come from others that look at the runtime anyway: readers of lists and statistics, the
//! thread of the control socket, loads and unloads.

use std::sync::Arc;

use jbpf_abi::helper::ABORT;

use super::Shared;
use crate::codeletset::LoadedSet;

impl Shared {
    /// Tells the log of the codelets that have left calls lately; of each once in a while at most.
    pub(crate) fn tell_aborts(&self) {
        let sets: Vec<Arc<LoadedSet>> = self.sets().values().cloned().collect();
        for set in sets {
            tell(&set, false);
        }
    }

    /// Whether any codelet that is loaded calls `abort`.
    pub(crate) fn has_aborts(&self) -> bool {
        let sets = self.sets();
        let mut codelets = sets.values().flat_map(|set| &set.codelets);
        codelets.any(|codelet| {
            let summary = codelet.bound.program().summary();
            summary.helpers.binary_search(&ABORT).is_ok()
        })
    }
}

/// Tells the log of the aborts of a set's codelets that it does not know yet; of all of them if
/// the set is `leaving`.
pub(super) fn tell(set: &LoadedSet, leaving: bool) {
    for codelet in &set.codelets {
        let aborts = codelet.bound.aborts();
        let Some(news) = aborts.take_news(leaving) else {
            continue;
        };
        let last = codelet.bound.abort_statistics().last;
        let place = last.map(|place| place.to_string()).unwrap_or_default();
        let (codeletset, name, calls) = (&set.id, &codelet.name, news.count);
        if news.last.abort.kind.is_fault() {
            tracing::error!(
                target: "jbpf", %codeletset, codelet = %name, calls, last = %place,
                "the verifier or the engine made a mistake, and calls of a codelet were left; please report it"
            );
        } else {
            tracing::warn!(
                target: "jbpf", %codeletset, codelet = %name, calls, last = %place,
                "a codelet aborted calls"
            );
        }
    }
}
