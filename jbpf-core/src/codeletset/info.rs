//! Descriptions of loaded codeletsets, as values that can be kept and printed.

use jbpf_channel::StreamId;
use jbpf_hooks::registry;
use jbpf_operator::stream::Direction;
use jbpf_verifier::types::MapDef;

use super::{Channel, LoadedCodelet, LoadedSet};
use crate::stats::AbortStatistics;

/// A loaded codeletset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeletsetInfo {
    /// Its id.
    pub id: String,
    /// Its codelets, in loading order.
    pub codelets: Vec<CodeletInfo>,
    /// The parts of its request that had no effect, one sentence each.
    pub warnings: Vec<String>,
}

/// A loaded codelet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeletInfo {
    /// Its name.
    pub name: String,
    /// The hook it is attached to.
    pub hook: &'static str,
    /// The higher runs first.
    pub priority: u32,
    /// The most instructions that one call can execute.
    pub worst_case_instructions: u64,
    /// Its maps, channels included.
    pub maps: Vec<MapInfo>,
    /// Its channels.
    pub channels: Vec<ChannelInfo>,
    /// The application's helpers that it calls.
    pub helpers: Vec<CalledHelper>,
    /// The calls that it left before their end.
    pub aborts: AbortStatistics,
}

/// A helper of the application, called by a loaded codelet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalledHelper {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: &'static str,
    /// How many of its calls panicked, by whatever codelet, since the process began. The codelet
    /// was given 0.
    pub panics: u64,
}

/// A map of a loaded codelet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapInfo {
    /// Its name in the codelet's object.
    pub name: String,
    /// Its definition; a linked map has the name that its owner gave it.
    pub def: MapDef,
    /// Bytes of memory that it takes now, of the memory budget, if there is one: whole pages, with
    /// the copies of threads and the rings of collectors. A linked map takes them once.
    pub memory: usize,
}

/// A channel of a loaded codelet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelInfo {
    /// Its id.
    pub stream_id: StreamId,
    /// The direction of its records.
    pub direction: Direction,
    /// The map's name in the codelet's object.
    pub map: String,
    /// Size of a record in bytes.
    pub record_size: u32,
}

impl From<&LoadedSet> for CodeletsetInfo {
    fn from(set: &LoadedSet) -> Self {
        let codelets = set
            .codelets
            .iter()
            .map(|codelet| codelet_info(codelet, &set.channels))
            .collect();
        Self {
            id: set.id.clone(),
            codelets,
            warnings: set.warnings.clone(),
        }
    }
}

fn codelet_info(codelet: &LoadedCodelet, channels: &[Channel]) -> CodeletInfo {
    CodeletInfo {
        name: codelet.name.clone(),
        hook: codelet.hook.info().name,
        priority: codelet.priority,
        worst_case_instructions: codelet.bound.program().summary().worst_case_instructions,
        maps: codelet
            .maps
            .iter()
            .map(|named| MapInfo {
                name: named.name.clone(),
                def: named.map.def().clone(),
                memory: named.map.memory(),
            })
            .collect(),
        channels: channels
            .iter()
            .filter(|channel| channel.codelet == codelet.name)
            .map(|channel| ChannelInfo {
                stream_id: channel.stream_id,
                direction: channel.direction,
                map: channel.map.name.clone(),
                record_size: channel.map.map.def().value_size,
            })
            .collect(),
        helpers: codelet
            .bound
            .program()
            .summary()
            .helpers
            .iter()
            .filter_map(|id| registry::helper(*id))
            .map(|helper| CalledHelper {
                id: helper.id,
                name: helper.name,
                panics: helper.panics(),
            })
            .collect(),
        aborts: AbortStatistics::of(&codelet.bound),
    }
}
