//! What can be wrong with a request.

use core::fmt;
use std::path::{Path, PathBuf};

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
        /// What the system said.
        source: std::io::Error,
    },
    /// The text is not the YAML of a request: wrong syntax, a missing or unknown field, a wrong type.
    #[error("the request{} is not valid: {}", quoted(.path), shown(source))]
    Yaml {
        /// The file, when the text comes from one.
        path: Option<PathBuf>,
        /// What is wrong with it, and where.
        source: serde_yaml::Error,
    },
    /// The text is too long, or nests too deep, to be read as YAML in a time that grows as its length does.
    #[error("the request{} is not read: {what}", quoted(.path))]
    Excess {
        /// The file, when the text comes from one.
        path: Option<PathBuf>,
        /// What there is too much of, and how much there may be.
        what: String,
    },
    /// The file is what a request names, or what that is made from.
    #[error(
        "`{}` is {what}; a request is YAML, and names the object as `codelet_path`",
        shown(path.display())
    )]
    NotYaml {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        what: &'static str,
    },
    /// A name, id or path is empty.
    #[error("{subject}: `{field}` is empty")]
    Empty {
        /// Whose field.
        subject: Subject,
        /// The field's name in YAML.
        field: &'static str,
    },
    /// A name, id or path is too long.
    #[error("{subject}: `{field}` has {len} bytes; at most {max} are allowed")]
    TooLong {
        /// Whose field.
        subject: Subject,
        /// The field's name in YAML.
        field: &'static str,
        /// Its length in bytes.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// A name contains a control character, or one that is not seen or turns others around.
    #[error("{subject}: `{field}` contains the control character {character:?}")]
    ControlCharacter {
        /// Whose field.
        subject: Subject,
        /// The field's name in YAML.
        field: &'static str,
        /// The character.
        character: char,
    },
    /// A list has no entries where one is needed.
    #[error("{subject}: `{field}` has no entries; at least 1 is needed")]
    NoEntries {
        /// Whose list.
        subject: Subject,
        /// The field's name in YAML.
        field: &'static str,
    },
    /// A list has too many entries.
    #[error("{subject}: `{field}` has {count} entries; at most {max} are allowed")]
    TooMany {
        /// Whose list.
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
        /// Where.
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
        /// Whose channel.
        subject: Subject,
        /// The channel's map name.
        channel: String,
        /// What was written.
        text: String,
    },
    /// `${NAME}` names a variable that is not set.
    #[error(
        "{subject}: `{field}` uses the environment variable `{}`, which is not set",
        shown(variable)
    )]
    UnsetVariable {
        /// Whose field.
        subject: Subject,
        /// The field's name in YAML.
        field: &'static str,
        /// The variable.
        variable: String,
    },
    /// `${` without `}`.
    #[error("{subject}: `{field}` has a `${{` without a closing `}}`")]
    UnclosedVariable {
        /// Whose field.
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
        /// Whose map.
        subject: Subject,
        /// The map.
        map: String,
        /// The missing codelet.
        linked_codelet: String,
    },
    /// A map is linked to itself.
    #[error("{subject}: `linked_maps` links `{}` to itself", shown(map))]
    LinkedToItself {
        /// Whose map.
        subject: Subject,
        /// The map.
        map: String,
    },
}

impl RequestError {
    /// The reason as messages and the command name it; it stays the same from version to version.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "unreadable-request",
            Self::Yaml { .. } | Self::NotYaml { .. } | Self::Excess { .. } => "bad-request",
            Self::Empty { .. } => "empty-field",
            Self::TooLong { .. } => "field-too-long",
            Self::ControlCharacter { .. } => "control-character",
            Self::NoEntries { .. } => "no-entries",
            Self::TooMany { .. } => "too-many-entries",
            Self::Duplicate { .. } => "duplicate",
            Self::StreamId { .. } => "bad-stream-id",
            Self::UnsetVariable { .. } | Self::UnclosedVariable { .. } => "variable",
            Self::UnknownLinkedCodelet { .. } => "unknown-linked-codelet",
            Self::LinkedToItself { .. } => "linked-to-itself",
        }
    }
}

impl From<serde_yaml::Error> for RequestError {
    fn from(source: serde_yaml::Error) -> Self {
        Self::Yaml { path: None, source }
    }
}

impl RequestError {
    /// The same of text that comes from this file.
    pub(super) fn in_file(self, file: &Path) -> Self {
        let path = file.to_owned();
        match self {
            Self::Yaml { .. } if file.extension().is_some_and(|ending| ending == "c") => {
                let what = "C source";
                Self::NotYaml { path, what }
            }
            Self::Yaml { source, .. } => Self::Yaml {
                path: Some(path),
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

/// The most characters of a request's own text in a sentence; of longer text the middle is left out.
const MAX_SHOWN: usize = 400;

/// Text that whoever wrote the request has chosen, in a sentence: it is what it looks like, and no more than a person reads.
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

/// What part of a request an error is about.
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
