//! What the application answers.

use jbpf_channel::StreamId;
use jbpf_channel::record::RecordType;
use jbpf_verifier::Rejection;
use jbpf_verifier::types::{ContextDef, HelperTable, MapDef, MapKind};
use serde::{Deserialize, Serialize};

use super::{AbortsReport, Bytes, HookStatisticsReport, MeasureBody};
use crate::request::RequestError;
use crate::stream::Direction;

/// What the application answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// To `hello`.
    Hello(Hello),
    /// To `hooks`, ordered by name.
    Hooks(Vec<HookReport>),
    /// To `helpers`.
    Helpers(HelperTable),
    /// To `header`.
    Header {
        /// C source.
        text: String,
    },
    /// To `list`, ordered by id.
    List(Vec<CodeletsetReport>),
    /// To `show`.
    Show(CodeletsetReport),
    /// To `streams`.
    Streams(Vec<StreamReport>),
    /// To `load`, and to `replace`.
    Loaded(CodeletsetReport),
    /// To `unload`: no thread runs it any more.
    Unloaded {
        /// The id.
        codeletset: String,
    },
    /// To `map`.
    Map(MapPage),
    /// To `measure`: this is measured from now on.
    Measuring(MeasureBody),
    /// To `statistics`, ordered by name.
    Statistics(Vec<HookStatisticsReport>),
    /// To `waiting`.
    Waiting(WaitingReport),
    /// To `tail`: what its records will look like.
    Tail(StreamReport),
    /// After `tail`, for each record.
    Record(RecordEvent),
    /// After `tail`, once: the channel is gone.
    End {
        /// Records that were missed, in all.
        lost: u64,
    },
    /// To `send`.
    Sent {},
    /// Refused; nothing has changed.
    Error(ErrorReport),
}

/// An application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The runtime's name.
    pub name: String,
    /// The process.
    pub pid: u32,
    /// Version of the library.
    pub jbpf: String,
    /// Path of the executable, as far as the system tells.
    pub executable: Option<String>,
    /// Whether it is built with `panic = "abort"`: a panic of one of its helpers ends it then, and is not contained.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aborts_on_panic: bool,
    /// Seconds since the runtime was built.
    pub uptime_s: u64,
    /// Codeletsets loaded.
    pub codeletsets: usize,
    /// Codelets loaded.
    pub codelets: usize,
}

/// What changes wait for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WaitingReport {
    /// Those that somebody waits for, in the order in which they began and will begin.
    pub changes: Vec<ChangeReport>,
    /// Threads inside of what changes took off hooks that nobody waits for any more.
    #[serde(default)]
    pub inside: Vec<ThreadReport>,
}

/// A change that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeReport {
    /// `load`, `replace`, `unload` or `measure`.
    pub change: String,
    /// The codeletset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codeletset: Option<String>,
    /// Whether it has begun, and does not wait for its turn.
    pub begun: bool,
    /// Milliseconds since it was asked for.
    pub for_ms: u64,
    /// The threads that it waits for.
    #[serde(default)]
    pub inside: Vec<ThreadReport>,
}

/// A thread that is inside of a hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadReport {
    /// The system's number of the thread.
    pub thread: u32,
    /// The hook's name.
    pub hook: String,
}

/// A hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookReport {
    /// Its name.
    pub name: String,
    /// Whether codelets watch, or answer.
    pub kind: HookRole,
    /// Its type, where it has one of its own.
    pub program_type: Option<String>,
    /// Source file.
    pub file: String,
    /// Line in it, from 1.
    pub line: u32,
    /// Its doc comment.
    pub docs: String,
    /// What codelets get, as the verifier takes it.
    pub context: ContextDef,
    /// What the data region holds, of a slice one element; absent when there is none.
    pub data: Option<RecordType>,
    /// Codelets attached, the highest priority first.
    pub codelets: Vec<AttachedReport>,
    /// Calls since measuring began; absent while it is not measured, and before it has a codelet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<u64>,
    /// Calls that ran no codelet, because they were nested too deep.
    pub skipped: u64,
    /// Compiled versions of its codelets that are gone and could not be freed.
    #[serde(default)]
    pub kept: u64,
}

/// What codelets of a hook do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookRole {
    /// They watch.
    Monitoring,
    /// One answers.
    Control,
}

/// A codelet on a hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachedReport {
    /// The codeletset.
    pub codeletset: String,
    /// The codelet.
    pub codelet: String,
    /// The higher runs first.
    pub priority: u32,
    /// Calls since measuring began; absent while its hook is not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<u64>,
}

