//! Makes maps and channels and binds the verified programs to them.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use jbpf_channel::StreamId;
use jbpf_hooks::hook::HookInfo;
use jbpf_operator::nearest::nearest;
use jbpf_operator::request::{ChannelRequest, LoadRequest};
use jbpf_operator::stream::{ChannelPath, Direction};
use jbpf_verifier::bug::Bug;
use jbpf_verifier::types::{ContextDef, HelperTable, MapKind};

use super::linking::{Links, MapPlace};
use super::program::VerifiedCodelet;
use super::{Channel, LoadedCodelet, LoadedSet, NamedMap};
use crate::builtins::HelperBindings;
use crate::declared;
use crate::engine::{BoundCodelet, CodeletEnvironment};
use crate::error::LoadError;
use crate::map::{Map, MapOptions};

/// The surroundings that a codeletset is loaded into.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) helpers: Arc<HelperTable>,
    pub(crate) bindings: Arc<HelperBindings>,
    pub(crate) map_options: MapOptions,
    /// The most instructions that a call may execute on hooks that do not say it themselves.
    pub(crate) max_instructions: Option<u64>,
    /// Path of the control socket, from which absent stream ids are derived.
    pub(crate) socket: String,
}

impl World {
    /// The context that a hook gives to its codelets, and the instructions that they may take for
    /// it.
    pub(crate) fn context(&self, hook: &HookInfo) -> ContextDef {
        let context = declared::context_of(hook);
        ContextDef {
            max_instructions: context.max_instructions.or(self.max_instructions),
            ..context
        }
    }
}

/// The set that a replacement takes over from, with the maps that may live on.
type Predecessor<'a> = Option<&'a LoadedSet>;

/// From a request to codelets ready to attach.
pub(crate) fn prepare(
    request: &LoadRequest,
    world: &World,
    predecessor: Predecessor<'_>,
) -> Result<LoadedSet, LoadError> {
    let id = request.codeletset_id();
    let codelets = request
        .codelets()
        .iter()
        .map(|codelet| VerifiedCodelet::new(codelet, id, world))
        .collect::<Result<Vec<_>, _>>()?;
    let mut maps = Maps {
        links: Links::new(&codelets)?,
        streams: streams(&codelets, id, world)?,
        codelets: &codelets,
        world,
        predecessor,
        made: HashMap::new(),
    };

    let mut set = LoadedSet {
        id: id.to_owned(),
        codelets: Vec::with_capacity(codelets.len()),
        channels: Vec::new(),
        warnings: request.warnings().to_vec(),
        turn: OnceLock::new(),
    };
    for (index, codelet) in codelets.iter().enumerate() {
        let named = maps.of_codelet(index, codelet)?;
        let channels = channels(codelet, &named, &maps.streams, index);
        set.channels.extend(channels);
        set.codelets.push(bind(codelet, named, world)?);
    }
    Ok(set)
}

/// The stream id of each channel that the request lists.
type Streams = HashMap<MapPlace, (StreamId, Direction)>;

fn streams(
    codelets: &[VerifiedCodelet<'_>],
    id: &str,
    world: &World,
) -> Result<Streams, LoadError> {
    let mut streams = Streams::new();
    for (index, codelet) in codelets.iter().enumerate() {
        let directions = [
            (Direction::Input, "in_io_channel", &codelet.request.inputs),
            (
                Direction::Output,
                "out_io_channel",
                &codelet.request.outputs,
            ),
        ];
        for (direction, field, requested) in directions {
            for channel in requested {
                let map = channel_map(codelet, channel, direction, field)?;
                let stream_id = channel.stream_id.unwrap_or_else(|| {
                    ChannelPath {
                        socket: &world.socket,
                        codeletset: id,
                        codelet: &codelet.request.name,
                        hook: &codelet.request.hook,
                        direction,
                        map: &channel.map,
                    }
                    .stream_id()
                });
                streams.insert(
                    MapPlace {
                        codelet: index,
                        map,
                    },
                    (stream_id, direction),
                );
            }
            check_all_listed(codelet, direction, field, requested)?;
        }
    }
    Ok(streams)
}

fn direction_of(kind: MapKind) -> Option<Direction> {
    match kind {
        MapKind::ControlInput => Some(Direction::Input),
        MapKind::RingBuf | MapKind::Output => Some(Direction::Output),
        _ => None,
    }
}

/// The index of the map that an entry of the request names.
fn channel_map(
    codelet: &VerifiedCodelet<'_>,
    channel: &ChannelRequest,
    direction: Direction,
    field: &'static str,
) -> Result<usize, LoadError> {
    let Some((index, def)) = codelet
        .maps
        .iter()
        .enumerate()
        .find(|(_, def)| def.name == channel.map)
    else {
        let candidates = codelet
            .maps
            .iter()
            .filter(|def| direction_of(def.kind) == Some(direction));
        return Err(LoadError::UnknownMap {
            subject: codelet.subject.clone(),
            field,
            map: channel.map.clone(),
            nearest: nearest(&channel.map, candidates.map(|def| def.name.as_str())),
        });
    };
    if direction_of(def.kind) != Some(direction) {
        return Err(LoadError::ChannelKind {
            subject: codelet.subject.clone(),
            field,
            map: channel.map.clone(),
            kind: def.kind,
        });
    }
    Ok(index)
}

fn check_all_listed(
    codelet: &VerifiedCodelet<'_>,
    direction: Direction,
    field: &'static str,
    requested: &[ChannelRequest],
) -> Result<(), LoadError> {
    let missing = codelet.maps.iter().find(|def| {
        direction_of(def.kind) == Some(direction)
            && codelet.uses(&def.name)
            && !requested.iter().any(|channel| channel.map == def.name)
    });
    match missing {
        Some(def) => Err(LoadError::ChannelNotListed {
            subject: codelet.subject.clone(),
            field,
            map: def.name.clone(),
        }),
        None => Ok(()),
    }
}

/// Makes each map once, however many codelets link to it.
struct Maps<'a> {
    links: Links,
    streams: Streams,
    codelets: &'a [VerifiedCodelet<'a>],
    world: &'a World,
    predecessor: Predecessor<'a>,
    made: HashMap<MapPlace, Arc<Map>>,
}

