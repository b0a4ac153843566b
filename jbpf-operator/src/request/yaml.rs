//! The YAML form of a request, field for field.
//!
//! Reading takes time and memory in proportion to the length of the text, for any text. Two rules
//! see to that. The parser's time grows with each open level, so levels are counted before it
//! runs. An alias may stand for a list of any length, so a list is kept only up to the most
//! entries that a request may have.

use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use jbpf_channel::StreamId;
use serde::de::{DeserializeOwned, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::builder::{CodeletBuilder, check_codeletset_id, check_count};
use super::culprit;
use super::error::{RequestError, Subject};
use super::expand::expand;
use super::{
    ChannelRequest, LoadRequest, MAX_CHANNELS, MAX_CODELETS, MAX_LINKED_MAPS, MAX_NAME_LEN,
    MAX_YAML_LEN, ObjectSource, ProtobufRequest,
};

/// The deepest nesting of a request.
const MAX_DEPTH: usize = 64;

/// The most brackets that open in a request, more than three in each entry of each list.
const MAX_BRACKETS: usize = 1024;

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with codeletset_id and codelet_descriptor"
)]
struct LoadDocument {
    codeletset_id: String,
    codelet_descriptor: AtMost<CodeletDocument, MAX_CODELETS>,
}

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with codelet_name, codelet_path and hook_name"
)]
struct CodeletDocument {
    codelet_name: String,
    codelet_path: String,
    hook_name: String,
    #[serde(default = "default_priority")]
    priority: u32,
    #[serde(default)]
    runtime_threshold: u64,
    #[serde(default)]
    in_io_channel: AtMost<ChannelDocument, MAX_CHANNELS>,
    #[serde(default)]
    out_io_channel: AtMost<ChannelDocument, MAX_CHANNELS>,
    #[serde(default)]
    linked_maps: AtMost<LinkedMapDocument, MAX_LINKED_MAPS>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a mapping with name and stream_id")]
struct ChannelDocument {
    name: String,
    /// A `String` on purpose: an untyped value would read 32 decimal digits as a number.
    stream_id: Option<String>,
    record: Option<String>,
    serde: Option<SerdeDocument>,
    forward_destination: Option<IgnoredAny>,
}

/// The serialisation settings of the original jbpf. `protobuf` names the fields for `jbpf schema`;
/// the library at `file_path` is not opened.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a mapping")]
struct SerdeDocument {
    file_path: Option<IgnoredAny>,
    protobuf: Option<ProtobufDocument>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a mapping")]
struct ProtobufDocument {
    package_path: Option<String>,
    msg_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with map_name, linked_codelet_name and linked_map_name"
)]
struct LinkedMapDocument {
    map_name: String,
    linked_codelet_name: String,
    linked_map_name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a mapping with codeletset_id")]
struct UnloadDocument {
    codeletset_id: String,
    /// A load request unloads what it loads.
    #[serde(default, rename = "codelet_descriptor")]
    _codelet_descriptor: Option<IgnoredAny>,
}

const fn default_priority() -> u32 {
    1
}

/// The first entries of a list, and how many it has.
struct AtMost<T, const MAX: usize> {
    entries: Vec<T>,
    count: usize,
}

impl<T, const MAX: usize> Default for AtMost<T, MAX> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            count: 0,
        }
    }
}

impl<T, const MAX: usize> AtMost<T, MAX> {
    /// All entries, if there are no more than there may be.
    fn all(self, subject: &Subject, field: &'static str) -> Result<Vec<T>, RequestError> {
        check_count(self.count, MAX, subject, field)?;
        Ok(self.entries)
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for AtMost<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T, const MAX: usize>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Entries<T, MAX> {
            type Value = AtMost<T, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sequence")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut read = AtMost::default();
                while read.count < MAX {
                    let Some(entry) = list.next_element()? else {
                        return Ok(read);
                    };
                    read.entries.push(entry);
                    read.count += 1;
                }
                // The further entries are counted and not built, so aliases among them cost
                // nothing.
                while list.next_element::<IgnoredAny>()?.is_some() {
                    read.count += 1;
                }
                Ok(read)
            }
        }

        deserializer.deserialize_seq(Entries(PhantomData))
    }
}

