//! Linked maps: maps of several codelets that are one and the same.

use jbpf_operator::nearest::nearest;
use jbpf_operator::request::LinkedMap;
use jbpf_verifier::types::MapDef;

use super::program::VerifiedCodelet;
use crate::error::LoadError;

/// A map of a codelet: index of the codelet, index of the map in its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct MapPlace {
    pub(super) codelet: usize,
    pub(super) map: usize,
}

/// For each map of each codelet, the place of the map that it shares: its own place if it is
/// linked to none.
#[derive(Debug)]
pub(super) struct Links {
    /// Number of maps in the codelets before each one.
    starts: Vec<usize>,
    places: Vec<MapPlace>,
    /// A forest: each map's parent, roots are their own.
    parents: Vec<usize>,
}

impl Links {
    /// Follows the request's links; chains and cycles are fine.
    pub(super) fn new(codelets: &[VerifiedCodelet<'_>]) -> Result<Self, LoadError> {
        let mut links = Self::unlinked(codelets);
        for (index, codelet) in codelets.iter().enumerate() {
            for link in &codelet.request.linked_maps {
                links.follow(index, link, codelets)?;
            }
        }
        Ok(links)
    }

    fn unlinked(codelets: &[VerifiedCodelet<'_>]) -> Self {
        let mut starts = Vec::with_capacity(codelets.len());
        let mut places = Vec::new();
        for (codelet, verified) in codelets.iter().enumerate() {
            starts.push(places.len());
            places.extend((0..verified.maps.len()).map(|map| MapPlace { codelet, map }));
        }
        let parents = (0..places.len()).collect();
        Self {
            starts,
            places,
            parents,
        }
    }

    /// The place of the map that stands for this one.
    pub(super) fn owner(&self, place: MapPlace) -> MapPlace {
        self.node(place)
            .and_then(|node| self.places.get(self.root(node)))
            .copied()
            .unwrap_or(place)
    }

    /// All places that share the map of `owner`, in the order of the codelets.
    pub(super) fn sharing(&self, owner: MapPlace) -> impl Iterator<Item = MapPlace> {
        let places = self.places.iter().copied();
        places.filter(move |place| self.owner(*place) == owner)
    }

    fn follow(
        &mut self,
        index: usize,
        link: &LinkedMap,
        codelets: &[VerifiedCodelet<'_>],
    ) -> Result<(), LoadError> {
        let other = codelets
            .iter()
            .position(|codelet| codelet.request.name == link.linked_codelet);
        let (Some(codelet), Some((other, linked))) = (
            codelets.get(index),
            other.and_then(|at| codelets.get(at).map(|codelet| (at, codelet))),
        ) else {
            return Ok(()); // The request was validated: both codelets exist.
        };
        let (map, def) = find_map(codelet, &link.map, codelet)?;
        let (linked_map, linked_def) = find_map(linked, &link.linked_map, codelet)?;
        check_linkable(codelet, link, def, linked_def)?;
        let from = self
            .node(MapPlace {
                codelet: index,
                map,
            })
            .map(|node| self.root(node));
        let to = self
            .node(MapPlace {
                codelet: other,
                map: linked_map,
            })
            .map(|node| self.root(node));
        if let (Some(from), Some(to)) = (from, to) {
            // The earlier codelet's map stands for both, in either direction of the link.
            if let Some(parent) = self.parents.get_mut(from.max(to)) {
                *parent = from.min(to);
            }
        }
        Ok(())
    }

    fn node(&self, place: MapPlace) -> Option<usize> {
        self.starts
            .get(place.codelet)
            .map(|start| start + place.map)
    }

    fn root(&self, mut node: usize) -> usize {
        while let Some(parent) = self
            .parents
            .get(node)
            .copied()
            .filter(|parent| *parent != node)
        {
            node = parent;
        }
        node
    }
}

/// A map of `owner`'s object; the error names the codelet that asked for the link.
fn find_map<'a>(
    owner: &'a VerifiedCodelet<'_>,
    name: &str,
    blamed: &VerifiedCodelet<'_>,
) -> Result<(usize, &'a MapDef), LoadError> {
    owner
        .maps
        .iter()
        .enumerate()
        .find(|(_, map)| map.name == name)
        .ok_or_else(|| LoadError::UnknownMap {
            subject: blamed.subject.clone(),
            field: "linked_maps",
            map: name.to_owned(),
            nearest: nearest(name, owner.maps.iter().map(|map| map.name.as_str())),
        })
}

fn check_linkable(
    codelet: &VerifiedCodelet<'_>,
    link: &LinkedMap,
    def: &MapDef,
    linked_def: &MapDef,
) -> Result<(), LoadError> {
    let what = if def.kind.is_channel() || linked_def.kind.is_channel() {
        Some("channels")
    } else if def.section.is_some() || linked_def.section.is_some() {
        Some("data sections")
    } else {
        None
    };
    if let Some(what) = what {
        return Err(LoadError::NotLinkable {
            subject: codelet.subject.clone(),
            map: link.map.clone(),
            linked_codelet: link.linked_codelet.clone(),
            linked_map: link.linked_map.clone(),
            what,
        });
    }
    if !def.same_shape(linked_def) {
        return Err(LoadError::LinkedMapsDiffer {
            subject: codelet.subject.clone(),
            map: link.map.clone(),
            def: Box::new(def.clone()),
            linked_codelet: link.linked_codelet.clone(),
            linked_map: link.linked_map.clone(),
            linked_def: Box::new(linked_def.clone()),
        });
    }
    Ok(())
}