impl Maps<'_> {
    fn of_codelet(
        &mut self,
        index: usize,
        codelet: &VerifiedCodelet<'_>,
    ) -> Result<Vec<NamedMap>, LoadError> {
        let mut named = Vec::with_capacity(codelet.maps.len());
        for (map, def) in codelet.maps.iter().enumerate() {
            let map = self.at(self.links.owner(MapPlace {
                codelet: index,
                map,
            }))?;
            named.push(NamedMap {
                name: def.name.clone(),
                map,
                key_type: codelet.key_types.get(&def.name).cloned(),
                value_type: codelet.record_types.get(&def.name).cloned(),
            });
        }
        Ok(named)
    }

    fn at(&mut self, place: MapPlace) -> Result<Arc<Map>, LoadError> {
        if let Some(map) = self.made.get(&place) {
            return Ok(Arc::clone(map));
        }
        let owner = self.codelets.get(place.codelet);
        let (owner, def) = owner
            .and_then(|owner| owner.maps.get(place.map).map(|def| (owner, def)))
            .ok_or(LoadError::Internal(Bug::new(
                "a map is linked to one that does not exist",
            )))?;
        let inherited = self
            .links
            .sharing(place)
            .find_map(|place| self.inherited(place));
        let map = match inherited {
            Some(map) => map,
            None => Map::new(def, &self.world.map_options)
                .map(Arc::new)
                .map_err(|source| LoadError::Map {
                    subject: owner.subject.clone(),
                    source,
                })?,
        };
        self.made.insert(place, Arc::clone(&map));
        Ok(map)
    }

    /// The predecessor's map of the same codelet and name, if its definition and stream are the
    /// same. If maps were linked and are not any more, the first one keeps their contents.
    fn inherited(&self, place: MapPlace) -> Option<Arc<Map>> {
        let predecessor = self.predecessor?;
        let codelet = self.codelets.get(place.codelet)?;
        let def = codelet.maps.get(place.map)?;
        let map = predecessor.codelet(&codelet.request.name)?.map(&def.name)?;
        if self.made.values().any(|made| Arc::ptr_eq(made, map)) {
            return None;
        }
        if !map.def().same_shape(def)
            || def
                .section
                .as_ref()
                .is_some_and(|section| section.read_only)
        {
            return None;
        }
        if let Some((stream_id, direction)) = self.streams.get(&place) {
            let same_stream = predecessor.channels.iter().any(|channel| {
                channel.stream_id == *stream_id
                    && channel.direction == *direction
                    && Arc::ptr_eq(&channel.map.map, map)
            });
            if !same_stream {
                return None;
            }
        }
        Some(Arc::clone(map))
    }
}

fn channels(
    codelet: &VerifiedCodelet<'_>,
    maps: &[NamedMap],
    streams: &Streams,
    index: usize,
) -> Vec<Channel> {
    let with_place = codelet.maps.iter().enumerate();
    with_place
        .filter_map(|(map, def)| {
            let (stream_id, direction) = *streams.get(&MapPlace {
                codelet: index,
                map,
            })?;
            let map = maps.iter().find(|named| named.name == def.name)?.clone();
            Some(Channel {
                stream_id,
                direction,
                codelet: codelet.request.name.clone(),
                map,
            })
        })
        .collect()
}

fn bind(
    codelet: &VerifiedCodelet<'_>,
    maps: Vec<NamedMap>,
    world: &World,
) -> Result<LoadedCodelet, LoadError> {
    let environment = CodeletEnvironment {
        name: codelet.request.name.clone(),
        runtime_threshold_ns: codelet.request.runtime_threshold_ns,
    };
    let program_maps = codelet
        .program
        .program()
        .maps
        .iter()
        .filter_map(|def| maps.iter().find(|named| named.name == def.name))
        .map(|named| Arc::clone(&named.map))
        .collect();
    let bound = BoundCodelet::bind(
        codelet.program.clone(),
        program_maps,
        Arc::clone(&world.bindings),
        Arc::new(environment),
    )
    .map_err(|source| LoadError::Bind {
        subject: codelet.subject.clone(),
        source,
    })?;
    Ok(LoadedCodelet {
        name: codelet.request.name.clone(),
        hook: codelet.hook,
        priority: codelet.request.priority,
        bound: Arc::new(bound),
        maps,
    })
}
