//! Lines of a client, read as requests.

use jbpf_channel::protocol::CollectorRequest;
use serde_json::{Map, Value};

use jbpf_object::visible::is_invisible;
use jbpf_operator::nearest::nearest;
use jbpf_operator::protocol::{ErrorCode, ErrorReport, Request, RequestName, VERSION};

/// The request in a line.
#[derive(Debug)]
pub(super) enum Question {
    Operator(Request),
    Collector(CollectorRequest),
}

impl Question {
    /// Whether the client must stay connected for the answer.
    pub(super) fn wants_to_stay(&self) -> bool {
        match self {
            Self::Operator(request) => matches!(request, Request::Tail { .. }),
            Self::Collector(request) => opens(request),
        }
    }
}

/// Whether the answer has descriptors.
pub(super) fn opens(request: &CollectorRequest) -> bool {
    matches!(
        request,
        CollectorRequest::OpenOutput { .. } | CollectorRequest::OpenInput { .. }
    )
}

/// A line that asks nothing that can be answered; with its id, as far as it has one.
#[derive(Debug)]
pub(super) struct Nonsense {
    pub(super) id: u64,
    pub(super) error: ErrorReport,
}

/// The fields of the envelope. One more field names the request.
const ENVELOPE: [&str; 2] = ["version", "id"];

pub(super) fn read(line: &[u8]) -> Result<(u64, Question), Nonsense> {
    let nonsense = |id, code, message: String| Nonsense {
        id,
        error: ErrorReport::new(code, message),
    };
    let mut fields: Map<String, Value> = serde_json::from_slice(line).map_err(|error| {
        nonsense(
            0,
            ErrorCode::BadJson,
            format!("the line is no JSON object: {error}"),
        )
    })?;
    let id = fields.get("id").and_then(Value::as_u64).unwrap_or(0);
    let version = fields.get("version").and_then(Value::as_u64);
    if version != Some(u64::from(VERSION)) {
        let message = format!(
            "the line must have `\"version\":{VERSION}`, which is what this application speaks"
        );
        return Err(nonsense(id, ErrorCode::Version, message));
    }
    fields.retain(|name, _| !ENVELOPE.contains(&name.as_str()));
    let mut names = fields.keys();
    let (Some(name), None) = (names.next().cloned(), names.next()) else {
        let message =
            "the line must have one field beside `version` and `id`, named after what is asked";
        return Err(nonsense(id, ErrorCode::BadRequest, message.to_owned()));
    };
    let asked = RequestName::from(name.as_str());
    if let RequestName::Other(name) = &asked {
        let known = RequestName::ALL.iter().map(RequestName::as_str);
        let hint = nearest(name, known.clone()).map_or_else(
            || format!("; there are {}", known.collect::<Vec<_>>().join(", ")),
            |name| format!("; did you mean `{name}`?"),
        );
        let message = format!("there is no request `{}`{hint}", printable(name));
        return Err(nonsense(id, ErrorCode::UnknownRequest, message));
    }
    let body = Value::Object(fields);
    let question = if asked.is_of_collectors() {
        serde_json::from_value(body).map(Question::Collector)
    } else {
        serde_json::from_value(body).map(Question::Operator)
    };
    question
        .map(|question| (id, question))
        .map_err(|error| nonsense(id, ErrorCode::BadRequest, format!("`{name}`: {error}")))
}

/// The start of a name that came from outside, for a sentence.
fn printable(name: &str) -> String {
    let seen = name.chars().filter(|c| !is_invisible(*c));
    seen.take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refusal(line: &str) -> (u64, ErrorCode, String) {
        let nonsense = read(line.as_bytes()).unwrap_err();
        (nonsense.id, nonsense.error.code, nonsense.error.message)
    }

    #[test]
    fn requests_of_operators_and_collectors_are_told_apart() {
        let (id, question) = read(br#"{"version":1,"id":3,"list":{}}"#).unwrap();
        assert!(matches!(
            question,
            Question::Operator(Request::List { skip: None })
        ));
        assert_eq!(id, 3);
        let (_, question) = read(br#"{"close":{"attachment":1},"id":0,"version":1}"#).unwrap();
        let close = CollectorRequest::Close { attachment: 1 };
        assert!(matches!(question, Question::Collector(request) if request == close));
    }

    #[test]
    fn each_kind_of_nonsense_has_its_code() {
        for (line, code) in [
            ("", "bad-json"),
            ("[]", "bad-json"),
            ("GET / HTTP/1.1", "bad-json"),
            ("{}", "version"),
            (r#"{"version":"1","list":{}}"#, "version"),
            (r#"{"version":2,"list":{}}"#, "version"),
            (r#"{"version":1}"#, "bad-request"),
            (r#"{"version":1,"list":{},"hooks":{}}"#, "bad-request"),
            (r#"{"version":1,"show":{}}"#, "bad-request"),
            (r#"{"version":1,"tail":{"stream_id":"1"}}"#, "bad-request"),
            (r#"{"version":1,"lsit":{}}"#, "unknown-request"),
        ] {
            assert_eq!(refusal(line).1, code, "{line}");
        }
        let deep = format!("{{\"version\":1,\"list\":{}", "[".repeat(100_000));
        assert_eq!(refusal(&deep).1, "bad-json");
    }

    #[test]
    fn a_misspelt_request_is_answered_with_the_right_one_and_its_id() {
        let (id, _, message) = refusal(r#"{"version":1,"id":18446744073709551615,"unlaod":{}}"#);
        assert_eq!(id, u64::MAX);
        assert_eq!(
            message,
            "there is no request `unlaod`; did you mean `unload`?"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(read(&line).is_err());
        }

        #[test]
        fn no_arguments_break_it(name in proptest::sample::select(RequestName::ALL), argument in ".{0,40}") {
            let line = serde_json::json!({"version": 1, "id": 5, name.as_str(): {"codeletset": argument, "stream_id": argument}});
            if let Err(nonsense) = read(line.to_string().as_bytes()) {
                prop_assert_eq!(nonsense.id, 5);
            }
        }
    }
}
