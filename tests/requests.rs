//! Every rule of a load request that needs no object, with the message that a person gets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

#[path = "../fuzz/checks/request.rs"]
mod check;
#[path = "../fuzz/checks/replay.rs"]
mod replay;

use jbpf::LoadRequest;
use jbpf::request::ObjectSource;

/// One request and its required result: messages are compared whole.
struct Case {
    rule: &'static str,
    yaml: String,
    expected: Result<(), String>,
}

fn accepted(rule: &'static str, yaml: impl Into<String>) -> Case {
    Case {
        rule,
        yaml: yaml.into(),
        expected: Ok(()),
    }
}

fn refused(rule: &'static str, yaml: impl Into<String>, message: impl Into<String>) -> Case {
    Case {
        rule,
        yaml: yaml.into(),
        expected: Err(message.into()),
    }
}

/// A request of one codelet: the YAML lines given, in place of or after its usual fields.
fn codelet(fields: &str) -> String {
    let given: Vec<&str> = fields.lines().collect();
    let has = |name: &str| {
        given
            .iter()
            .any(|line| line.starts_with(&format!("{name}:")))
    };
    let usual = [
        ("codelet_name", "c"),
        ("codelet_path", "c.o"),
        ("hook_name", "h"),
    ];
    let usual = usual
        .iter()
        .filter(|(name, _)| !has(name))
        .map(|(name, value)| format!("{name}: {value}"));
    let lines: Vec<String> = usual
        .chain(given.iter().map(|line| (*line).to_owned()))
        .collect();
    format!(
        "codeletset_id: set\ncodelet_descriptor:\n  - {}\n",
        lines.join("\n    ")
    )
}

/// A request of `count` codelets named `c0`, `c1`, ...
fn codelets(count: usize) -> String {
    let one = |index| format!("  - {{codelet_name: c{index}, codelet_path: c.o, hook_name: h}}\n");
    let all: String = (0..count).map(one).collect();
    format!("codeletset_id: set\ncodelet_descriptor:\n{all}")
}

/// `count` entries of a list, from a pattern in which `#` is the index.
fn entries(field: &str, count: usize, pattern: &str) -> String {
    let list: Vec<String> = (0..count)
        .map(|index| pattern.replace('#', &index.to_string()))
        .collect();
    format!("{field}: [{}]", list.join(", "))
}

fn long(len: usize) -> String {
    "x".repeat(len)
}

const IN_SET: &str = "codeletset `set`";
const IN_CODELET: &str = "codeletset `set`, codelet `c`";
const NOT_VALID: &str = "the request is not valid";