/// Parses the text, unless it is too long or nests too deep.
fn read<T: DeserializeOwned>(text: &str) -> Result<T, RequestError> {
    let excess = |what| RequestError::Excess { path: None, what };
    if text.len() > MAX_YAML_LEN {
        let what = format!("it has {} bytes, and may have {MAX_YAML_LEN}", text.len());
        return Err(excess(what));
    }
    let mut levels = Levels::default();
    for (line, number) in text.lines().zip(1..) {
        levels.read(line);
        if levels.depth() > MAX_DEPTH {
            let what = format!("it nests deeper than {MAX_DEPTH} levels in line {number}");
            return Err(excess(what));
        }
        if levels.opened > MAX_BRACKETS {
            let what = format!("more than {MAX_BRACKETS} brackets have opened up to line {number}");
            return Err(excess(what));
        }
    }
    serde_yaml::from_str(text).map_err(|source| RequestError::Yaml {
        path: None,
        what: culprit::told(text, &source),
        source,
    })
}

/// The lists and mappings that are open at a place of the text, or may be. Only the parser can
/// tell what stands in strings and comments, so their brackets and columns count, too.
#[derive(Default)]
struct Levels {
    /// The columns of those that are indented, in ascending order, and whether it is a list.
    columns: Vec<(usize, bool)>,
    /// Brackets that are open.
    brackets: usize,
    /// Brackets that have ever opened.
    opened: usize,
}

impl Levels {
    fn depth(&self) -> usize {
        self.columns.len().saturating_add(self.brackets)
    }

    /// Each line closes what begins at its own column or behind it, except the mapping whose value
    /// is a list at the same column. `- - ? -` begins four.
    fn read(&mut self, line: &str) {
        let mut column = 0;
        let mut is_first = true;
        for word in line.split([' ', '\t']) {
            if !word.is_empty() {
                let is_list = word == "-";
                if is_first {
                    self.columns.retain(|(open, open_list)| {
                        *open < column || (*open == column && is_list && !open_list)
                    });
                    is_first = false;
                }
                self.columns.push((column, is_list));
                if !matches!(word, "-" | "?" | ":") {
                    break;
                }
            }
            column += word.len() + 1;
            if self.columns.len() > MAX_DEPTH {
                break;
            }
        }
        for byte in line.bytes() {
            match byte {
                b'[' | b'{' => (self.brackets, self.opened) = (self.brackets + 1, self.opened + 1),
                b']' | b'}' => self.brackets = self.brackets.saturating_sub(1),
                _ => {}
            }
        }
    }
}

