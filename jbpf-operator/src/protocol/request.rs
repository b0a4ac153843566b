//! The operators' requests.

use jbpf_channel::StreamId;
use serde::{Deserialize, Serialize};

use super::{Bytes, LoadBody};

/// A request of an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// The application's name, process and versions.
    Hello {},
    /// The hooks, their contexts, and their codelets.
    Hooks {
        /// Entries to leave out, from the first on. If present, the answer is a page: as many
        /// entries as fit into a line, and none after the last. A hook with many codelets has
        /// several entries, one after the other. If absent, the answer is one line with one entry
        /// for each hook.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        skip: Option<u64>,
    },
    /// The helpers that codelets may call.
    Helpers {},
    /// The C header that codelets for this application include.
    Header {
        /// Bytes of it to leave out; with this, the answer is a page, as for `Hooks`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        skip: Option<u64>,
    },
    /// The loaded codeletsets.
    List {
        /// Entries to leave out; with this, the answer is a page, as for `Hooks`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        skip: Option<u64>,
    },
    /// A loaded codeletset.
    Show {
        /// The id.
        codeletset: String,
        /// Codelets to leave out. If present, the answer has as many as fit into a line, and none
        /// after the last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        skip: Option<u64>,
    },
    /// The channels of the loaded codeletsets.
    Streams {
        /// Channels to leave out; with this, the answer is a page, as for `Hooks`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        skip: Option<u64>,
    },
    /// Verifies, compiles and attaches a codeletset.
    Load(LoadBody),
    /// Swaps a loaded codeletset for another version.
    Replace(LoadBody),
    /// Takes a codeletset out.
    Unload {
        /// The id.
        codeletset: String,
    },
    /// The elements of a map, a page at a time.
    Map(MapBody),
    /// Measures these hooks until the connection ends, instead of those that the connection asked
    /// for before.
    Measure(MeasureBody),
    /// The statistics of hooks, codelets and channels.
    Statistics(StatisticsBody),
    /// The changes that have not ended, and the threads that they wait for.
    Waiting {},
    /// Watches an output channel: records follow until the connection ends.
    Tail {
        /// The channel.
        stream_id: StreamId,
    },
    /// Puts a record into an input channel.
    Send {
        /// The channel.
        stream_id: StreamId,
        /// The record; a shorter one is filled up with zeros.
        record: Bytes,
    },
}

jbpf_channel::__names! {
    /// The name of a request of an operator or a collector: the field of its line.
    pub enum RequestName {
        Hello = "hello",
        Hooks = "hooks",
        Helpers = "helpers",
        Header = "header",
        List = "list",
        Show = "show",
        Streams = "streams",
        Load = "load",
        Replace = "replace",
        Unload = "unload",
        Map = "map",
        Measure = "measure",
        Statistics = "statistics",
        Waiting = "waiting",
        Tail = "tail",
        Send = "send",
        OpenOutput = "open_output",
        OpenInput = "open_input",
        StandIn = "stand_in",
        Close = "close",
    } else {
        /// A request of a later version.
        Other(String)
    }
}

impl RequestName {
    /// Whether collectors make the request: it is a
    /// [`CollectorRequest`](jbpf_channel::protocol::CollectorRequest).
    #[must_use]
    pub fn is_of_collectors(&self) -> bool {
        matches!(
            self,
            Self::OpenOutput | Self::OpenInput | Self::StandIn | Self::Close
        )
    }
}

/// The hooks to measure.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasureBody {
    /// Their names. If absent, all hooks are measured, also those that get codelets later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hooks: Option<Vec<String>>,
}

/// The hooks that a statistics request is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatisticsBody {
    /// Their names; all hooks if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hooks: Option<Vec<String>>,
    /// Entries to leave out, from the first on; with this, the answer is a page, as for
    /// [`Request::Hooks`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<u64>,
}

/// The part of a map that a request asks for.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Envelope;

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
}
