//! The description of a loaded codeletset.

use jbpf_hooks::registry;
use jbpf_operator::info::{CalledHelper, ChannelInfo, CodeletInfo, CodeletsetInfo, MapInfo};

use super::{Channel, LoadedCodelet, LoadedSet};

impl LoadedSet {
    /// Its description.
    pub(crate) fn info(&self) -> CodeletsetInfo {
        let codelets = self
            .codelets
            .iter()
            .map(|codelet| codelet_info(codelet, &self.channels))
            .collect();
        CodeletsetInfo {
            id: self.id.clone(),
            codelets,
            warnings: self.warnings.clone(),
        }
    }
}

fn codelet_info(codelet: &LoadedCodelet, channels: &[Channel]) -> CodeletInfo {
    CodeletInfo {
        name: codelet.name.clone(),
        hook: codelet.hook.info().name.to_owned(),
        priority: codelet.priority,
        worst_case_instructions: codelet.bound.program().summary().worst_case_instructions,
        maps: codelet
            .maps
            .iter()
            .map(|named| MapInfo::new(named.name.clone(), named.map.def(), named.map.memory()))
            .collect(),
        channels: channels
            .iter()
            .filter(|channel| channel.codelet == codelet.name)
            .map(|channel| ChannelInfo {
                stream_id: channel.stream_id,
                direction: channel.direction,
                map: channel.map.name.clone(),
                record_size: channel.map.map.def().value_size,
            })
            .collect(),
        helpers: codelet
            .bound
            .program()
            .summary()
            .helpers
            .iter()
            .filter_map(|id| registry::helper(*id))
            .map(|helper| CalledHelper {
                id: helper.id,
                name: helper.name.to_owned(),
                panics: helper.panics(),
            })
            .collect(),
        aborts: codelet.bound.abort_statistics(),
    }
}
