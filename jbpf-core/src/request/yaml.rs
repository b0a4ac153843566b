//! The YAML form of a request, field for field.

use std::path::{Path, PathBuf};

use jbpf_channel::StreamId;
use serde::Deserialize;

use super::builder::{CodeletBuilder, check_codeletset_id};
use super::error::{RequestError, Subject};
use super::expand::expand;
use super::{LoadRequest, MAX_NAME_LEN, ObjectSource};

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with codeletset_id and codelet_descriptor"
)]
struct LoadDocument {
    codeletset_id: String,
    codelet_descriptor: Vec<CodeletDocument>,
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
    in_io_channel: Vec<ChannelDocument>,
    #[serde(default)]
    out_io_channel: Vec<ChannelDocument>,
    #[serde(default)]
    linked_maps: Vec<LinkedMapDocument>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a mapping with name and stream_id")]
struct ChannelDocument {
    name: String,
    /// A `String` on purpose: an untyped value would read 32 decimal digits as a number.
    stream_id: Option<String>,
    serde: Option<SerdeDocument>,
}

/// What the original needs to serialise records; records describe themselves here.
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

/// `variable` looks an environment variable up.
pub(super) fn load_request(
    text: &str,
    folder: &Path,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<LoadRequest, RequestError> {
    let document: LoadDocument = serde_yaml::from_str(text)?;
    let mut request = LoadRequest::builder(document.codeletset_id.as_str());
    for codelet in document.codelet_descriptor {
        let subject = Subject::Codelet {
            codeletset: document.codeletset_id.clone(),
            codelet: codelet.codelet_name.clone(),
        };
        for channel in codelet.in_io_channel.iter().chain(&codelet.out_io_channel) {
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
    let document: UnloadDocument = serde_yaml::from_str(text)?;
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
    for channel in codelet.in_io_channel {
        let stream_id = stream_id(&channel, subject)?;
        builder = builder.input_channel(channel.name, stream_id);
    }
    for channel in codelet.out_io_channel {
        let stream_id = stream_id(&channel, subject)?;
        builder = builder.output_channel(channel.name, stream_id);
    }
    for link in codelet.linked_maps {
        builder = builder.linked_map(
            link.map_name,
            link.linked_codelet_name,
            link.linked_map_name,
        );
    }
    Ok(builder)
}

/// The limit on `codelet_path` holds for what the author wrote: the folder in front of it is not theirs.
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
