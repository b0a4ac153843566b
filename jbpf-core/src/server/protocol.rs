//! What operators and an application say to each other over the control socket.
//!
//! One JSON object a line. Each has the protocol's `version`, an `id` that answers repeat, and one
//! field more, named after what is asked or answered:
//!
//! ```text
//! > {"version":1,"id":1,"unload":{"codeletset":"example_codeletset"}}
//! < {"version":1,"id":1,"unloaded":{"codeletset":"example_codeletset"}}
//! ```
//!
//! `open_output`, `open_input`, `stand_in` and `close` are the collectors', see [`jbpf_channel::protocol`].
//! `docs/protocol.md` describes every message.

use std::io;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jbpf_channel::StreamId;
use jbpf_channel::record::RecordType;
use jbpf_hooks::hook::HookKind;
use jbpf_verifier::Rejection;
use jbpf_verifier::types::{ContextDef, HelperTable, MapDef, MapKind};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::codeletset::{ChannelInfo, CodeletInfo, CodeletsetInfo, MapInfo};
use crate::request::{
    ChannelRequest, CodeletBuilder, CodeletRequest, LoadRequest, ObjectSource, RequestError,
};
use crate::stats::{ChannelStatistics, CodeletStatistics, HookStatistics, Measured, Times};
use crate::stream::Direction;

pub use jbpf_channel::protocol::{Envelope, MAX_LINE, VERSION, to_line};

/// What an operator asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Who is there?
    Hello {},
    /// The hooks, their contexts, and what is attached to them.
    Hooks {},
    /// The helpers that codelets may call.
    Helpers {},
    /// The C header that codelets for this application include.
    Header {},
    /// What is loaded.
    List {},
    /// One of what is loaded.
    Show {
        /// The id.
        codeletset: String,
    },
    /// The channels of what is loaded.
    Streams {},
    /// To verify, compile and attach a codeletset.
    Load(LoadBody),
    /// To swap a loaded codeletset for another version.
    Replace(LoadBody),
    /// To take a codeletset out.
    Unload {
        /// The id.
        codeletset: String,
    },
    /// What a map holds, a page at a time.
    Map(MapBody),
    /// To have hooks measured until the connection ends, instead of those it had measured before.
    Measure(MeasureBody),
    /// What is known of hooks, codelets and channels.
    Statistics(StatisticsBody),
    /// To watch an output channel: records follow until the connection ends.
    Tail {
        /// The channel.
        stream_id: StreamId,
    },
    /// To put a record into an input channel.
    Send {
        /// The channel.
        stream_id: StreamId,
        /// The record; a shorter one is filled up with zeros.
        record: Bytes,
    },
}

impl Request {
    /// The field names of all requests, those of collectors included.
    pub const NAMES: [&'static str; 19] = [
        "hello",
        "hooks",
        "helpers",
        "header",
        "list",
        "show",
        "streams",
        "load",
        "replace",
        "unload",
        "map",
        "measure",
        "statistics",
        "tail",
        "send",
        "open_output",
        "open_input",
        "stand_in",
        "close",
    ];
}

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
    /// Seconds since the runtime was built.
    pub uptime_s: u64,
    /// Codeletsets loaded.
    pub codeletsets: usize,
    /// Codelets loaded.
    pub codelets: usize,
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

impl From<HookKind> for HookRole {
    fn from(kind: HookKind) -> Self {
        match kind {
            HookKind::Monitoring => Self::Monitoring,
            HookKind::Control => Self::Control,
        }
    }
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
    /// Whether somebody takes the records out: an output channel that nobody reads fills, and drops. Codelets read their
    /// input channels themselves.
    #[serde(default)]
    pub read: bool,
    /// What the records are, where that is known.
    pub record_type: Option<RecordType>,
}

/// Which hooks are measured.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasureBody {
    /// These; all, also those that get codelets later, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hooks: Option<Vec<String>>,
}

/// Of which hooks something is told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatisticsBody {
    /// These; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hooks: Option<Vec<String>>,
}

