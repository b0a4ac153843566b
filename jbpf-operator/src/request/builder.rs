//! Requests built in Rust, and the validation that every request goes through.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use jbpf_channel::StreamId;
use jbpf_object::visible::is_invisible;

use super::error::{RequestError, Subject};
use super::{
    ChannelRequest, CodeletRequest, LinkedMap, LoadRequest, MAX_CHANNELS, MAX_CODELETS,
    MAX_LINKED_MAPS, MAX_NAME_LEN, ObjectSource,
};

/// Builds a [`LoadRequest`]; [`build`](Self::build) validates it.
///
/// ```
/// use jbpf_operator::request::{CodeletBuilder, LoadRequest};
///
/// let request = LoadRequest::builder("my_set")
///     .codelet(CodeletBuilder::from_path("counter", "counter.o", "example").priority(2))
///     .build()?;
/// assert_eq!(request.codelets().len(), 1);
/// # Ok::<(), jbpf_operator::request::RequestError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct LoadRequestBuilder {
    id: String,
    codelets: Vec<CodeletRequest>,
    warnings: Vec<String>,
}

/// Builds one codelet of a [`LoadRequest`].
#[derive(Debug, Clone)]
#[must_use]
pub struct CodeletBuilder(CodeletRequest);

impl LoadRequestBuilder {
    pub(super) fn new(id: String) -> Self {
        Self {
            id,
            codelets: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Adds a codelet; codelets of equal priority run in the order they were added.
    pub fn codelet(mut self, codelet: CodeletBuilder) -> Self {
        self.codelets.push(codelet.0);
        self
    }

    pub(super) fn warning(mut self, warning: String) -> Self {
        self.warnings.push(warning);
        self
    }

    /// Checks every rule that needs no object.
    ///
    /// # Errors
    /// The first rule that is broken, with codelet and field.
    pub fn build(self) -> Result<LoadRequest, RequestError> {
        let set = Subject::Codeletset(self.id.clone());
        check_name(&self.id, &set, "codeletset_id")?;
        if self.codelets.is_empty() {
            return Err(RequestError::NoEntries {
                subject: set,
                field: "codelet_descriptor",
            });
        }
        check_count(
            self.codelets.len(),
            MAX_CODELETS,
            &set,
            "codelet_descriptor",
        )?;
        check_unique(
            self.codelets.iter().map(|c| c.name.as_str()),
            &set,
            "codelet_name",
        )?;
        for codelet in &self.codelets {
            let subject = Subject::Codelet {
                codeletset: self.id.clone(),
                codelet: codelet.name.clone(),
            };
            check_codelet(codelet, &self.codelets, &subject)?;
        }
        let inputs = self.codelets.iter().flat_map(|c| &c.inputs);
        check_unique_streams(inputs, &set, "in_io_channel")?;
        let outputs = self.codelets.iter().flat_map(|c| &c.outputs);
        check_unique_streams(outputs, &set, "out_io_channel")?;
        Ok(LoadRequest {
            codeletset_id: self.id,
            codelets: self.codelets,
            warnings: self.warnings,
        })
    }
}

impl CodeletBuilder {
    /// A codelet whose object is a file.
    pub fn from_path(
        name: impl Into<String>,
        path: impl Into<PathBuf>,
        hook: impl Into<String>,
    ) -> Self {
        Self::new(name.into(), ObjectSource::Path(path.into()), hook.into())
    }

    /// A codelet whose object is in memory.
    pub fn from_bytes(
        name: impl Into<String>,
        object: impl Into<Arc<[u8]>>,
        hook: impl Into<String>,
    ) -> Self {
        Self::new(name.into(), ObjectSource::Bytes(object.into()), hook.into())
    }

    pub(super) fn new(name: String, object: ObjectSource, hook: String) -> Self {
        Self(CodeletRequest {
            name,
            object,
            hook,
            priority: 1,
            runtime_threshold_ns: 0,
            inputs: Vec::new(),
            outputs: Vec::new(),
            linked_maps: Vec::new(),
        })
    }

    /// The higher runs first; 1 when not set.
    pub fn priority(mut self, priority: u32) -> Self {
        self.0.priority = priority;
        self
    }

    /// The limit that `runtime_limit_exceeded` compares with, in ns; 0 (the default): no limit.
    pub fn runtime_threshold_ns(mut self, threshold: u64) -> Self {
        self.0.runtime_threshold_ns = threshold;
        self
    }

    /// An input channel with this stream id.
    pub fn input(self, map: impl Into<String>, stream_id: StreamId) -> Self {
        self.input_channel(ChannelRequest::new(map.into(), Some(stream_id)))
    }

    /// An input channel whose stream id is derived from the names.
    pub fn input_derived(self, map: impl Into<String>) -> Self {
        self.input_channel(ChannelRequest::new(map.into(), None))
    }

    /// An output channel with this stream id.
    pub fn output(self, map: impl Into<String>, stream_id: StreamId) -> Self {
        self.output_channel(ChannelRequest::new(map.into(), Some(stream_id)))
    }

    /// An output channel whose stream id is derived from the names.
    pub fn output_derived(self, map: impl Into<String>) -> Self {
        self.output_channel(ChannelRequest::new(map.into(), None))
    }

    /// An input channel with all its settings.
    pub fn input_channel(mut self, channel: ChannelRequest) -> Self {
        self.0.inputs.push(channel);
        self
    }

    /// An output channel with all its settings.
    pub fn output_channel(mut self, channel: ChannelRequest) -> Self {
        self.0.outputs.push(channel);
        self
    }

    /// Makes the codelet's map `map` the same map as `linked_map` of `linked_codelet`.
    pub fn linked_map(
        mut self,
        map: impl Into<String>,
        linked_codelet: impl Into<String>,
        linked_map: impl Into<String>,
    ) -> Self {
        self.0.linked_maps.push(LinkedMap {
            map: map.into(),
            linked_codelet: linked_codelet.into(),
            linked_map: linked_map.into(),
        });
        self
    }
}

impl ChannelRequest {
    /// A channel without further settings.
    #[must_use]
    pub fn new(map: String, stream_id: Option<StreamId>) -> Self {
        Self {
            map,
            stream_id,
            record: None,
            protobuf: None,
        }
    }
}

/// Checks an unload request's one field.
pub(super) fn check_codeletset_id(id: &str) -> Result<(), RequestError> {
    check_name(id, &Subject::Codeletset(id.to_owned()), "codeletset_id")
}

fn check_codelet(
    codelet: &CodeletRequest,
    siblings: &[CodeletRequest],
    subject: &Subject,
) -> Result<(), RequestError> {
    check_name(&codelet.name, subject, "codelet_name")?;
    check_name(&codelet.hook, subject, "hook_name")?;
    if matches!(&codelet.object, ObjectSource::Path(path) if path.as_os_str().is_empty()) {
        return Err(RequestError::Empty {
            subject: subject.clone(),
            field: "codelet_path",
        });
    }
    for (channels, field) in [
        (&codelet.inputs, "in_io_channel"),
        (&codelet.outputs, "out_io_channel"),
    ] {
        check_count(channels.len(), MAX_CHANNELS, subject, field)?;
        for channel in channels {
            check_name(&channel.map, subject, field)?;
            if let Some(record) = &channel.record {
                check_name(record, subject, "record")?;
            }
            if let Some(protobuf) = &channel.protobuf {
                check_name(&protobuf.message, subject, "msg_name")?;
            }
        }
        check_unique(channels.iter().map(|c| c.map.as_str()), subject, field)?;
    }
    check_count(
        codelet.linked_maps.len(),
        MAX_LINKED_MAPS,
        subject,
        "linked_maps",
    )?;
    for link in &codelet.linked_maps {
        check_link(link, codelet, siblings, subject)?;
    }
    check_unique(
        codelet.linked_maps.iter().map(|l| l.map.as_str()),
        subject,
        "linked_maps",
    )
}

fn check_link(
    link: &LinkedMap,
    codelet: &CodeletRequest,
    siblings: &[CodeletRequest],
    subject: &Subject,
) -> Result<(), RequestError> {
    check_name(&link.map, subject, "map_name")?;
    check_name(&link.linked_codelet, subject, "linked_codelet_name")?;
    check_name(&link.linked_map, subject, "linked_map_name")?;
    if !siblings
        .iter()
        .any(|sibling| sibling.name == link.linked_codelet)
    {
        return Err(RequestError::UnknownLinkedCodelet {
            subject: subject.clone(),
            map: link.map.clone(),
            linked_codelet: link.linked_codelet.clone(),
        });
    }
    if link.linked_codelet == codelet.name && link.linked_map == link.map {
        return Err(RequestError::LinkedToItself {
            subject: subject.clone(),
            map: link.map.clone(),
        });
    }
    Ok(())
}

fn check_name(name: &str, subject: &Subject, field: &'static str) -> Result<(), RequestError> {
    check_len(name.len(), subject, field)?;
    match name.chars().find(|c| is_invisible(*c)) {
        Some(character) => Err(RequestError::ControlCharacter {
            subject: subject.clone(),
            field,
            character,
        }),
        None => Ok(()),
    }
}

fn check_len(len: usize, subject: &Subject, field: &'static str) -> Result<(), RequestError> {
    let subject = || subject.clone();
    match len {
        0 => Err(RequestError::Empty {
            subject: subject(),
            field,
        }),
        1..=MAX_NAME_LEN => Ok(()),
        _ => Err(RequestError::TooLong {
            subject: subject(),
            field,
            len,
            max: MAX_NAME_LEN,
        }),
    }
}

pub(super) fn check_count(
    count: usize,
    max: usize,
    subject: &Subject,
    field: &'static str,
) -> Result<(), RequestError> {
    if count > max {
        return Err(RequestError::TooMany {
            subject: subject.clone(),
            field,
            count,
            max,
        });
    }
    Ok(())
}

fn check_unique<'a>(
    names: impl Iterator<Item = &'a str>,
    subject: &Subject,
    field: &'static str,
) -> Result<(), RequestError> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(RequestError::Duplicate {
                subject: subject.clone(),
                field,
                name: name.to_owned(),
            });
        }
    }
    Ok(())
}

fn check_unique_streams<'a>(
    channels: impl Iterator<Item = &'a ChannelRequest>,
    subject: &Subject,
    field: &'static str,
) -> Result<(), RequestError> {
    let ids: Vec<String> = channels
        .filter_map(|c| c.stream_id)
        .map(|id| id.to_string())
        .collect();
    check_unique(ids.iter().map(String::as_str), subject, field)
}
