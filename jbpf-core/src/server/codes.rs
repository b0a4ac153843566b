//! Refusals as they travel: a code, a sentence, and the verifier's findings.

use jbpf_operator::protocol::{ErrorCode, ErrorReport};

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
            UnloadError::NotLoaded { .. } => ErrorCode::NotLoaded,
            UnloadError::Place(place) => place_code(*place),
            UnloadError::Engine { .. } => ErrorCode::Engine,
            UnloadError::Kept { .. } => ErrorCode::Kept,
            UnloadError::StillInside { .. } => ErrorCode::StillInside,
        };
        Self::new(code, error.to_string())
    }
}

impl From<&MeasureError> for ErrorReport {
    fn from(error: &MeasureError) -> Self {
        let code = match error {
            MeasureError::UnknownHook { .. } => ErrorCode::UnknownHook,
            MeasureError::Place(place) => place_code(*place),
            MeasureError::Engine { .. } => ErrorCode::Engine,
            MeasureError::Waiting { .. } => ErrorCode::Waiting,
            MeasureError::Gone => ErrorCode::Internal,
        };
        Self::new(code, error.to_string())
    }
}

impl From<&OpenError> for ErrorReport {
    fn from(error: &OpenError) -> Self {
        let code = match error {
            OpenError::UnknownStream { .. } => ErrorCode::UnknownStream,
            OpenError::Channel(error) => error.code(),
        };
        Self::new(code, error.to_string())
    }
}

fn load_code(error: &LoadError) -> ErrorCode {
    match error {
        LoadError::Rejected { rejection, .. } => ErrorCode::Other(rejection.code.to_string()),
        LoadError::Request(error) => error.code(),
        LoadError::AlreadyLoaded { .. } => ErrorCode::AlreadyLoaded,
        LoadError::NotLoaded { .. } => ErrorCode::NotLoaded,
        LoadError::Place(place) => place_code(*place),
        LoadError::UnknownHook { .. } => ErrorCode::UnknownHook,
        LoadError::ReadObject { .. } => ErrorCode::UnreadableObject,
        LoadError::Object { .. } => ErrorCode::BadObject,
        LoadError::Programs { .. } => ErrorCode::ProgramCount,
        LoadError::ProgramType { .. } => ErrorCode::ProgramType,
        LoadError::ControlHookTaken { .. } => ErrorCode::ControlHookTaken,
        LoadError::UnknownMap { .. } => ErrorCode::UnknownMap,
        LoadError::ChannelKind { .. } => ErrorCode::ChannelKind,
        LoadError::ChannelNotListed { .. } => ErrorCode::ChannelNotListed,
        LoadError::StreamIdInUse { .. } => ErrorCode::StreamInUse,
        LoadError::RecordLayout { .. } | LoadError::RecordType { .. } => ErrorCode::ChannelLayout,
        LoadError::NotLinkable { .. } => ErrorCode::NotLinkable,
        LoadError::LinkedMapsDiffer { .. } => ErrorCode::LinkedMapsDiffer,
        LoadError::Limit { .. } => ErrorCode::Limit,
        LoadError::Map { .. } => ErrorCode::Map,
        LoadError::Bind { .. } => ErrorCode::Bind,
        LoadError::Engine { .. } => ErrorCode::Engine,
        LoadError::Waiting { .. } => ErrorCode::Waiting,
        LoadError::Thread(_) => ErrorCode::System,
        LoadError::Gone | LoadError::Internal(_) => ErrorCode::Internal,
    }
}

fn place_code(place: WrongPlace) -> ErrorCode {
    match place {
        WrongPlace::InsideCodelet => ErrorCode::InsideCodelet,
        WrongPlace::Forked => ErrorCode::Forked,
    }
}
