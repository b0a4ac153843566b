//! The load request: which codelets to load, on which hooks, with which channels.
//!
//! A request is written in YAML, or built in Rust with [`LoadRequest::builder`]. Both go through
//! the same validation, so a [`LoadRequest`] that exists obeys every rule that can be checked
//! without opening an object.

mod builder;
mod culprit;
mod error;
mod expand;
mod yaml;

use std::io::{Error, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jbpf_channel::StreamId;

use jbpf_object::is_elf;

pub use builder::{CodeletBuilder, LoadRequestBuilder};
pub use error::{RequestError, Subject};

/// Most bytes in a codeletset id, codelet name, path, hook name or map name.
pub const MAX_NAME_LEN: usize = jbpf_abi::request::MAX_NAME;
/// Most codelets in one codeletset.
pub const MAX_CODELETS: usize = jbpf_abi::request::MAX_CODELETS;
/// Most channels of one direction of a codelet.
pub const MAX_CHANNELS: usize = jbpf_abi::request::MAX_CHANNELS;
/// Most linked maps of a codelet.
pub const MAX_LINKED_MAPS: usize = jbpf_abi::request::MAX_LINKED_MAPS;
/// Most bytes of a request in YAML.
pub const MAX_YAML_LEN: usize = 64 << 10;

/// A valid request to load a codeletset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadRequest {
    codeletset_id: String,
    codelets: Vec<CodeletRequest>,
    warnings: Vec<String>,
}

/// One codelet of a [`LoadRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeletRequest {
    /// Its name, unique in the codeletset.
    pub name: String,
    /// The source of its object.
    pub object: ObjectSource,
    /// The hook that it attaches to.
    pub hook: String,
    /// The higher runs first.
    pub priority: u32,
    /// The limit that `runtime_limit_exceeded` compares with, in ns; 0: no limit.
    pub runtime_threshold_ns: u64,
    /// Its CONTROL_INPUT maps.
    pub inputs: Vec<ChannelRequest>,
    /// Its RINGBUF and OUTPUT maps.
    pub outputs: Vec<ChannelRequest>,
    /// Maps that it shares with other codelets of the set.
    pub linked_maps: Vec<LinkedMap>,
}

/// The source of a codelet's object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectSource {
    /// A file, read at load.
    Path(PathBuf),
    /// The bytes themselves.
    Bytes(Arc<[u8]>),
}

/// A channel of a codelet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelRequest {
    /// The map's name in the object.
    pub map: String,
    /// The channel's id; derived from the names when absent.
    pub stream_id: Option<StreamId>,
    /// The type of its records, by name. It counts more than an annotation of the object.
    pub record: Option<String>,
    /// The protobuf message that readers know the records by.
    pub protobuf: Option<ProtobufRequest>,
}

/// A protobuf message for the records of a channel. It gives fields their names and numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtobufRequest {
    /// A file with a descriptor set (`protoc --descriptor_set_out`).
    pub descriptor: PathBuf,
    /// The message's name.
    pub message: String,
}

/// A map that is the same map as another codelet's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedMap {
    /// The map's name in this codelet's object.
    pub map: String,
    /// The codelet, of the same codeletset, that it is linked to.
    pub linked_codelet: String,
    /// The map's name in that codelet's object.
    pub linked_map: String,
}

impl LoadRequest {
    /// A request for the codeletset `id`, built in Rust.
    pub fn builder(id: impl Into<String>) -> LoadRequestBuilder {
        LoadRequestBuilder::new(id.into())
    }

    /// Reads a request from a YAML file. Relative codelet paths start at the file's own folder;
    /// `${NAME}` in them is replaced by the environment variable.
    ///
    /// # Errors
    /// When the file cannot be read, is no request, or breaks a rule; the error names the field.
    pub fn from_yaml_file(path: impl AsRef<Path>) -> Result<Self, RequestError> {
        let path = path.as_ref();
        let text = read(path)?;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        Self::from_yaml_str(&text, folder).map_err(|error| error.in_file(path))
    }

    /// Reads a request from YAML text. Relative codelet paths start at `folder`.
    ///
    /// # Errors
    /// When the text is no request or breaks a rule; the error names the field.
    pub fn from_yaml_str(text: &str, folder: impl AsRef<Path>) -> Result<Self, RequestError> {
        yaml::load_request(text, folder.as_ref(), &|name| std::env::var(name).ok())
    }

    /// The id of the codeletset.
    #[must_use]
    pub fn codeletset_id(&self) -> &str {
        &self.codeletset_id
    }

    /// The codelets, in loading order.
    #[must_use]
    pub fn codelets(&self) -> &[CodeletRequest] {
        &self.codelets
    }

    /// The settings that were accepted and have no effect, one sentence each.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// Reads the id out of an unload request: `codeletset_id: NAME`. A load request unloads what it
/// loads.
///
/// # Errors
/// When the file cannot be read, is no request, or the id breaks a rule.
pub fn unload_request_from_yaml_file(path: impl AsRef<Path>) -> Result<String, RequestError> {
    let path = path.as_ref();
    let text = read(path)?;
    yaml::unload_request(&text).map_err(|error| error.in_file(path))
}

/// The text of a request.
fn read(path: &Path) -> Result<String, RequestError> {
    let unreadable = |source| RequestError::Read {
        path: path.to_owned(),
        source,
    };
    let bytes = read_bounded(path).map_err(unreadable)?;
    if is_elf(&bytes) {
        return Err(RequestError::NotYaml {
            path: path.to_owned(),
            what: "a codelet's object",
        });
    }
    String::from_utf8(bytes).map_err(|error| unreadable(Error::new(ErrorKind::InvalidData, error)))
}

/// Reads a whole file of at most [`MAX_YAML_LEN`] bytes.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path)?
        .take(MAX_YAML_LEN as u64 + 1)
        .read_to_end(&mut bytes)?;
    if read > MAX_YAML_LEN {
        return Err(Error::new(
            ErrorKind::FileTooLarge,
            format!("it is larger than {MAX_YAML_LEN} bytes"),
        ));
    }
    Ok(bytes)
}