/// What is known of a hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookStatisticsReport {
    /// Its name.
    pub hook: String,
    /// What was measured; absent while it is not measured, and before it has a codelet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<MeasuredReport>,
    /// Calls that ran no codelet, because they were nested too deep.
    pub skipped: u64,
    /// Its codelets in the order in which they run.
    pub codelets: Vec<CodeletStatisticsReport>,
}

/// What is known of a codelet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeletStatisticsReport {
    /// The codeletset.
    pub codeletset: String,
    /// The codelet.
    pub codelet: String,
    /// What was measured; absent while its hook is not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<MeasuredReport>,
    /// Its channels.
    pub channels: Vec<ChannelStatisticsReport>,
}

/// What went through a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelStatisticsReport {
    /// Its id.
    pub stream_id: StreamId,
    /// Which way.
    pub direction: Direction,
    /// The map's name in the codelet's object.
    pub map: String,
    /// Records sent.
    pub sent: u64,
    /// Records that found no place.
    pub dropped: u64,
    /// Records that the reader has taken.
    pub received: u64,
}

/// Calls and times since measuring began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasuredReport {
    /// For how long it has been measured, in ns.
    pub elapsed_ns: u64,
    /// Calls; each is counted.
    pub calls: u64,
    /// Calls that were timed: what follows is estimated from them.
    pub samples: u64,
    /// Time of all calls together, in ns.
    pub total_ns: u64,
    /// The shortest call that was timed, in ns.
    pub min_ns: u64,
    /// The longest call that was timed, in ns.
    pub max_ns: u64,
    /// The median in ns; absent before a call was timed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ns: Option<u64>,
    /// The time that 99 of 100 calls do not exceed, in ns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ns: Option<u64>,
    /// Calls by the logarithm of their time in ns, without the zeros at the end.
    pub histogram: Vec<u64>,
}

/// Which part of a map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapBody {
    /// The codeletset.
    pub codeletset: String,
    /// The codelet.
    pub codelet: String,
    /// The map's name in the codelet's object.
    pub map: String,
    /// Elements to leave out, from the first on.
    #[serde(default)]
    pub skip: u64,
    /// The most elements to show; 4096 when absent, and at most. Fewer may fit into a line.
    #[serde(default)]
    pub limit: Option<u32>,
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
    pub(super) fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            rejection: None,
        }
    }
}

/// A load request, resolved: no YAML, no variables, no relative paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadBody {
    /// The id of the codeletset.
    pub codeletset: String,
    /// Its codelets.
    pub codelets: Vec<CodeletBody>,
}

/// A codelet of a [`LoadBody`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeletBody {
    /// Its name, unique in the codeletset.
    pub name: String,
    /// Its object.
    pub object: ObjectBody,
    /// The hook that it attaches to.
    pub hook: String,
    /// The higher runs first; 1 when absent.
    #[serde(default = "default_priority")]
    pub priority: u32,
    /// What `runtime_limit_exceeded` compares with, in ns; 0: no limit.
    #[serde(default)]
    pub runtime_threshold_ns: u64,
    /// Its input channels.
    #[serde(default)]
    pub inputs: Vec<ChannelBody>,
    /// Its output channels.
    #[serde(default)]
    pub outputs: Vec<ChannelBody>,
    /// Maps that it shares with other codelets of the set.
    #[serde(default)]
    pub linked_maps: Vec<LinkedMapBody>,
}

/// Where an object comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectBody {
    /// The object itself.
    Bytes(Bytes),
    /// A path in the application's codelet store.
    Stored(String),
}

/// A channel of a [`CodeletBody`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelBody {
    /// The map's name in the object.
    pub map: String,
    /// Its id; derived from the names when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_id: Option<StreamId>,
}

/// A shared map of a [`CodeletBody`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkedMapBody {
    /// The map's name in this codelet's object.
    pub map: String,
    /// The other codelet.
    pub linked_codelet: String,
    /// The map's name there.
    pub linked_map: String,
}

const fn default_priority() -> u32 {
    1
}

