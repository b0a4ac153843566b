//! The surroundings of a program: its maps, the region, the fields; and their contents after a
//! run.

use std::ops::ControlFlow;
use std::sync::Arc;

use jbpf_core::builtins;
use jbpf_core::engine::{BoundCodelet, CodeletEnvironment};
use jbpf_core::map::{Map, MapOptions, OutputMap, Storage};
use jbpf_hooks::reclaim::{self, ThreadRecord};
use jbpf_verifier::VerifiedProgram;
use jbpf_verifier::types::{ContextDef, MapKind};

use super::super::application;
use super::super::choices::Choices;
use super::super::last_seen::last_seen;

/// Maps for an accepted program.
pub fn maps_of(verified: &VerifiedProgram) -> Vec<Arc<Map>> {
    let mut options = MapOptions::default();
    options.kinds = vec![last_seen()];
    let defs = verified.program().maps.iter();
    defs.map(|def| {
        let map = Map::new(def, &options).unwrap();
        map.prepare(own_slot()).unwrap();
        Arc::new(map)
    })
    .collect()
}

/// Ties an accepted program to maps.
pub fn bind(verified: &VerifiedProgram, replaced: bool, maps: Vec<Arc<Map>>) -> Arc<BoundCodelet> {
    let declared = application::helpers(replaced);
    let bindings = builtins::bindings(verified.helpers().clone(), declared).unwrap();
    let environment = Arc::new(CodeletEnvironment {
        name: verified.program().name.clone(),
        runtime_threshold_ns: 0,
    });
    let bound = BoundCodelet::bind(verified.clone(), maps, Arc::new(bindings), environment);
    Arc::new(bound.unwrap())
}

/// The number of this thread's copies.
fn own_slot() -> u32 {
    reclaim::with_record(ThreadRecord::slot).unwrap()
}

/// The contents of region and fields when a run begins.
#[derive(Clone)]
pub struct Surroundings {
    region: Vec<u8>,
    pub fields: Vec<u8>,
}

impl Surroundings {
    pub fn new(context: &ContextDef, choices: &mut Choices) -> Self {
        let len = if context.region.sized_by_end {
            choices
                .pick(&[16_u64, 17, 24, 40, 63, 64, 100, 0, 1, 9])
                .max(context.region.known_size)
        } else {
            context.region.known_size
        };
        Self {
            region: (0..len).map(|_| byte(choices)).collect(),
            fields: (0..12).map(|_| byte(choices)).collect(),
        }
    }

    pub fn region(&self) -> &[u8] {
        &self.region
    }
}

/// The contents of one map for this thread, by keys. For an output channel, the records sent since
/// the last look.
pub fn contents(map: &Map) -> Vec<(Vec<u8>, Vec<u8>)> {
    if let Storage::RingBuf(ring) | Storage::Output(ring) = map.storage() {
        return records(ring);
    }
    if map.def().kind.is_channel() {
        return Vec::new();
    }
    let per_thread = matches!(
        map.def().kind,
        MapKind::PerThreadArray | MapKind::PerThreadHash
    );
    let own = own_slot();
    let mut all = Vec::new();
    map.for_each(|slot, key, value| {
        if slot == own || !per_thread {
            all.push((key.to_vec(), value.to_vec()));
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    all.sort();
    all
}

fn records(ring: &OutputMap) -> Vec<(Vec<u8>, Vec<u8>)> {
    let receiver = ring.ring().primary().unwrap();
    receiver
        .try_iter()
        .map(|record| (Vec::new(), record))
        .collect()
}

pub fn byte(choices: &mut Choices) -> u8 {
    match choices.below(4) {
        0 => 0,
        1 => choices.pick(&[1, 0x7f, 0x80, 0xff]),
        2 => choices.below(16) as u8,
        _ => choices.below(256) as u8,
    }
}