/// A loaded codeletset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeletsetReport {
    /// Its id.
    pub id: String,
    /// Its codelets, in loading order.
    pub codelets: Vec<CodeletReport>,
    /// What its request asked for without effect, one sentence each.
    pub warnings: Vec<String>,
}

/// A loaded codelet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeletReport {
    /// Its name.
    pub name: String,
    /// Its hook.
    pub hook: String,
    /// The higher runs first.
    pub priority: u32,
    /// The most instructions that one call can execute.
    pub worst_case_instructions: u64,
    /// Its maps, channels included.
    pub maps: Vec<MapReport>,
    /// Its channels.
    pub channels: Vec<ChannelReport>,
    /// The application's helpers that it calls.
    #[serde(default)]
    pub helpers: Vec<CalledHelperReport>,
    /// The calls that it left before their end; absent if there were none.
    #[serde(default, skip_serializing_if = "AbortsReport::is_none")]
    pub aborts: AbortsReport,
}

/// A helper of the application, called by a codelet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalledHelperReport {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// How many of its calls panicked, by whatever codelet, since the process began.
    pub panics: u64,
}

/// A map of a codelet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapReport {
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
    /// Bytes of memory that it takes now, whole pages, copies of threads and rings of collectors included.
    #[serde(default)]
    pub memory: u64,
}

/// A channel of a codelet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelReport {
    /// Its id.
    pub stream_id: StreamId,
    /// Which way.
    pub direction: Direction,
    /// The map's name in the codelet's object.
    pub map: String,
    /// Size of a record in bytes.
    pub record_size: u32,
}

/// A channel, and what went through it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamReport {
    /// Its id.
    pub stream_id: StreamId,
    /// Which way.
    pub direction: Direction,
    /// The codeletset.
    pub codeletset: String,
    /// The codelet.
    pub codelet: String,
    /// The map's name in the codelet's object.
    pub map: String,
    /// Size of a record in bytes.
    pub record_size: u32,
    /// Records that it holds.
    pub capacity: u32,
    /// Records sent so far; of an input channel, by application and operators.
    pub sent: u64,
    /// Records that found no place so far.
    pub dropped: u64,
    /// Records that the reader has taken so far; of an input channel, those that collectors sent left out.
    pub received: u64,
    /// Records of an output channel that made room for others without having been read, while it was watched and nobody
    /// read it.
    #[serde(default)]
    pub passed_over: u64,
    /// Whether somebody takes the records out: an output channel that nobody reads fills, and drops. Codelets read their
    /// input channels themselves.
    #[serde(default)]
    pub read: bool,
    /// What the records are, where that is known.
    pub record_type: Option<RecordType>,
}

/// A part of a map. Between two pages of a hash map elements may move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapPage {
    /// The map.
    pub map: MapReport,
    /// What its keys are, where that is known.
    pub key_type: Option<RecordType>,
    /// What its values are, where that is known.
    pub value_type: Option<RecordType>,
    /// The elements.
    pub elements: Vec<Element>,
    /// Whether there are more.
    pub more: bool,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Element {
    /// Whose copy it is, of the kinds of which each thread has one; 0 on others.
    pub thread: u32,
    /// The key; of an array, the index.
    pub key: Bytes,
    /// The value.
    pub value: Bytes,
}

/// A record of a channel that is watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordEvent {
    /// Its number in the channel, from 0.
    pub number: u64,
    /// Records that this watcher has missed so far, being too slow.
    pub lost: u64,
    /// The record.
    pub bytes: Bytes,
}

/// Why something was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReport {
    /// A stable name of the reason; the verifier's are `E0001` and so on.
    pub code: String,
    /// A sentence that names the culprit.
    pub message: String,
    /// What the verifier found, whole, when it is the verifier who refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejection: Option<Box<Rejection>>,
}

impl ErrorReport {
    /// A reason without a rejection.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            rejection: None,
        }
    }
}

impl From<&RequestError> for ErrorReport {
    fn from(error: &RequestError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl MapReport {
    /// The map `name` of this definition, which takes so many bytes of memory.
    #[must_use]
    pub fn new(name: String, def: &MapDef, memory: usize) -> Self {
        Self {
            name,
            kind: def.kind,
            key_size: def.key_size,
            value_size: def.value_size,
            max_entries: def.max_entries,
            memory: memory as u64,
        }
    }
}