impl LoadBody {
    /// A request as it travels: objects are read, so that the application needs no access to the
    /// operator's files.
    ///
    /// # Errors
    /// The path of an object that cannot be read, and why.
    pub fn from_request(request: &LoadRequest) -> Result<Self, UnreadableObject> {
        let codelets = request
            .codelets()
            .iter()
            .map(CodeletBody::from_request)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            codeletset: request.codeletset_id().to_owned(),
            codelets,
        })
    }

    /// The request, with the objects that `stored` opens. All rules for requests are checked.
    pub(super) fn into_request<E: From<RequestError>>(
        self,
        mut stored: impl FnMut(&str) -> Result<Vec<u8>, E>,
    ) -> Result<LoadRequest, E> {
        let mut request = LoadRequest::builder(self.codeletset);
        for codelet in self.codelets {
            let object = match codelet.object {
                ObjectBody::Bytes(Bytes(bytes)) => bytes,
                ObjectBody::Stored(path) => stored(&path)?,
            };
            let mut built = CodeletBuilder::from_bytes(codelet.name, object, codelet.hook)
                .priority(codelet.priority)
                .runtime_threshold_ns(codelet.runtime_threshold_ns);
            for ChannelBody { map, stream_id } in codelet.inputs {
                built = match stream_id {
                    Some(stream_id) => built.input(map, stream_id),
                    None => built.input_derived(map),
                };
            }
            for ChannelBody { map, stream_id } in codelet.outputs {
                built = match stream_id {
                    Some(stream_id) => built.output(map, stream_id),
                    None => built.output_derived(map),
                };
            }
            for link in codelet.linked_maps {
                built = built.linked_map(link.map, link.linked_codelet, link.linked_map);
            }
            request = request.codelet(built);
        }
        Ok(request.build()?)
    }
}

