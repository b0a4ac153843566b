//! The name of a channel outside its process: 16 bytes, written as 32 hex digits.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Names one channel of one direction in a process: 16 bytes, as text 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub [u8; 16]);

/// Why a text is not a [`StreamId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseStreamIdError {
    /// Not 32 characters long.
    #[error("stream id `{text}` has {length} characters; it takes 32 hex digits")]
    Length {
        /// The text that was parsed.
        text: String,
        /// Its length in characters.
        length: usize,
    },
    /// A character is not a hex digit.
    #[error("stream id `{text}` holds `{found}`, which is no hex digit")]
    Digit {
        /// The text that was parsed.
        text: String,
        /// The first character that is not a hex digit.
        found: char,
    },
}

impl FromStr for StreamId {
    type Err = ParseStreamIdError;

    fn from_str(text: &str) -> Result<Self, ParseStreamIdError> {
        if let Some(found) = text.chars().find(|c| !c.is_ascii_hexdigit()) {
            return Err(ParseStreamIdError::Digit {
                text: text.to_owned(),
                found,
            });
        }
        // All characters are hex digits, and these are ASCII. So each byte is one character.
        let wrong_length = || ParseStreamIdError::Length {
            text: text.to_owned(),
            length: text.len(),
        };
        if text.len() != 32 {
            return Err(wrong_length());
        }
        u128::from_str_radix(text, 16)
            .map(|number| Self(number.to_be_bytes()))
            .map_err(|_| wrong_length())
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamId({self})")
    }
}

impl Serialize for StreamId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StreamId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_agree_whatever_the_case() {
        let id: StreamId = "00112233445566778899AABBCCDDEEFF".parse().unwrap();
        assert_eq!(id.0[..3], [0x00, 0x11, 0x22]);
        assert_eq!(id.0[15], 0xff);
        assert_eq!(id.to_string(), "00112233445566778899aabbccddeeff");
        assert_eq!(id.to_string().parse(), Ok(id));
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<StreamId>(&json).unwrap(), id);
    }

    #[test]
    fn a_refusal_names_what_is_wrong() {
        let short = "1234".parse::<StreamId>().unwrap_err();
        assert!(short.to_string().contains("4 characters"));
        let sign = "+0112233445566778899AABBCCDDEEFF"
            .parse::<StreamId>()
            .unwrap_err();
        assert!(sign.to_string().contains("`+`"));
        let umlaut = "ü".repeat(16).parse::<StreamId>().unwrap_err();
        assert!(umlaut.to_string().contains("`ü`"));
    }
}
