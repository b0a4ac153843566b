//! The reasons to refuse a request.

use core::fmt;
use std::path::{Path, PathBuf};

use jbpf_channel::protocol::ErrorCode;
use jbpf_object::visible::escaped;

/// Why a request was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The file could not be read.
    #[error("cannot read the request `{}`: {source}", shown(path.display()))]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The text is not the YAML of a request: wrong syntax, a missing or unknown field, a wrong
    /// type.
    #[error("the request{} is not valid: {}", quoted(.path), shown(what))]
    Yaml {
        /// The file, when the text comes from one.
        path: Option<PathBuf>,
        /// The mistake, with its place.
        what: String,
        /// The parser's error.
        source: serde_yaml::Error,
    },
    /// The text is too long, or nests too deep, to be read as YAML in a time that grows as its
    /// length does.
    #[error("the request{} is not read: {what}", quoted(.path))]
    Excess {
        /// The file, when the text comes from one.
        path: Option<PathBuf>,
        /// The excess, and the limit that it breaks.
        what: String,
    },
    /// The file is no request, but the object that a request names, or the object's C source.
    #[error(
        "`{}` is {what}; a request is YAML, and names the object as `codelet_path`",
        shown(path.display())
    )]
    NotYaml {
        /// The file.
        path: PathBuf,
        /// The kind of the file.
        what: &'static str,
    },
    /// A name, id or path is empty.
    #[error("{subject}: `{field}` is empty")]
    Empty {
        /// The part of the request that has the field.
        subject: Subject,
        /// The field's name in YAML.
        field: &'static str,
    },
    /// A name, id or path is too long.
    #[error("{subject}: `{field}` has {len} bytes; at most {max} are allowed")]
    TooLong {
        /// The part of the request that has the field.
        subject: Subject,
        /// The field's name in YAML.
        field: &'static str,
        /// Its length in bytes.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// A name contains a control character, or one that is invisible or reverses the order of
    /// others.
    #[error("{subject}: `{field}` contains the control character {character:?}")]
    ControlCharacter {
        /// The part of the request that has the field.
        subject: Subject,
        /// The field's name in YAML.
        field: &'static str,
        /// The character.
        character: char,
    },
    /// A list has no entries where one is needed.
    #[error("{subject}: `{field}` has no entries; at least 1 is needed")]
    NoEntries {
        /// The part of the request that has the list.
        subject: Subject,
        /// The field's name in YAML.
        field: &'static str,
    },
    /// A list has too many entries.
    #[error("{subject}: `{field}` has {count} entries; at most {max} are allowed")]
    TooMany {
        /// The part of the request that has the list.
        subject: Subject,
        /// The field's name in YAML.
        field: &'static str,
        /// Number of entries.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// A name stands twice where it must be unique.
    #[error("{subject}: `{}` stands twice in `{field}`", shown(name))]
    Duplicate {
        /// The part of the request that has the list.
        subject: Subject,
        /// The field's name in YAML.
        field: &'static str,
        /// The name that stands twice.
        name: String,
    },
    /// A stream id is not 16 bytes in hex.
    #[error(
        "{subject}: the stream_id `{}` of channel `{}` is not 32 hexadecimal digits",
        shown(text),
        shown(channel)
    )]
    StreamId {
        /// The part of the request that has the channel.
        subject: Subject,
        /// The channel's map name.
        channel: String,
        /// The text in place of the id.
        text: String,
    },
    /// `${NAME}` names a variable that is not set.
    #[error(
        "{subject}: `{field}` uses the environment variable `{}`, which is not set",
        shown(variable)
    )]
    UnsetVariable {
        /// The part of the request that has the field.
        subject: Subject,
        /// The field's name in YAML.
        field: &'static str,
        /// The variable.
        variable: String,
    },
    /// `${` without `}`.
    #[error("{subject}: `{field}` has a `${{` without a closing `}}`")]
    UnclosedVariable {
        /// The part of the request that has the field.
        subject: Subject,
        /// The field's name in YAML.
        field: &'static str,
    },
    /// A map is linked to a codelet that the request does not have.
    #[error(
        "{subject}: `linked_maps` links `{}` to the codelet `{}`, which is not in the request",
        shown(map),
        shown(linked_codelet)
    )]
    UnknownLinkedCodelet {
        /// The part of the request that has the map.
        subject: Subject,
        /// The map.
        map: String,
        /// The missing codelet.
        linked_codelet: String,
    },
    /// A map is linked to itself.
    #[error("{subject}: `linked_maps` links `{}` to itself", shown(map))]
    LinkedToItself {
        /// The part of the request that has the map.
        subject: Subject,
        /// The map.
        map: String,
    },
}