/// An object that the operator cannot read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the object `{}` of codelet `{codelet}`: {source}", path.display())]
pub struct UnreadableObject {
    /// The codelet.
    pub codelet: String,
    /// The object's path.
    pub path: std::path::PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl CodeletBody {
    fn from_request(codelet: &CodeletRequest) -> Result<Self, UnreadableObject> {
        let bytes = match &codelet.object {
            ObjectSource::Bytes(bytes) => bytes.to_vec(),
            ObjectSource::Path(path) => std::fs::read(path).map_err(|source| UnreadableObject {
                codelet: codelet.name.clone(),
                path: path.clone(),
                source,
            })?,
        };
        let channels = |channels: &[ChannelRequest]| {
            let body = |channel: &ChannelRequest| ChannelBody {
                map: channel.map.clone(),
                stream_id: channel.stream_id,
            };
            channels.iter().map(body).collect()
        };
        Ok(Self {
            name: codelet.name.clone(),
            object: ObjectBody::Bytes(Bytes(bytes)),
            hook: codelet.hook.clone(),
            priority: codelet.priority,
            runtime_threshold_ns: codelet.runtime_threshold_ns,
            inputs: channels(&codelet.inputs),
            outputs: channels(&codelet.outputs),
            linked_maps: codelet
                .linked_maps
                .iter()
                .map(|link| LinkedMapBody {
                    map: link.map.clone(),
                    linked_codelet: link.linked_codelet.clone(),
                    linked_map: link.linked_map.clone(),
                })
                .collect(),
        })
    }
}

impl From<HookStatistics> for HookStatisticsReport {
    fn from(hook: HookStatistics) -> Self {
        Self {
            hook: hook.hook.to_owned(),
            measured: hook.measured.map(Into::into),
            skipped: hook.skipped,
            codelets: hook.codelets.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<CodeletStatistics> for CodeletStatisticsReport {
    fn from(codelet: CodeletStatistics) -> Self {
        Self {
            codeletset: codelet.codeletset,
            codelet: codelet.codelet,
            measured: codelet.measured.map(Into::into),
            channels: codelet.channels.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<ChannelStatistics> for ChannelStatisticsReport {
    fn from(channel: ChannelStatistics) -> Self {
        Self {
            stream_id: channel.stream_id,
            direction: channel.direction,
            map: channel.map,
            sent: channel.sent,
            dropped: channel.dropped,
            received: channel.received,
        }
    }
}

impl From<Measured> for MeasuredReport {
    fn from(measured: Measured) -> Self {
        let times = &measured.times;
        let bins = times.histogram.iter().rposition(|count| *count > 0);
        let bins = bins.map_or(0, |last| last + 1);
        Self {
            elapsed_ns: u64::try_from(measured.elapsed.as_nanos()).unwrap_or(u64::MAX),
            calls: measured.calls,
            samples: times.samples,
            total_ns: times.total_ns,
            min_ns: times.min_ns,
            max_ns: times.max_ns,
            p50_ns: times.quantile_ns(0.5),
            p99_ns: times.quantile_ns(0.99),
            histogram: times.histogram.iter().take(bins).copied().collect(),
        }
    }
}

impl From<&MeasuredReport> for Measured {
    fn from(report: &MeasuredReport) -> Self {
        let mut times = Times {
            samples: report.samples,
            total_ns: report.total_ns,
            min_ns: report.min_ns,
            max_ns: report.max_ns,
            ..Times::default()
        };
        for (bin, count) in times.histogram.iter_mut().zip(&report.histogram) {
            *bin = *count;
        }
        Self {
            elapsed: Duration::from_nanos(report.elapsed_ns),
            calls: report.calls,
            times,
        }
    }
}

impl From<CodeletsetInfo> for CodeletsetReport {
    fn from(info: CodeletsetInfo) -> Self {
        Self {
            id: info.id,
            codelets: info.codelets.into_iter().map(Into::into).collect(),
            warnings: info.warnings,
        }
    }
}

impl From<CodeletInfo> for CodeletReport {
    fn from(info: CodeletInfo) -> Self {
        Self {
            name: info.name,
            hook: info.hook.to_owned(),
            priority: info.priority,
            worst_case_instructions: info.worst_case_instructions,
            maps: info.maps.into_iter().map(Into::into).collect(),
            channels: info.channels.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<MapInfo> for MapReport {
    fn from(info: MapInfo) -> Self {
        Self::new(info.name, &info.def)
    }
}

impl MapReport {
    pub(super) fn new(name: String, def: &MapDef) -> Self {
        Self {
            name,
            kind: def.kind,
            key_size: def.key_size,
            value_size: def.value_size,
            max_entries: def.max_entries,
        }
    }
}

impl From<ChannelInfo> for ChannelReport {
    fn from(info: ChannelInfo) -> Self {
        Self {
            stream_id: info.stream_id,
            direction: info.direction,
            map: info.map,
            record_size: info.record_size,
        }
    }
}

/// Bytes that travel as base64 (RFC 4648, section 4, with padding).
#[derive(Clone, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text.as_bytes());
        bytes.map(Self).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_read_as_documented() {
        let line = br#"{"version":1,"id":7,"send":{"stream_id":"11111111111111111111111111111111","record":"AQAAAA=="}}"#;
        let request: Envelope<Request> = serde_json::from_slice(line).unwrap();
        let expected = Request::Send {
            stream_id: StreamId([0x11; 16]),
            record: Bytes(vec![1, 0, 0, 0]),
        };
        assert_eq!((request.id, request.body), (7, expected));
    }

    #[test]
    fn a_load_request_survives_the_way() {
        let request = LoadRequest::builder("set")
            .codelet(
                CodeletBuilder::from_bytes("first", vec![1, 2, 3], "hook")
                    .priority(9)
                    .runtime_threshold_ns(5)
                    .input("in", StreamId([3; 16]))
                    .output_derived("out")
                    .linked_map("mine", "second", "theirs"),
            )
            .codelet(CodeletBuilder::from_bytes("second", vec![4], "hook"))
            .build()
            .unwrap();
        let line = serde_json::to_vec(&LoadBody::from_request(&request).unwrap()).unwrap();
        let body: LoadBody = serde_json::from_slice(&line).unwrap();
        let arrived = body.into_request(|_| {
            Err(RequestError::Empty {
                subject: crate::request::Subject::Codeletset(String::new()),
                field: "stored",
            })
        });
        assert_eq!(arrived.unwrap(), request);
    }

    #[test]
    fn the_names_are_those_of_the_requests() {
        for name in Request::NAMES {
            let object = serde_json::json!({ name: {} });
            let error = serde_json::from_value::<Request>(object)
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default();
            let collectors = ["open_output", "open_input", "stand_in", "close"].contains(&name);
            assert_eq!(
                error.contains("unknown variant"),
                collectors,
                "{name}: {error}"
            );
        }
    }
}
