//! Codeletsets: from a valid request to codelets that can be attached, whole or not at all.
//!
//! Everything here happens before anything is attached: objects are read and verified (`program`),
//! links followed (`linking`), maps and channels made and bound to the programs (`prepare`). The
//! runtime attaches the result in one step that cannot fail.

mod info;
mod linking;
mod object;
mod prepare;
mod program;

use std::cmp::Reverse;
use std::sync::{Arc, OnceLock};

use jbpf_channel::record::{Disagreement, RecordType};
use jbpf_channel::{InputRing, OutputCounts, OutputRing, StreamId};
use jbpf_hooks::hook::Hook;
use jbpf_operator::request::Subject;
use jbpf_operator::stream::Direction;

use crate::engine::BoundCodelet;
use crate::error::LoadError;
use crate::map::{Map, Storage};

pub use jbpf_operator::info::{CalledHelper, ChannelInfo, CodeletInfo, CodeletsetInfo, MapInfo};
use jbpf_operator::stats::ChannelStatistics;
pub use object::read_object;
pub(crate) use prepare::{World, prepare};

/// A codeletset that is loaded, or about to be.
#[derive(Debug)]
pub(crate) struct LoadedSet {
    pub(crate) id: String,
    pub(crate) codelets: Vec<LoadedCodelet>,
    pub(crate) channels: Vec<Channel>,
    pub(crate) warnings: Vec<String>,
    /// Its place among sets whose codelets have equal priority: given when it is attached first,
    /// and handed on to what replaces it.
    pub(crate) turn: OnceLock<u64>,
}

/// A codelet of a [`LoadedSet`].
#[derive(Debug)]
pub(crate) struct LoadedCodelet {
    pub(crate) name: String,
    pub(crate) hook: &'static Hook,
    pub(crate) priority: u32,
    pub(crate) bound: Arc<BoundCodelet>,
    /// Its maps by the names of its own object; linked ones are another codelet's too.
    pub(crate) maps: Vec<NamedMap>,
}

/// A map under the name that a codelet knows it by.
#[derive(Debug, Clone)]
pub(crate) struct NamedMap {
    pub(crate) name: String,
    pub(crate) map: Arc<Map>,
    /// The type of its keys, if the source names one.
    pub(crate) key_type: Option<RecordType>,
    /// The type of its values or records, if the source names one.
    pub(crate) value_type: Option<RecordType>,
}

/// A channel of a [`LoadedSet`].
#[derive(Debug, Clone)]
pub(crate) struct Channel {
    pub(crate) stream_id: StreamId,
    pub(crate) direction: Direction,
    pub(crate) codelet: String,
    pub(crate) map: NamedMap,
}

impl Channel {
    /// The ring that records leave through, of an output channel.
    pub(crate) fn output_ring(&self) -> Option<&Arc<OutputRing>> {
        match self.map.map.storage() {
            Storage::RingBuf(output) | Storage::Output(output) => Some(output.ring()),
            _ => None,
        }
    }

    /// The counts of records that went through it.
    pub(crate) fn statistics(&self) -> ChannelStatistics {
        let OutputCounts {
            sent,
            dropped,
            received,
            passed_over,
        } = match (self.output_ring(), self.input_ring()) {
            (Some(ring), _) => ring.counts(),
            (None, Some(ring)) => OutputCounts {
                sent: ring.sent(),
                dropped: ring.dropped(),
                received: ring.received(),
                passed_over: 0,
            },
            (None, None) => OutputCounts::default(),
        };
        ChannelStatistics {
            stream_id: self.stream_id,
            direction: self.direction,
            map: self.map.name.clone(),
            sent,
            dropped,
            received,
            passed_over,
        }
    }

    /// The type of its records, if that is known.
    fn record_type(&self) -> Option<&RecordType> {
        let output = self.output_ring().and_then(|ring| ring.record_type());
        output.or_else(|| self.input_ring()?.record_type())
    }

