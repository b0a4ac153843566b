//! Why a map cannot be made or opened.

use std::error::Error as _;

use jbpf_channel::ChannelError;
use jbpf_verifier::types::MapDef;
use thiserror::Error;

use super::pages::PagesError;

/// Why a map could not be made. Each names the map.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MapError {
    /// A field of the definition is 0 and must not be.
    #[error("map `{map}`: {field} is 0")]
    Zero {
        /// The map.
        map: String,
        /// The field of its definition.
        field: &'static str,
    },
    /// A field of the definition is beyond its limit.
    #[error("map `{map}`: {field} is {value}, and at most {limit} is allowed")]
    TooLarge {
        /// The map.
        map: String,
        /// The field of its definition.
        field: &'static str,
        /// The value of that field.
        value: u64,
        /// The largest value allowed.
        limit: u64,
    },
    /// The key of an array cannot hold an index.
    #[error("map `{map}`: key_size is {key_size}, and an array's key holds an index of 4 bytes")]
    KeyTooSmall {
        /// The map.
        map: String,
        /// The field of that name in the definition.
        key_size: u32,
    },
    /// The sizes multiply to more than an address space holds.
    #[error(
        "map `{map}`: max_entries {max_entries} times value_size {value_size} is more memory than there can be"
    )]
    Overflow {
        /// The map.
        map: String,
        /// The field of that name in the definition.
        max_entries: u32,
        /// The field of that name in the definition.
        value_size: u32,
    },
    /// The contents of a data section are not of its size.
    #[error("map `{map}`: its contents are {contents} bytes and its value_size is {value_size}")]
    SectionSize {
        /// The map.
        map: String,
        /// Bytes of initial contents.
        contents: usize,
        /// The field of that name in the definition.
        value_size: u32,
    },
    /// Initial contents on a map that is no array of one entry.
    #[error("map `{map}`: only an array of one entry can be a data section")]
    NoSection {
        /// The map.
        map: String,
    },
    /// Memory could not be had.
    #[error("map `{map}`: {source}")]
    Memory {
        /// The map.
        map: String,
        /// Why.
        source: PagesError,
    },
    /// A channel's ring could not be made.
    #[error("map `{map}`: {reason}")]
    Channel {
        /// The map.
        map: String,
        /// The error of `jbpf-channel`, as text.
        reason: String,
    },
    /// A kind of the application's that does not make this map.
    #[error("map `{map}`: the application's map type {number} refuses it: {reason}")]
    Application {
        /// The map.
        map: String,
        /// The number in its definition.
        number: u32,
        /// The application's error, as text.
        reason: String,
    },
    /// A kind that the application did not provide.
    #[error("map `{map}`: nobody provides maps of type {number}")]
    UnknownKind {
        /// The map.
        map: String,
        /// The number in its definition.
        number: u32,
    },
}

impl MapError {
    pub(super) fn channel(def: &MapDef, error: &ChannelError) -> Self {
        if let ChannelError::OverBudget { source, .. } = error {
            return Self::Memory {
                map: def.name.clone(),
                source: (*source).into(),
            };
        }
        let mut reason = error.to_string();
        if let Some(source) = error.source() {
            reason = format!("{reason}: {source}");
        }
        Self::Channel {
            map: def.name.clone(),
            reason,
        }
    }
}
