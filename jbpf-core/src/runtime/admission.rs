//! The admission of codeletsets: the conditions that a request must meet beside the sets that are
//! loaded already.
//!
//! In a replacement, the set that `leaving` is counts as gone.

use std::collections::BTreeMap;
use std::sync::Arc;

use jbpf_hooks::hook::HookKind;
use jbpf_operator::nearest::nearest;
use jbpf_operator::request::{LoadRequest, Subject};

use super::attachment::Attachments;
use super::{MAX_CODELETS, MAX_CODELETSETS};
use crate::codeletset::{Channel, LoadedSet};
use crate::error::LoadError;

/// The loaded codeletsets, by id.
type Sets = BTreeMap<String, Arc<LoadedSet>>;

/// The set that `id` replaces, if it replaces one.
pub(super) fn leaving(
    loaded: &Sets,
    id: &str,
    replace: bool,
) -> Result<Option<Arc<LoadedSet>>, LoadError> {
    match (loaded.get(id).cloned(), replace) {
        (Some(set), true) => Ok(Some(set)),
        (None, false) => Ok(None),
        (Some(_), false) => Err(LoadError::AlreadyLoaded { id: id.to_owned() }),
        (None, true) => Err(LoadError::NotLoaded {
            id: id.to_owned(),
            nearest: nearest(id, loaded.keys().map(String::as_str)),
            loaded: loaded.keys().cloned().collect(),
        }),
    }
}

fn staying<'a>(
    loaded: &'a Sets,
    leaving: Option<&'a LoadedSet>,
) -> impl Iterator<Item = &'a Arc<LoadedSet>> {
    loaded
        .values()
        .filter(move |set| leaving.is_none_or(|leaving| leaving.id != set.id))
}

/// The process has room for the codelets of `request`.
pub(super) fn check_limits(
    loaded: &Sets,
    request: &LoadRequest,
    leaving: Option<&LoadedSet>,
) -> Result<(), LoadError> {
    let staying = || staying(loaded, leaving);
    let codelets =
        staying().map(|set| set.codelets.len()).sum::<usize>() + request.codelets().len();
    let limits = [
        ("codeletsets", staying().count() + 1, MAX_CODELETSETS),
        ("codelets", codelets, MAX_CODELETS),
    ];
    for (what, count, max) in limits {
        if count > max {
            let subject = Subject::Codeletset(request.codeletset_id().to_owned());
            return Err(LoadError::Limit {
                subject,
                what,
                count,
                max,
            });
        }
    }
    Ok(())
}

/// No other channel of the process has a stream id of `coming`'s.
pub(super) fn check_streams(
    loaded: &Sets,
    coming: &LoadedSet,
    leaving: Option<&LoadedSet>,
) -> Result<(), LoadError> {
    let taken: Vec<(&str, &Channel)> = staying(loaded, leaving)
        .flat_map(|set| {
            set.channels
                .iter()
                .map(|channel| (set.id.as_str(), channel))
        })
        .collect();
    for (index, channel) in coming.channels.iter().enumerate() {
        let siblings = coming
            .channels
            .iter()
            .take(index)
            .map(|channel| (coming.id.as_str(), channel));
        let user = taken.iter().copied().chain(siblings).find(|(_, other)| {
            other.stream_id == channel.stream_id && other.direction == channel.direction
        });
        if let Some((codeletset, other)) = user {
            let codelet = channel.codelet.clone();
            return Err(LoadError::StreamIdInUse {
                subject: Subject::Codelet {
                    codeletset: coming.id.clone(),
                    codelet,
                },
                stream_id: channel.stream_id,
                direction: channel.direction,
                map: channel.map.name.clone(),
                user: format!(
                    "codeletset `{codeletset}`, codelet `{}`, map `{}`",
                    other.codelet, other.map.name
                ),
            });
        }
    }
    Ok(())
}

/// Each control hook that `coming` uses has no other codelet.
pub(super) fn check_control_hooks(
    attachments: &Attachments,
    coming: &LoadedSet,
    leaving: Option<&LoadedSet>,
) -> Result<(), LoadError> {
    for (index, codelet) in coming.codelets.iter().enumerate() {
        if codelet.hook.info().kind != HookKind::Control {
            continue;
        }
        let loaded = attachments
            .occupant(codelet.hook, leaving.map(|set| set.id.as_str()))
            .map(|attached| (attached.codeletset.as_str(), attached.codelet.as_str()));
        let sibling = coming
            .codelets
            .iter()
            .take(index)
            .find(|other| std::ptr::eq(other.hook, codelet.hook))
            .map(|other| (coming.id.as_str(), other.name.as_str()));
        if let Some((codeletset, occupant)) = loaded.or(sibling) {
            let subject = Subject::Codelet {
                codeletset: coming.id.clone(),
                codelet: codelet.name.clone(),
            };
            return Err(LoadError::ControlHookTaken {
                subject,
                hook: codelet.hook.info().name.to_owned(),
                occupant: format!("codeletset `{codeletset}`, codelet `{occupant}`"),
            });
        }
    }
    Ok(())
}
