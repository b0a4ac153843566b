//! The reasons of refusals, by their names on the socket.

/// Defines an enum of names that travel. Each variant stands for one name. A name of a later
/// version is kept as it came, so that it can be shown and passed on.
#[doc(hidden)]
#[macro_export]
macro_rules! __names {
    ($(#[$docs:meta])* pub enum $name:ident {
        $($variant:ident = $text:literal,)*
    } else {
        $(#[$other:meta])* $rest:ident(String)
    }) => {
        $(#[$docs])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(from = "String", into = "String")]
        #[non_exhaustive]
        pub enum $name {
            $(#[doc = concat!("`", $text, "`")] $variant,)*
            $(#[$other])*
            $rest(String),
        }

        impl $name {
            /// All names that this version knows.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::$rest(name) => name,
                }
            }

            fn known(name: &str) -> Option<Self> {
                match name {
                    $($text => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl From<String> for $name {
            fn from(name: String) -> Self {
                Self::known(&name).unwrap_or(Self::$rest(name))
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self::known(name).unwrap_or_else(|| Self::$rest(name.to_owned()))
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                match name {
                    $name::$rest(name) => name,
                    known => known.as_str().to_owned(),
                }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, name: &str) -> bool {
                self.as_str() == name
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, name: &&str) -> bool {
                self.as_str() == *name
            }
        }
    };
}

__names! {
    /// The reason of a refusal, for programs. `docs/protocol.md` lists the codes by what they are
    /// about. A code keeps its meaning from version to version.
    pub enum ErrorCode {
        BadJson = "bad-json",
        Version = "version",
        BadRequest = "bad-request",
        UnknownRequest = "unknown-request",
        LineTooLong = "line-too-long",
        AnswerTooLong = "answer-too-long",
        TooManyClients = "too-many-clients",
        TooManyWatchers = "too-many-watchers",
        TooManyTails = "too-many-tails",
        TooManyChanges = "too-many-changes",
        TooMuchHeld = "too-much-held",

        UnreadableRequest = "unreadable-request",
        BadStreamId = "bad-stream-id",
        Variable = "variable",

        EmptyField = "empty-field",
        FieldTooLong = "field-too-long",
        ControlCharacter = "control-character",
        NoEntries = "no-entries",
        TooManyEntries = "too-many-entries",
        Duplicate = "duplicate",
        UnknownLinkedCodelet = "unknown-linked-codelet",
        LinkedToItself = "linked-to-itself",

        NoStore = "no-store",
        OutsideStore = "outside-store",
        NotAFile = "not-a-file",
        ObjectTooLarge = "object-too-large",
        UnreadableObject = "unreadable-object",
        BadObject = "bad-object",
        ProgramCount = "program-count",
        ProgramType = "program-type",

        AlreadyLoaded = "already-loaded",
        NotLoaded = "not-loaded",
        UnknownHook = "unknown-hook",
        ControlHookTaken = "control-hook-taken",
        UnknownCodelet = "unknown-codelet",
        UnknownMap = "unknown-map",
        Limit = "limit",

        Map = "map",
        ChannelKind = "channel-kind",
        ChannelNotListed = "channel-not-listed",
        StreamInUse = "stream-in-use",
        ChannelLayout = "channel-layout",
        NotLinkable = "not-linkable",
        LinkedMapsDiffer = "linked-maps-differ",
        UnknownStream = "unknown-stream",
        ChannelFull = "channel-full",
        RecordTooLong = "record-too-long",
        ChannelClosed = "channel-closed",

        ChannelUnknown = "channel-unknown",
        ChannelNotShared = "channel-not-shared",
        ChannelAlreadyOpen = "channel-already-open",
        ChannelTooManySenders = "channel-too-many-senders",
        ChannelTooManyOpen = "channel-too-many-open",
        ChannelNotOpen = "channel-not-open",
        ChannelTooLarge = "channel-too-large",
        ChannelEmpty = "channel-empty",
        ChannelRecordSize = "channel-record-size",
        ChannelOverBudget = "channel-over-budget",
        ChannelSystem = "channel-system",

        NoDescriptors = "no-descriptors",
        InsideCodelet = "inside-codelet",
        Forked = "forked",
        Engine = "engine",
        Bind = "bind",
        Kept = "kept",
        StillInside = "still-inside",
        Waiting = "waiting",
        System = "system",
        Internal = "internal",
    } else {
        /// The code of a rejection by the verifier (`E0041`, see `jbpf explain`), or a code of a
        /// later version.
        Other(String)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_kebab_case_and_survive_the_way() {
        for code in ErrorCode::ALL {
            let name = code.as_str();
            let words = name
                .split('-')
                .all(|word| !word.is_empty() && word.bytes().all(|c| c.is_ascii_lowercase()));
            assert!(words, "{name}");
            assert_eq!(&ErrorCode::from(name), code);
            let line = serde_json::to_string(code).unwrap();
            assert_eq!(line, format!("\"{name}\""));
            assert_eq!(&serde_json::from_str::<ErrorCode>(&line).unwrap(), code);
        }
    }

    #[test]
    fn codes_of_the_verifier_and_of_later_versions_are_kept() {
        for line in [
            "\"E0041\"",
            "\"of-a-later-version\"",
            "\"\"",
            "\"Bad-Json\"",
        ] {
            let code: ErrorCode = serde_json::from_str(line).unwrap();
            assert!(matches!(code, ErrorCode::Other(_)), "{code:?}");
            assert_eq!(serde_json::to_string(&code).unwrap(), line);
        }
    }
}
