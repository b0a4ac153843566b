//! The application's answers.

use jbpf_channel::StreamId;
use jbpf_channel::record::RecordType;
use jbpf_verifier::Rejection;
use jbpf_verifier::types::{ContextDef, HelperTable};
use serde::{Deserialize, Serialize};

use super::{Bytes, ErrorCode, MeasureBody, RequestName};
use crate::info::{CodeletsetInfo, MapInfo, ThreadInside};
use crate::request::RequestError;
use crate::stats::HookStatistics;
use crate::stream::Direction;

/// An answer of the application.
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
    List(Vec<CodeletsetInfo>),
    /// To `show`.
    Show(CodeletsetInfo),
    /// To `streams`.
    Streams(Vec<StreamReport>),
    /// To `load`, and to `replace`.
    Loaded(CodeletsetInfo),
    /// To `unload`: no thread runs it any more.
    Unloaded {
        /// The id.
        codeletset: String,
    },
    /// To `map`.
    Map(MapPage),
    /// To `measure`: the hooks that are measured from now on.
    Measuring(MeasureBody),
    /// To `statistics`, ordered by name.
    Statistics(Vec<HookStatistics>),
    /// To `waiting`.
    Waiting(WaitingReport),
    /// To `tail`: the channel, with the type of its records.
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
    /// Whether the application is built with `panic = "abort"`. If so, a panic of one of its
    /// helpers is not contained, but ends the process.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aborts_on_panic: bool,
    /// Seconds since the runtime was built.
    pub uptime_s: u64,
    /// Codeletsets loaded.
    pub codeletsets: usize,
    /// Codelets loaded.
    pub codelets: usize,
    /// The memory of maps and channels.
    #[serde(default)]
    pub memory: MemoryReport,
}

/// The memory of maps and channels, in bytes that the system gives.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MemoryReport {
    /// Bytes in use.
    pub used: u64,
    /// The memory budget; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Bytes in use that belong to no loaded codeletset: threads inside, collectors or the
    /// application still hold them.
    #[serde(default)]
    pub unloaded: u64,
}

/// The changes that have not ended, and the threads that they wait for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WaitingReport {
    /// The changes that a caller waits for, in the order in which they began and will begin.
    pub changes: Vec<ChangeReport>,
    /// Threads inside codelets that earlier changes took off hooks; no caller waits for those
    /// changes any more.
    #[serde(default)]
    pub inside: Vec<ThreadInside>,
}

/// A change that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeReport {
    /// `load`, `replace`, `unload` or `measure`.
    pub change: RequestName,
    /// The codeletset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codeletset: Option<String>,
    /// Whether it has begun, and does not wait for its turn.
    pub begun: bool,
    /// Milliseconds since it was asked for.
    pub for_ms: u64,
    /// The threads that it waits for.
    #[serde(default)]
    pub inside: Vec<ThreadInside>,
}

/// A hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookReport {
    /// Its name.
    pub name: String,
    /// Whether codelets watch, or answer.
    pub kind: HookRole,
    /// Its program type, if it has one of its own.
    pub program_type: Option<String>,
    /// Source file.
    pub file: String,
    /// Line in it, from 1.
    pub line: u32,
    /// Its doc comment.
    pub docs: String,
    /// The context that codelets get, in the verifier's terms.
    pub context: ContextDef,
    /// The type of the data region, or of one element if that is a slice; absent if the context
    /// has no region.
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

/// The role of a hook's codelets. `jbpf_hooks::hook::HookKind` is the same without JSON.
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

/// A channel, and the counts of its records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamReport {
    /// Its id.
    pub stream_id: StreamId,
    /// The way of its records.
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
    /// Records sent so far. On an input channel, these are the records of the application and of
    /// operators.
    pub sent: u64,
    /// Records that found no place so far.
    pub dropped: u64,
    /// Records that the reader has taken so far. On an input channel, records that collectors sent
    /// are left out.
    pub received: u64,
    /// Records of an output channel that made room for newer ones unread, while the channel was
    /// watched and had no reader.
    #[serde(default)]
    pub passed_over: u64,
    /// Whether a reader takes the records out. An output channel without a reader fills, and then
    /// drops records. Codelets read their input channels themselves.
    #[serde(default)]
    pub read: bool,
    /// The type of the records, if it is known.
    pub record_type: Option<RecordType>,
}

/// A part of a map. The elements of a hash map may move between two pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapPage {
    /// The map.
    pub map: MapInfo,
    /// The type of its keys, if it is known.
    pub key_type: Option<RecordType>,
    /// The type of its values, if it is known.
    pub value_type: Option<RecordType>,
    /// The elements.
    pub elements: Vec<Element>,
    /// Whether there are more.
    pub more: bool,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Element {
    /// The thread that the copy belongs to, if the map's kind has a copy for each thread; 0 on
    /// other kinds.
    pub thread: u32,
    /// The key; an array's is the index.
    pub key: Bytes,
    /// The value.
    pub value: Bytes,
}

/// A record of a watched channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordEvent {
    /// Its number in the channel, from 0.
    pub number: u64,
    /// Records that this watcher has missed so far, being too slow.
    pub lost: u64,
    /// The record.
    pub bytes: Bytes,
}

/// The reason of a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReport {
    /// The reason, for programs; the verifier's codes are `E0001` and so on.
    pub code: ErrorCode,
    /// A sentence that names the cause.
    pub message: String,
    /// The verifier's whole report, if the verifier refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejection: Option<Box<Rejection>>,
}

impl ErrorReport {
    /// A reason without a rejection.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
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
