//! The YAML form of a request, field for field.
//!
//! Reading takes time and memory in proportion to the length of the text, for any text. Two rules
//! see to that. The parser's time grows with each open bracket, so brackets are counted before it
//! runs. An alias may stand for a list of any length, so a list is kept only up to the most
//! entries that a request may have.

use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use jbpf_channel::StreamId;
use serde::de::{DeserializeOwned, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::builder::{CodeletBuilder, check_codeletset_id, check_count};
use super::error::{RequestError, Subject};
use super::expand::expand;
use super::{
    LoadRequest, MAX_CHANNELS, MAX_CODELETS, MAX_LINKED_MAPS, MAX_NAME_LEN, MAX_YAML_LEN,
    ObjectSource,
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
    serde: Option<SerdeDocument>,
}

/// The serialisation settings of the original jbpf. They have no effect here, as records describe
/// themselves.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a mapping")]
#[expect(dead_code, reason = "accepted, and warned about as unused")]
struct SerdeDocument {
    file_path: Option<String>,
    protobuf: Option<ProtobufDocument>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a mapping")]
#[expect(dead_code, reason = "accepted, and warned about as unused")]
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
    for (line, number) in text.lines().zip(1..) {
        if levels_begun(line) > MAX_DEPTH {
            let what = format!("it nests deeper than {MAX_DEPTH} levels in line {number}");
            return Err(excess(what));
        }
    }
    let (mut depth, mut brackets) = (0_usize, 0);
    for (line, number) in text.lines().zip(1..) {
        for byte in line.bytes() {
            // Brackets in strings and comments count too, as only the parser can tell them apart.
            match byte {
                b'[' | b'{' => (depth, brackets) = (depth + 1, brackets + 1),
                b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        if depth > MAX_DEPTH {
            let what = format!("it nests deeper than {MAX_DEPTH} levels in line {number}");
            return Err(excess(what));
        }
        if brackets > MAX_BRACKETS {
            let what = format!("more than {MAX_BRACKETS} brackets have opened up to line {number}");
            return Err(excess(what));
        }
    }
    Ok(serde_yaml::from_str(text)?)
}

/// Lists and mappings that a line begins with: `- - ? -` begins four.
fn levels_begun(line: &str) -> usize {
    let words = line.split_ascii_whitespace();
    words
        .take_while(|word| matches!(*word, "-" | "?" | ":"))
        .count()
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
            if channel.serde.is_some() {
                request = request.warning(format!(
                    "{subject}: `serde` of channel `{}` is not used; records describe themselves",
                    channel.name
                ));
            }
        }
        request = request.codelet(codelet_builder(codelet, folder, variable, &subject)?);
    }
    request.build()
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
    let path = codelet_path(&codelet.codelet_path, folder, variable, subject)?;
    let mut builder = CodeletBuilder::new(
        codelet.codelet_name,
        ObjectSource::Path(path),
        codelet.hook_name,
    )
    .priority(codelet.priority)
    .runtime_threshold_ns(codelet.runtime_threshold);
    for channel in codelet.in_io_channel.all(subject, "in_io_channel")? {
        let stream_id = stream_id(&channel, subject)?;
        builder = builder.input_channel(channel.name, stream_id);
    }
    for channel in codelet.out_io_channel.all(subject, "out_io_channel")? {
        let stream_id = stream_id(&channel, subject)?;
        builder = builder.output_channel(channel.name, stream_id);
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

/// The limit on `codelet_path` holds for the author's text alone, without the folder in front of
/// it.
fn codelet_path(
    written: &str,
    folder: &Path,
    variable: &dyn Fn(&str) -> Option<String>,
    subject: &Subject,
) -> Result<PathBuf, RequestError> {
    const FIELD: &str = "codelet_path";
    let path = expand(written, variable, subject, FIELD)?;
    match path.len() {
        0 => Err(RequestError::Empty {
            subject: subject.clone(),
            field: FIELD,
        }),
        1..=MAX_NAME_LEN => Ok(folder.join(path)),
        len => Err(RequestError::TooLong {
            subject: subject.clone(),
            field: FIELD,
            len,
            max: MAX_NAME_LEN,
        }),
    }
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

    proptest::proptest! {
        #[test]
        fn truncated_requests_are_refused_or_read(end in 0_usize..400) {
            let text = "codeletset_id: a\ncodelet_descriptor:\n  - codelet_name: b\n    codelet_path: c\n    hook_name: d\n    in_io_channel: [{name: e, stream_id: 00112233445566778899aabbccddeeff}]\n    linked_maps: [{map_name: f, linked_codelet_name: g, linked_map_name: h}]\n";
            let start = text.get(..end.min(text.len())).unwrap();
            let _ = load_request(start, Path::new(""), &|_| None);
        }
    }
}
