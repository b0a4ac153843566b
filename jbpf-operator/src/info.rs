//! Descriptions of loaded codeletsets, as values that can be kept, printed and sent.
//!
//! The application's own code gets these types from its runtime, and operators read the same types
//! from the control socket.

use std::fmt;

use jbpf_channel::StreamId;
use jbpf_object::visible::escaped;
use jbpf_verifier::types::{MapDef, MapKind, MapParameters};
use serde::{Deserialize, Serialize};

use crate::stats::AbortStatistics;
use crate::stream::Direction;

/// A loaded codeletset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeletsetInfo {
    /// Its id.
    pub id: String,
    /// Its codelets, in loading order.
    pub codelets: Vec<CodeletInfo>,
    /// The parts of its request that had no effect, one sentence each.
    pub warnings: Vec<String>,
}

/// A loaded codelet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeletInfo {
    /// Its name.
    pub name: String,
    /// The hook it is attached to.
    pub hook: String,
    /// The higher runs first.
    pub priority: u32,
    /// The most instructions that one call can execute.
    pub worst_case_instructions: u64,
    /// Its maps, channels included.
    pub maps: Vec<MapInfo>,
    /// Its channels.
    pub channels: Vec<ChannelInfo>,
    /// The application's helpers that it calls.
    #[serde(default)]
    pub helpers: Vec<CalledHelper>,
    /// The calls that it left before their end.
    #[serde(default, skip_serializing_if = "AbortStatistics::is_none")]
    pub aborts: AbortStatistics,
}

/// A helper of the application, called by a loaded codelet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalledHelper {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// How many of its calls panicked, by whatever codelet, since the process began. The codelet
    /// was given 0.
    pub panics: u64,
}

/// A map of a loaded codelet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapInfo {
    /// Its name in the codelet's object.
    pub name: String,
    /// Its kind.
    pub kind: MapKind,
    /// Size of a key in bytes.
    pub key_size: u32,
    /// Size of a value or record in bytes.
    pub value_size: u32,
    /// The most entries it holds.
    pub max_entries: u32,
    /// Further numbers of the definition, for kinds of the application's own.
    #[serde(default, skip_serializing_if = "is_default")]
    pub parameters: MapParameters,
    /// Bytes of memory that it takes now, of the memory budget, if there is one: whole pages, with
    /// the copies of threads and the rings of collectors. A linked map takes them once.
    #[serde(default)]
    pub memory: u64,
}

/// A channel of a loaded codelet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// A thread that is inside of a hook: in one of its codelets, or in a helper that one has called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadInside {
    /// The system's number of the thread.
    pub thread: u32,
    /// The hook's name.
    pub hook: String,
}

impl fmt::Display for ThreadInside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hook = escaped(&self.hook);
        write!(f, "thread {} inside hook `{hook}`", self.thread)
    }
}

impl MapInfo {
    /// The map `name` of this definition; `memory` is in bytes.
    #[must_use]
    pub fn new(name: String, def: &MapDef, memory: usize) -> Self {
        Self {
            name,
            kind: def.kind,
            key_size: def.key_size,
            value_size: def.value_size,
            max_entries: def.max_entries,
            parameters: def.parameters,
            memory: memory as u64,
        }
    }
}

fn is_default(parameters: &MapParameters) -> bool {
    *parameters == MapParameters::default()
}
