//! What operators ask.

use jbpf_channel::StreamId;
use serde::{Deserialize, Serialize};

use super::{Bytes, LoadBody};

/// What an operator asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Who is there?
    Hello {},
    /// The hooks, their contexts, and what is attached to them.
    Hooks {
        /// Hooks to leave out, from the first on: then the answer is a page, as many as fit into a line, and empty after the
        /// last. All are in one line when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        skip: Option<u64>,
    },
    /// The helpers that codelets may call.
    Helpers {},
    /// The C header that codelets for this application include.
    Header {
        /// Bytes of it to leave out: then the answer is a page, likewise.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        skip: Option<u64>,
    },
    /// What is loaded.
    List {
        /// Codeletsets to leave out: then the answer is a page, likewise.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        skip: Option<u64>,
    },
    /// One of what is loaded.
    Show {
        /// The id.
        codeletset: String,
    },
    /// The channels of what is loaded.
    Streams {
        /// Channels to leave out: then the answer is a page, likewise.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        skip: Option<u64>,
    },
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
    /// What changes wait for.
    Waiting {},
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
    pub const NAMES: [&'static str; 20] = [
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
        "waiting",
        "tail",
        "send",
        "open_output",
        "open_input",
        "stand_in",
        "close",
    ];
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
    /// Hooks to leave out, from the first on: then the answer is a page, as that to [`Request::Hooks`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<u64>,
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
