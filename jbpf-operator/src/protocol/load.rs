//! Load requests as they travel.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use jbpf_channel::StreamId;
use jbpf_object::{ObjectError, is_elf};
use serde::{Deserialize, Serialize};

use super::{Bytes, MAX_LINE};
use crate::request::{
    ChannelRequest, CodeletBuilder, CodeletRequest, LoadRequest, ObjectSource, RequestError,
};

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
    /// The limit that `runtime_limit_exceeded` compares with, in ns; 0: no limit.
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

/// The source of an object.
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
    /// The type of its records, by name; the object's annotation when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
}

impl ChannelBody {
    fn into_request(self) -> ChannelRequest {
        ChannelRequest {
            record: self.record,
            ..ChannelRequest::new(self.map, self.stream_id)
        }
    }
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
    /// An object cannot be read; the error has its path and the reason.
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

    /// The bytes of memory that it holds.
    pub fn held_bytes(&self) -> usize {
        let channels = |channels: &Vec<ChannelBody>| {
            let names = channels.iter().map(|channel| {
                let record = channel.record.as_ref().map_or(0, String::capacity);
                channel.map.capacity() + record
            });
            channels.capacity() * size_of::<ChannelBody>() + names.sum::<usize>()
        };
        let of_codelet = |codelet: &CodeletBody| {
            let object = match &codelet.object {
                ObjectBody::Bytes(Bytes(bytes)) => bytes.capacity(),
                ObjectBody::Stored(path) => path.capacity(),
            };
            let links = codelet.linked_maps.iter().map(|link| {
                link.map.capacity() + link.linked_codelet.capacity() + link.linked_map.capacity()
            });
            object
                + codelet.name.capacity()
                + codelet.hook.capacity()
                + channels(&codelet.inputs)
                + channels(&codelet.outputs)
                + codelet.linked_maps.capacity() * size_of::<LinkedMapBody>()
                + links.sum::<usize>()
        };
        self.codeletset.capacity()
            + self.codelets.capacity() * size_of::<CodeletBody>()
            + self.codelets.iter().map(of_codelet).sum::<usize>()
    }

    /// The request, with the objects that `stored` opens. All rules for requests are checked.
    pub fn into_request<E: From<RequestError>>(
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
            for channel in codelet.inputs {
                built = built.input_channel(channel.into_request());
            }
            for channel in codelet.outputs {
                built = built.output_channel(channel.into_request());
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
    /// The system's error.
    pub source: io::Error,
}

/// Reads at most `MAX_LINE + 1` bytes. That is enough to see that a request is too long, and
/// bounded even for endless devices. A file that is no object is refused here: objects travel
/// without their paths, so the application could not name the file.
fn read_start(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_LINE as u64 + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() <= MAX_LINE && !is_elf(&bytes) {
        let error = ObjectError::NotElf;
        return Err(io::Error::new(io::ErrorKind::InvalidData, error));
    }
    Ok(bytes)
}

impl CodeletBody {
    fn from_request(codelet: &CodeletRequest) -> Result<Self, UnreadableObject> {
        let bytes = match &codelet.object {
            ObjectSource::Bytes(bytes) => bytes.to_vec(),
            ObjectSource::Path(path) => read_start(path).map_err(|source| UnreadableObject {
                codelet: codelet.name.clone(),
                path: path.clone(),
                source,
            })?,
        };
        let channels = |channels: &[ChannelRequest]| {
            let body = |channel: &ChannelRequest| ChannelBody {
                map: channel.map.clone(),
                stream_id: channel.stream_id,
                record: channel.record.clone(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_request_survives_the_way() {
        let request = LoadRequest::builder("set")
            .codelet(
                CodeletBuilder::from_bytes("first", vec![1, 2, 3], "hook")
                    .priority(9)
                    .runtime_threshold_ns(5)
                    .input("in", StreamId([3; 16]))
                    .output_channel(ChannelRequest {
                        record: Some("packet".to_owned()),
                        ..ChannelRequest::new("out".to_owned(), None)
                    })
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
    fn of_a_file_that_is_too_large_for_a_line_no_more_is_read() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        io::Write::write_all(&mut file, b"\x7fELF\x02\x01").unwrap();
        let read = |len: u64| {
            file.as_file().set_len(len).unwrap();
            let codelet = CodeletBuilder::from_path("first", file.path(), "hook");
            let request = LoadRequest::builder("set").codelet(codelet).build();
            let body = LoadBody::from_request(&request.unwrap()).unwrap();
            match body.codelets.into_iter().next().unwrap().object {
                ObjectBody::Bytes(bytes) => bytes.0.len(),
                ObjectBody::Stored(path) => panic!("{path}"),
            }
        };
        assert_eq!(read(9), 9);
        assert_eq!(read(MAX_LINE as u64), MAX_LINE);
        assert_eq!(read(1 << 28), MAX_LINE + 1);
    }
}