    /// Declares the type of the records.
    fn declare(&self, record_type: &RecordType) -> Result<(), Disagreement> {
        let record_type = record_type.clone();
        let output = self
            .output_ring()
            .map(|ring| ring.declare(record_type.clone()));
        output
            .or_else(|| self.input_ring().map(|ring| ring.declare(record_type)))
            .unwrap_or(Ok(()))
    }

    /// The ring that records come in by, of an input channel.
    pub(crate) fn input_ring(&self) -> Option<&Arc<InputRing>> {
        match self.map.map.storage() {
            Storage::ControlInput(input) => Some(input.ring()),
            _ => None,
        }
    }
}

/// The codelets of a hook in the order in which they run: the higher priority first, and of equal
/// ones the set that was loaded first.
pub(crate) fn in_order<'a>(
    hook: &'static Hook,
    sets: impl IntoIterator<Item = &'a LoadedSet>,
) -> Vec<(&'a LoadedSet, &'a LoadedCodelet)> {
    let sets = sets.into_iter();
    let mut codelets: Vec<_> = sets
        .flat_map(|set| set.codelets.iter().map(move |codelet| (set, codelet)))
        .filter(|(_, codelet)| std::ptr::eq(codelet.hook, hook))
        .collect();
    // The order within a set stays.
    codelets.sort_by_key(|(set, codelet)| (Reverse(codelet.priority), set.turn()));
    codelets
}

impl LoadedSet {
    /// Its place in the order of loading; behind all others as long as it is not attached.
    pub(crate) fn turn(&self) -> u64 {
        self.turn.get().copied().unwrap_or(u64::MAX)
    }

    /// Declares to channels the types of their records. A channel that lives on through a
    /// replacement may know another type, and then refuses. It would also keep a declared type if
    /// the load failed afterwards, so this is the last step that can fail.
    pub(crate) fn declare_records(&self) -> Result<(), LoadError> {
        for channel in &self.channels {
            if let (Some(known), Some(declared)) = (channel.record_type(), &channel.map.value_type)
                && let Some(found) = known.disagreement(declared)
            {
                return Err(self.disagreement(channel, found));
            }
        }
        for channel in &self.channels {
            if let Some(declared) = &channel.map.value_type {
                channel
                    .declare(declared)
                    .map_err(|found| self.disagreement(channel, found))?;
            }
        }
        Ok(())
    }

    fn disagreement(&self, channel: &Channel, disagreement: Disagreement) -> LoadError {
        LoadError::RecordLayout {
            subject: Subject::Codelet {
                codeletset: self.id.clone(),
                codelet: channel.codelet.clone(),
            },
            map: channel.map.name.clone(),
            disagreement: Box::new(disagreement),
        }
    }

    /// Tells all readers and senders of its channels that nothing passes any more. Channels that
    /// `staying` goes on using are left open. The application may keep the set itself for any
    /// time.
    ///
    /// Called when no thread runs its codelets any more.
    pub(crate) fn close_channels(&self, staying: Option<&Self>) {
        let stays = |map: &Arc<Map>| {
            let channels = staying.iter().flat_map(|set| &set.channels);
            channels
                .into_iter()
                .any(|channel| Arc::ptr_eq(&channel.map.map, map))
        };
        for channel in &self.channels {
            if stays(&channel.map.map) {
                continue;
            }
            if let Some(ring) = channel.output_ring() {
                ring.close();
            }
            if let Some(ring) = channel.input_ring() {
                ring.close();
            }
        }
    }

    pub(crate) fn codelet(&self, name: &str) -> Option<&LoadedCodelet> {
        self.codelets.iter().find(|codelet| codelet.name == name)
    }

    pub(crate) fn map_names(&self) -> impl Iterator<Item = &str> {
        self.codelets
            .iter()
            .flat_map(|codelet| codelet.maps.iter().map(|named| named.name.as_str()))
    }

    pub(crate) fn hooks(&self) -> impl Iterator<Item = &'static Hook> {
        self.codelets.iter().map(|codelet| codelet.hook)
    }
}

impl LoadedCodelet {
    pub(crate) fn map(&self, name: &str) -> Option<&Arc<Map>> {
        self.maps
            .iter()
            .find(|named| named.name == name)
            .map(|named| &named.map)
    }
}