fn cases() -> Vec<Case> {
    [
        sets(),
        codelet_fields(),
        names(),
        paths(),
        channels(),
        stream_ids(),
        links(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn sets() -> Vec<Case> {
    vec![
        accepted("a codelet needs a name, a path and a hook", codelet("")),
        refused(
            "the id must not be empty",
            codelet("").replace(": set", ": ''"),
            "codeletset ``: `codeletset_id` is empty",
        ),
        accepted(
            "an id may have 255 bytes",
            codelet("").replace(": set", &format!(": {}", long(255))),
        ),
        refused(
            "an id may not have 256 bytes",
            codelet("").replace(": set", &format!(": {}", long(256))),
            format!(
                "codeletset `{}`: `codeletset_id` has 256 bytes; at most 255 are allowed",
                long(256)
            ),
        ),
        refused(
            "an id has no control characters",
            codelet("").replace(": set", ": \"a\\tb\""),
            "codeletset `a\tb`: `codeletset_id` contains the control character '\\t'",
        ),
        refused(
            "the id must be there",
            codelet("").replace("codeletset_id: set\n", ""),
            format!("{NOT_VALID}: missing field `codeletset_id`"),
        ),
        refused(
            "the codelets must be there",
            "codeletset_id: set",
            format!("{NOT_VALID}: missing field `codelet_descriptor`"),
        ),
        refused(
            "at least one codelet",
            "codeletset_id: set\ncodelet_descriptor: []",
            format!("{IN_SET}: `codelet_descriptor` has no entries; at least 1 is needed"),
        ),
        refused(
            "codelets are a list",
            "codeletset_id: set\ncodelet_descriptor: 7",
            format!(
                "{NOT_VALID}: codelet_descriptor: invalid type: integer `7`, expected a sequence"
            ),
        ),
        accepted("sixteen codelets", codelets(16)),
        refused(
            "not seventeen codelets",
            codelets(17),
            format!("{IN_SET}: `codelet_descriptor` has 17 entries; at most 16 are allowed"),
        ),
        refused(
            "codelet names are unique",
            codelets(3).replace("c2,", "c0,"),
            format!("{IN_SET}: `c0` stands twice in `codelet_name`"),
        ),
        refused(
            "unknown fields of the set are named",
            format!("codeletset: set\n{}", codelet("")),
            format!(
                "{NOT_VALID}: unknown field `codeletset`, expected `codeletset_id` or `codelet_descriptor`"
            ),
        ),
        refused(
            "a request is YAML",
            "codeletset_id: set: more",
            format!("{NOT_VALID}: mapping values are not allowed in this context"),
        ),
        refused(
            "an empty file is no request",
            "",
            format!("{NOT_VALID}: missing field `codeletset_id`"),
        ),
    ]
}

fn codelet_fields() -> Vec<Case> {
    let field =
        |name: &str, message: &str| format!("{NOT_VALID}: codelet_descriptor[0].{name}: {message}");
    vec![
        refused(
            "unknown fields are named",
            codelet("prioritty: 1"),
            format!(
                "{NOT_VALID}: codelet_descriptor[0]: unknown field `prioritty`, expected one of"
            ),
        ),
        refused(
            "fields stand once",
            codelet("priority: 1\npriority: 2"),
            format!("{NOT_VALID}: codelet_descriptor[0]: duplicate field `priority`"),
        ),
        accepted("priority 0", codelet("priority: 0")),
        accepted("priority 4294967295", codelet("priority: 4294967295")),
        refused(
            "not priority 4294967296",
            codelet("priority: 4294967296"),
            field(
                "priority",
                "invalid value: integer `4294967296`, expected u32",
            ),
        ),
        refused(
            "not priority -1",
            codelet("priority: -1"),
            field("priority", "invalid type: integer `-1`, expected u32"),
        ),
        refused(
            "not priority high",
            codelet("priority: high"),
            field("priority", "invalid type: string \"high\", expected u32"),
        ),
        accepted(
            "the largest threshold",
            codelet("runtime_threshold: 18446744073709551615"),
        ),
        refused(
            "a threshold is not negative",
            codelet("runtime_threshold: -5"),
            field(
                "runtime_threshold",
                "invalid type: integer `-5`, expected u64",
            ),
        ),
        refused(
            "a codelet has a name",
            codelet("").replace("codelet_name: c\n    ", ""),
            format!("{NOT_VALID}: codelet_descriptor[0]: missing field `codelet_name`"),
        ),
        refused(
            "a codelet has a path",
            codelet("").replace("codelet_path: c.o\n    ", ""),
            format!("{NOT_VALID}: codelet_descriptor[0]: missing field `codelet_path`"),
        ),
        refused(
            "a codelet has a hook",
            codelet("").replace("    hook_name: h\n", ""),
            format!("{NOT_VALID}: codelet_descriptor[0]: missing field `hook_name`"),
        ),
    ]
}

/// Names of codelets and hooks: empty, at the limit, beyond it.
fn names() -> Vec<Case> {
    let subject = |field: &str, name: &str| match field {
        "codelet_name" => format!("codeletset `set`, codelet `{name}`"),
        _ => IN_CODELET.to_owned(),
    };
    let of_field = |field: &'static str| {
        [
            refused(
                "a name must not be empty",
                codelet(&format!("{field}: ''")),
                format!("{}: `{field}` is empty", subject(field, "")),
            ),
            accepted(
                "a name may have 255 bytes",
                codelet(&format!("{field}: {}", long(255))),
            ),
            refused(
                "a name may not have 256 bytes",
                codelet(&format!("{field}: {}", long(256))),
                format!(
                    "{}: `{field}` has 256 bytes; at most 255 are allowed",
                    subject(field, &long(256))
                ),
            ),
        ]
    };
    ["codelet_name", "hook_name"]
        .into_iter()
        .flat_map(of_field)
        .collect()
}

fn paths() -> Vec<Case> {
    let message = |text: &str| format!("{IN_CODELET}: `codelet_path` {text}");
    vec![
        refused(
            "a path must not be empty",
            codelet("codelet_path: ''"),
            message("is empty"),
        ),
        accepted(
            "a path may have 255 bytes",
            codelet(&format!("codelet_path: {}", long(255))),
        ),
        refused(
            "a path may not have 256 bytes",
            codelet(&format!("codelet_path: {}", long(256))),
            message("has 256 bytes; at most 255 are allowed"),
        ),
        accepted(
            "a variable of the environment",
            codelet("codelet_path: ${CARGO_MANIFEST_DIR}/c.o"),
        ),
        refused(
            "an unset variable is named",
            codelet("codelet_path: ${JBPF_NO_SUCH_VARIABLE}/c.o"),
            message("uses the environment variable `JBPF_NO_SUCH_VARIABLE`, which is not set"),
        ),
        refused(
            "a variable is closed",
            codelet("codelet_path: ${HOME/c.o"),
            message("has a `${` without a closing `}`"),
        ),
    ]
}

fn channels() -> Vec<Case> {
    let of_field = |field: &'static str| {
        let list = |count| codelet(&entries(field, count, "{name: m#}"));
        let in_first =
            |text: &str| format!("{NOT_VALID}: codelet_descriptor[0].{field}[0]: {text}");
        [
            accepted("no channels", list(0)),
            accepted("five channels", list(5)),
            refused(
                "not six channels",
                list(6),
                format!("{IN_CODELET}: `{field}` has 6 entries; at most 5 are allowed"),
            ),
            refused(
                "a channel's name must not be empty",
                codelet(&format!("{field}: [{{name: ''}}]")),
                format!("{IN_CODELET}: `{field}` is empty"),
            ),
            refused(
                "a channel's name may not have 256 bytes",
                codelet(&format!("{field}: [{{name: {}}}]", long(256))),
                format!("{IN_CODELET}: `{field}` has 256 bytes; at most 255 are allowed"),
            ),
            refused(
                "a channel stands once",
                codelet(&format!("{field}: [{{name: m}}, {{name: m}}]")),
                format!("{IN_CODELET}: `m` stands twice in `{field}`"),
            ),
            refused(
                "a channel has a name",
                codelet(&format!("{field}: [{{}}]")),
                in_first("missing field `name`"),
            ),
            refused(
                "unknown fields of a channel are named",
                codelet(&format!("{field}: [{{name: m, streamid: 1}}]")),
                in_first(
                    "unknown field `streamid`, expected one of `name`, `stream_id`, `record`, `serde`, `forward_destination` at",
                ),
            ),
            refused(
                "stream ids are unique in a direction",
                codelet(&format!(
                    "{field}: [{{name: m, stream_id: {0}}}, {{name: n, stream_id: {0}}}]",
                    "a".repeat(32)
                )),
                format!("{IN_SET}: `{}` stands twice in `{field}`", "a".repeat(32)),
            ),
        ]
    };
    let both = format!(
        "in_io_channel: [{{name: m, stream_id: {0}}}]\nout_io_channel: [{{name: n, stream_id: {0}}}]",
        "a".repeat(32)
    );
    let mut cases: Vec<Case> = ["in_io_channel", "out_io_channel"]
        .into_iter()
        .flat_map(of_field)
        .collect();
    cases.push(accepted("one id in both directions", codelet(&both)));
    cases
}

fn stream_ids() -> Vec<Case> {
    let with = |id: &str| codelet(&format!("in_io_channel: [{{name: m, stream_id: {id}}}]"));
    let bad = |rule, id: &str| {
        let message = format!(
            "{IN_CODELET}: the stream_id `{id}` of channel `m` is not 32 hexadecimal digits"
        );
        refused(rule, with(&format!("'{id}'")), message)
    };
    vec![
        accepted("quoted hex", with("\"0123456789abcdefABCDEF0123456789\"")),
        accepted(
            "decimal digits without quotes",
            with("11111111111111111111111111111111"),
        ),
        accepted(
            "what looks like a float",
            with("1e111111111111111111111111111111"),
        ),
        accepted("leading zeros", with("00000000000000000000000000000001")),
        bad("31 digits", "1111111111111111111111111111111"),
        bad("33 digits", "111111111111111111111111111111111"),
        bad("not hex", "gggggggggggggggggggggggggggggggg"),
        bad("an empty id", ""),
        bad("32 bytes that are not ASCII", "éééééééééééééééé"),
        bad("a sign", "+1111111111111111111111111111111"),
    ]
}

fn links() -> Vec<Case> {
    let link = "{map_name: m#, linked_codelet_name: c, linked_map_name: other}";
    let list = |count| codelet(&entries("linked_maps", count, link));
    let one = |map: &str, other: &str, linked: &str| {
        let link =
            format!("{{map_name: {map}, linked_codelet_name: {other}, linked_map_name: {linked}}}");
        codelet(&format!("linked_maps: [{link}]"))
    };
    let message = |text: &str| format!("{IN_CODELET}: {text}");
    vec![
        accepted("ten linked maps", list(10)),
        refused(
            "not eleven",
            list(11),
            message("`linked_maps` has 11 entries; at most 10 are allowed"),
        ),
        refused(
            "a map is linked once",
            list(2).replace("m1", "m0"),
            message("`m0` stands twice in `linked_maps`"),
        ),
        refused(
            "a map is not linked to itself",
            one("m", "c", "m"),
            message("`linked_maps` links `m` to itself"),
        ),
        refused(
            "the other codelet is in the request",
            one("m", "d", "m"),
            message("`linked_maps` links `m` to the codelet `d`, which is not in the request"),
        ),
        refused(
            "map_name is not empty",
            one("''", "c", "m"),
            message("`map_name` is empty"),
        ),
        refused(
            "linked_codelet_name is not empty",
            one("m", "''", "m"),
            message("`linked_codelet_name` is empty"),
        ),
        refused(
            "linked_map_name is not empty",
            one("m", "c", "''"),
            message("`linked_map_name` is empty"),
        ),
        refused(
            "map_name has at most 255 bytes",
            one(&long(256), "c", "m"),
            message("`map_name` has 256 bytes; at most 255 are allowed"),
        ),
        refused(
            "linked_map_name has at most 255 bytes",
            one("m", "c", &long(256)),
            message("`linked_map_name` has 256 bytes; at most 255 are allowed"),
        ),
    ]
}

/// YAML errors end in a place in the text, which the table leaves out.
fn matches(result: &Result<(), String>, expected: &Result<(), String>) -> bool {
    match (result, expected) {
        (Err(message), Err(expected)) if expected.starts_with(NOT_VALID) => {
            message.starts_with(expected.as_str())
        }
        _ => result == expected,
    }
}

#[test]
fn each_rule_of_a_request_holds_and_says_so() {
    let cases = cases();
    let mut wrong = Vec::new();
    for Case {
        rule,
        yaml,
        expected,
    } in &cases
    {
        let result = LoadRequest::from_yaml_str(yaml, "/codelets")
            .map(|_| ())
            .map_err(|e| e.to_string());
        if !matches(&result, expected) {
            wrong.push(format!(
                "{rule}\n{yaml}\n  expected {expected:?}\n  got      {result:?}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} cases:\n\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n\n")
    );
    assert!(cases.len() >= 60, "{} cases", cases.len());
}

#[test]
fn unused_serde_entries_are_warned_about() {
    let channel = "{name: m, serde: {file_path: a.so, protobuf: {package_path: p, msg_name: q}}}";
    let request = LoadRequest::from_yaml_str(
        &codelet(&format!("out_io_channel: [{channel}]")),
        "/codelets",
    )
    .unwrap();
    assert_eq!(
        request.warnings(),
        [format!(
            "{IN_SET}: `file_path` of 1 channel is not used; records describe themselves"
        )]
    );
}

#[test]
fn relative_paths_start_at_the_folder() {
    let object = |yaml: &str| {
        LoadRequest::from_yaml_str(yaml, "/codelets")
            .unwrap()
            .codelets()[0]
            .object
            .clone()
    };
    assert_eq!(
        object(&codelet("")),
        ObjectSource::Path("/codelets/c.o".into())
    );
    assert_eq!(
        object(&codelet("codelet_path: /abs/c.o")),
        ObjectSource::Path("/abs/c.o".into())
    );
}

#[test]
fn files_that_the_fuzzer_tried_are_requests_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let check = |bytes: &[u8]| check::check(folder.path(), bytes);
    assert!(replay::replay("request", check) > 0);
}