/// `variable` looks an environment variable up.
pub(super) fn load_request(
    text: &str,
    folder: &Path,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<LoadRequest, RequestError> {
    let document: LoadDocument = read(text)?;
    let mut request = LoadRequest::builder(document.codeletset_id.as_str());
    check_codeletset_id(&document.codeletset_id)?;
    let set = Subject::Codeletset(document.codeletset_id.clone());
    let mut unused = Unused::default();
    for codelet in document
        .codelet_descriptor
        .all(&set, "codelet_descriptor")?
    {
        let subject = Subject::Codelet {
            codeletset: document.codeletset_id.clone(),
            codelet: codelet.codelet_name.clone(),
        };
        let channels = [&codelet.in_io_channel, &codelet.out_io_channel];
        for channel in channels.into_iter().flat_map(|list| &list.entries) {
            unused.note(channel);
        }
        request = request.codelet(codelet_builder(codelet, folder, variable, &subject)?);
    }
    for warning in unused.warnings(&set) {
        request = request.warning(warning);
    }
    request.build()
}

/// Channels with settings that have no effect. Tools write them into each channel, so each setting
/// is told once.
#[derive(Default)]
struct Unused {
    destinations: usize,
    libraries: usize,
}

impl Unused {
    fn note(&mut self, channel: &ChannelDocument) {
        self.destinations += usize::from(channel.forward_destination.is_some());
        let serde = channel.serde.as_ref();
        let has_library = serde.is_some_and(|serde| serde.file_path.is_some());
        self.libraries += usize::from(has_library);
    }

    fn warnings(&self, set: &Subject) -> impl Iterator<Item = String> {
        let of = |count, setting, reason| {
            let channels = match count {
                0 => return None,
                1 => "1 channel".to_owned(),
                _ => format!("{count} channels"),
            };
            Some(format!(
                "{set}: `{setting}` of {channels} is not used; {reason}"
            ))
        };
        let all = [
            of(
                self.destinations,
                "forward_destination",
                "whoever receives a channel gets its records",
            ),
            of(self.libraries, "file_path", "records describe themselves"),
        ];
        all.into_iter().flatten()
    }
}

pub(super) fn unload_request(text: &str) -> Result<String, RequestError> {
    let document: UnloadDocument = read(text)?;
    check_codeletset_id(&document.codeletset_id)?;
    Ok(document.codeletset_id)
}

fn codelet_builder(
    codelet: CodeletDocument,
    folder: &Path,
    variable: &dyn Fn(&str) -> Option<String>,
    subject: &Subject,
) -> Result<CodeletBuilder, RequestError> {
    let path = path_in(
        &codelet.codelet_path,
        folder,
        variable,
        subject,
        "codelet_path",
    )?;
    let mut builder = CodeletBuilder::new(
        codelet.codelet_name,
        ObjectSource::Path(path),
        codelet.hook_name,
    )
    .priority(codelet.priority)
    .runtime_threshold_ns(codelet.runtime_threshold);
    for channel in codelet.in_io_channel.all(subject, "in_io_channel")? {
        builder = builder.input_channel(channel_request(channel, folder, variable, subject)?);
    }
    for channel in codelet.out_io_channel.all(subject, "out_io_channel")? {
        builder = builder.output_channel(channel_request(channel, folder, variable, subject)?);
    }
    for link in codelet.linked_maps.all(subject, "linked_maps")? {
        builder = builder.linked_map(
            link.map_name,
            link.linked_codelet_name,
            link.linked_map_name,
        );
    }
    Ok(builder)
}

/// The limit on a path holds for the author's text alone, without the folder in front of it.
fn path_in(
    written: &str,
    folder: &Path,
    variable: &dyn Fn(&str) -> Option<String>,
    subject: &Subject,
    field: &'static str,
) -> Result<PathBuf, RequestError> {
    let path = expand(written, variable, subject, field)?;
    match path.len() {
        0 => Err(RequestError::Empty {
            subject: subject.clone(),
            field,
        }),
        1..=MAX_NAME_LEN => Ok(folder.join(path)),
        len => Err(RequestError::TooLong {
            subject: subject.clone(),
            field,
            len,
            max: MAX_NAME_LEN,
        }),
    }
}

fn channel_request(
    channel: ChannelDocument,
    folder: &Path,
    variable: &dyn Fn(&str) -> Option<String>,
    subject: &Subject,
) -> Result<ChannelRequest, RequestError> {
    let stream_id = stream_id(&channel, subject)?;
    let protobuf = channel.serde.and_then(|serde| serde.protobuf);
    // The original's tools fill in both, or leave the mapping out.
    let protobuf = protobuf.and_then(|named| named.package_path.zip(named.msg_name));
    let protobuf = protobuf.map(|(package, message)| {
        let descriptor = path_in(&package, folder, variable, subject, "package_path")?;
        Ok(ProtobufRequest {
            descriptor,
            message,
        })
    });
    Ok(ChannelRequest {
        map: channel.name,
        stream_id,
        record: channel.record,
        protobuf: protobuf.transpose()?,
    })
}

fn stream_id(
    channel: &ChannelDocument,
    subject: &Subject,
) -> Result<Option<StreamId>, RequestError> {
    let Some(text) = &channel.stream_id else {
        return Ok(None);
    };
    text.parse().map(Some).map_err(|_| RequestError::StreamId {
        subject: subject.clone(),
        channel: channel.name.clone(),
        text: text.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        let refused = load_request(text, Path::new(""), &|_| None);
        refused.unwrap_err().to_string()
    }

    #[test]
    fn what_is_too_long_or_nests_too_deep_is_not_read() {
        let long = "#".repeat(MAX_YAML_LEN + 1);
        assert!(
            refusal(&long).contains("65537 bytes, and may have 65536"),
            "{}",
            refusal(&long)
        );
        let deep = "it nests deeper than 64 levels in line 2";
        for brackets in ["[".repeat(65), "{".repeat(65_000), "[{".repeat(40)] {
            let text = format!("codeletset_id: a\ncodelet_descriptor: {brackets}");
            assert!(refusal(&text).contains(deep), "{}", refusal(&text));
        }
        let text = format!("codeletset_id: a\n{}x", "- ".repeat(65));
        assert!(refusal(&text).contains(deep), "{}", refusal(&text));
        let nested = |depth: usize, line: &str| -> String {
            let lines = (0..depth).map(|depth| format!("{}{line}\n", " ".repeat(depth)));
            lines.collect()
        };
        for line in ["a:", "- a:", "? a:", "-", "- - a"] {
            let refused = refusal(&nested(66, line));
            assert!(
                refused.contains("nests deeper than 64 levels"),
                "{line}: {refused}"
            );
        }
        let refused = refusal(&format!(
            "{}{}",
            nested(60, "a:"),
            " ".repeat(60) + &"[".repeat(6)
        ));
        assert!(
            refused.contains("deeper than 64 levels in line 61"),
            "{refused}"
        );
        let refused = refusal(&nested(60, "a:"));
        assert!(refused.contains("unknown field `a`"), "{refused}");
        // The closing brackets stand in strings, so they close nothing.
        let hidden = format!("codeletset_id: a\nb: {}", "[ \"]\" , ".repeat(2000));
        assert!(
            refusal(&hidden).contains("more than 1024 brackets"),
            "{}",
            refusal(&hidden)
        );
    }

    /// Each line that stands for the whole list is three bytes long.
    #[test]
    fn aliases_stand_for_no_more_than_a_request_may_have() {
        let channels = "{name: a}, ".repeat(300);
        let text = format!(
            "codeletset_id: a\ncodelet_descriptor:\n- &c {{codelet_name: a, codelet_path: a, hook_name: a, in_io_channel: [{channels}]}}\n{}",
            "- *c\n".repeat(11_000)
        );
        let read: LoadDocument = read(&text).unwrap();
        assert_eq!(read.codelet_descriptor.count, 11_001);
        let codelets = &read.codelet_descriptor.entries;
        assert_eq!(codelets.len(), MAX_CODELETS);
        for codelet in codelets {
            let channels = &codelet.in_io_channel;
            assert_eq!(
                (channels.entries.len(), channels.count),
                (MAX_CHANNELS, 300)
            );
        }
        let refused = refusal(&text);
        assert!(
            refused.contains("`codelet_descriptor` has 11001 entries"),
            "{refused}"
        );
    }

    #[test]
    fn several_documents_and_endless_ones_are_no_request() {
        for text in [
            "codeletset_id: a\n---\n".repeat(1000),
            "&a [*a, *a]".to_owned(),
            "codeletset_id: &a [*a]".to_owned(),
            "---\n".repeat(10_000),
            "codeletset_id: a\n".repeat(3000),
            "!!x ".repeat(10_000),
            format!("? {}", "a: ".repeat(10_000)),
            format!("codeletset_id: \"{}", "\\".repeat(60_000)),
        ] {
            let start: String = text.chars().take(40).collect();
            let refused = load_request(&text, Path::new(""), &|_| None);
            assert!(refused.is_err(), "{start}");
        }
    }

    const ONE: &str = "codeletset_id: set\ncodelet_descriptor:\n  - codelet_name: one\n    codelet_path: one.o\n    hook_name: example\n    priority: 1\n    out_io_channel:\n      - name: outmap\n";

    /// The line that an error names is the one to change.
    #[test]
    fn errors_name_the_line_of_the_mistake() {
        let wrong = |from: &str, to: &str| {
            assert!(ONE.contains(from), "{from}");
            refusal(&ONE.replacen(from, to, 1))
        };
        for (from, to, told) in [
            (
                "    hook_name",
                "   hook_name",
                "line 5 has 3 columns before `hook_name`, and the line above has 4",
            ),
            (
                "    hook_name",
                "      hook_name",
                "line 5 has 6 columns before `hook_name`, and the line above has 4",
            ),
            (
                "    hook_name",
                "hook_name",
                "line 5 has 0 columns before `hook_name`, and the lines around it have 4",
            ),
            (
                "    hook_name",
                "\thook_name",
                "a tab is no indentation; indent with spaces at line 5 column 1",
            ),
            (
                "    hook_name",
                "  \t hook_name",
                "a tab is no indentation; indent with spaces at line 5 column 3",
            ),
            (
                "  - codelet_name",
                "    codelet_name",
                "expected a sequence at line 3 column 5; each entry of a list begins with `- `",
            ),
            (
                "      - name",
                "        name",
                "expected a sequence at line 8 column 9; each entry of a list begins with `- `",
            ),
            (
                "hook_name:",
                "hookname:",
                "at line 5 column 5; did you mean `hook_name`?",
            ),
            (
                "    hook_name: example\n",
                "",
                "missing field `hook_name` at line 3 column 5",
            ),
            (
                "codeletset_id",
                "codelet_id",
                "at line 1 column 1; did you mean `codeletset_id`?",
            ),
            (
                "hook_name: example",
                "hook_name:example",
                "a space is missing behind `hook_name:` at line 5 column 5",
            ),
            (
                "one.o",
                "\"one.o",
                "the quote is not closed at line 4 column 19",
            ),
            (
                "priority: 1",
                "hook_name: b",
                "duplicate field `hook_name` at line 6 column 5",
            ),
            (
                "priority: 1",
                "priority: high",
                "expected u32 at line 6 column 15",
            ),
            (
                "name: outmap",
                "nam: outmap",
                "at line 8 column 9; did you mean `name`?",
            ),
        ] {
            let refused = wrong(from, to);
            assert!(refused.ends_with(told), "{from:?} -> {to:?}: {refused}");
        }
        let (end, _) = ONE.split_once("    hook_name").unwrap();
        let refused = refusal(&format!("{end}hook_name: example\n"));
        assert_eq!(
            refused,
            "the request is not valid: codelet_descriptor[0]: missing field `hook_name`: `hook_name` has 0 columns before it, and the fields of its entry have 4 at line 5 column 1"
        );
    }

    #[test]
    fn settings_without_effect_are_told_once() {
        let channel = "{name: a#, forward_destination: DestinationNone, serde: {file_path: a.so, protobuf: {package_path: a.pb, msg_name: m}}}";
        let list: Vec<_> = (0..3)
            .map(|n| channel.replace('#', &n.to_string()))
            .collect();
        let text = ONE.replace("\n      - name: outmap", &format!(" [{}]", list.join(", ")));
        let request = load_request(&text, Path::new("/at"), &|_| None).unwrap();
        assert_eq!(
            request.warnings(),
            [
                "codeletset `set`: `forward_destination` of 3 channels is not used; whoever receives a channel gets its records",
                "codeletset `set`: `file_path` of 3 channels is not used; records describe themselves",
            ]
        );
        let protobuf = request.codelets()[0].outputs[0].protobuf.as_ref().unwrap();
        assert_eq!(protobuf.descriptor, Path::new("/at/a.pb"));
        assert_eq!(protobuf.message, "m");
    }

    #[test]
    fn a_load_request_unloads_its_codeletset() {
        assert_eq!(unload_request(ONE).unwrap(), "set");
        assert_eq!(unload_request("codeletset_id: set").unwrap(), "set");
        let refused = unload_request("codeletset_id: set\ncodelets: []").unwrap_err();
        assert!(
            refused.to_string().contains("unknown field `codelets`"),
            "{refused}"
        );
    }

    proptest::proptest! {
        #[test]
        fn texts_with_lines_moved_are_refused_or_read(line in 0_usize..8, indent in 0_usize..12, text in "[-:#a-z\\[{ \t\"]{0,12}") {
            let mut lines: Vec<String> = ONE.lines().map(str::to_owned).collect();
            lines[line] = format!("{}{text}{}", " ".repeat(indent), lines[line].trim_start());
            let _ = load_request(&lines.join("\n"), Path::new(""), &|_| None);
        }

        #[test]
        fn truncated_requests_are_refused_or_read(end in 0_usize..400) {
            let text = "codeletset_id: a\ncodelet_descriptor:\n  - codelet_name: b\n    codelet_path: c\n    hook_name: d\n    in_io_channel: [{name: e, stream_id: 00112233445566778899aabbccddeeff}]\n    linked_maps: [{map_name: f, linked_codelet_name: g, linked_map_name: h}]\n";
            let start = text.get(..end.min(text.len())).unwrap();
            let _ = load_request(start, Path::new(""), &|_| None);
        }
    }
}