impl RequestError {
    /// The reason as messages and the command name it; it stays the same from version to version.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Read { .. } => ErrorCode::UnreadableRequest,
            Self::Yaml { .. } | Self::NotYaml { .. } | Self::Excess { .. } => ErrorCode::BadRequest,
            Self::Empty { .. } => ErrorCode::EmptyField,
            Self::TooLong { .. } => ErrorCode::FieldTooLong,
            Self::ControlCharacter { .. } => ErrorCode::ControlCharacter,
            Self::NoEntries { .. } => ErrorCode::NoEntries,
            Self::TooMany { .. } => ErrorCode::TooManyEntries,
            Self::Duplicate { .. } => ErrorCode::Duplicate,
            Self::StreamId { .. } => ErrorCode::BadStreamId,
            Self::UnsetVariable { .. } | Self::UnclosedVariable { .. } => ErrorCode::Variable,
            Self::UnknownLinkedCodelet { .. } => ErrorCode::UnknownLinkedCodelet,
            Self::LinkedToItself { .. } => ErrorCode::LinkedToItself,
        }
    }
}

impl RequestError {
    /// The same error for text that comes from this file.
    pub(super) fn in_file(self, file: &Path) -> Self {
        let path = file.to_owned();
        match self {
            Self::Yaml { .. } if file.extension().is_some_and(|ending| ending == "c") => {
                let what = "C source";
                Self::NotYaml { path, what }
            }
            Self::Yaml { what, source, .. } => Self::Yaml {
                path: Some(path),
                what,
                source,
            },
            Self::Excess { what, .. } => Self::Excess {
                path: Some(path),
                what,
            },
            other => other,
        }
    }
}

/// The name of a file behind a noun.
fn quoted(path: &Option<PathBuf>) -> String {
    path.as_ref()
        .map_or_else(String::new, |path| format!(" `{}`", shown(path.display())))
}

/// The most characters of a request's own text in a sentence. Longer text loses its middle.
const MAX_SHOWN: usize = 400;

/// Text of the request's author, for use in a sentence. Invisible characters are escaped, and the
/// length is bounded.
fn shown(text: impl fmt::Display) -> String {
    let text = text.to_string();
    let count = text.chars().count();
    if count <= MAX_SHOWN {
        return escaped(&text).into_owned();
    }
    let first: String = text.chars().take(MAX_SHOWN / 2).collect();
    let last: String = text.chars().skip(count - MAX_SHOWN / 2).collect();
    format!("{} ... {}", escaped(&first), escaped(&last))
}

/// The part of a request that an error is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The codeletset as a whole.
    Codeletset(String),
    /// One codelet of it.
    Codelet {
        /// The codeletset's id.
        codeletset: String,
        /// The codelet's name.
        codelet: String,
    },
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Codeletset(id) => write!(f, "codeletset `{}`", shown(id)),
            Self::Codelet {
                codeletset,
                codelet,
            } => {
                let (codeletset, codelet) = (shown(codeletset), shown(codelet));
                write!(f, "codeletset `{codeletset}`, codelet `{codelet}`")
            }
        }
    }
}
