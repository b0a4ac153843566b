//! Refusals as they travel: a stable code, a sentence, and the verifier's findings.

use jbpf_operator::protocol::ErrorReport;

use crate::error::{LoadError, OpenError, UnloadError, WrongPlace};
use crate::runtime::MeasureError;

impl From<&LoadError> for ErrorReport {
    fn from(error: &LoadError) -> Self {
        let rejection = match error {
            LoadError::Rejected { rejection, .. } => Some(rejection.clone()),
            _ => None,
        };
        Self {
            code: load_code(error),
            message: error.to_string(),
            rejection,
        }
    }
}

impl From<&UnloadError> for ErrorReport {
    fn from(error: &UnloadError) -> Self {
        let code = match error {
            UnloadError::NotLoaded { .. } => "not-loaded",
            UnloadError::Place(place) => place_code(*place),
            UnloadError::Engine { .. } => "engine",
            UnloadError::Kept { .. } => "kept",
            UnloadError::StillInside { .. } => "still-inside",
        };
        Self::new(code, error.to_string())
    }
}

impl From<&MeasureError> for ErrorReport {
    fn from(error: &MeasureError) -> Self {
        let code = match error {
            MeasureError::UnknownHook { .. } => "unknown-hook",
            MeasureError::Place(place) => place_code(*place),
            MeasureError::Engine { .. } => "engine",
            MeasureError::Waiting { .. } => "waiting",
            MeasureError::Gone => "internal",
        };
        Self::new(code, error.to_string())
    }
}

impl From<&OpenError> for ErrorReport {
    fn from(error: &OpenError) -> Self {
        let code = match error {
            OpenError::UnknownStream { .. } => "unknown-stream",
            OpenError::Channel(error) => error.code(),
        };
        Self::new(code, error.to_string())
    }
}

fn load_code(error: &LoadError) -> String {
    let code = match error {
        LoadError::Rejected { rejection, .. } => return rejection.code.to_string(),
        LoadError::Request(error) => error.code(),
        LoadError::AlreadyLoaded { .. } => "already-loaded",
        LoadError::NotLoaded { .. } => "not-loaded",
        LoadError::Place(place) => place_code(*place),
        LoadError::UnknownHook { .. } => "unknown-hook",
        LoadError::ReadObject { .. } => "unreadable-object",
        LoadError::Object { .. } => "bad-object",
        LoadError::Programs { .. } => "program-count",
        LoadError::ProgramType { .. } => "program-type",
        LoadError::ControlHookTaken { .. } => "control-hook-taken",
        LoadError::UnknownMap { .. } => "unknown-map",
        LoadError::ChannelKind { .. } => "channel-kind",
        LoadError::ChannelNotListed { .. } => "channel-not-listed",
        LoadError::StreamIdInUse { .. } => "stream-in-use",
        LoadError::RecordLayout { .. } => "channel-layout",
        LoadError::NotLinkable { .. } => "not-linkable",
        LoadError::LinkedMapsDiffer { .. } => "linked-maps-differ",
        LoadError::Limit { .. } => "limit",
        LoadError::Map { .. } => "map",
        LoadError::Bind { .. } => "bind",
        LoadError::Engine { .. } => "engine",
        LoadError::Waiting { .. } => "waiting",
        LoadError::Thread(_) => "system",
        LoadError::Gone | LoadError::Internal(_) => "internal",
    };
    code.to_owned()
}

fn place_code(place: WrongPlace) -> &'static str {
    match place {
        WrongPlace::InsideCodelet => "inside-codelet",
        WrongPlace::Forked => "forked",
    }
}
