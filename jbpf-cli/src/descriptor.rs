//! The protobuf message that a load request names for a channel, read from its descriptor set.

use std::path::Path;

use jbpf_operator::request::{LoadRequest, ProtobufRequest};
use prost_reflect::{DescriptorPool, MessageDescriptor};

use crate::input;
use crate::output::Failure;

/// The message that a load request names for the records of a channel.
pub(crate) fn in_request(
    request: &Path,
    codelet: Option<&str>,
    map: &str,
) -> Result<MessageDescriptor, Failure> {
    let loaded = LoadRequest::from_yaml_file(request)?;
    let codelets = loaded.codelets().iter();
    let of_codelet = codelets.filter(|one| codelet.is_none_or(|name| one.name == name));
    let mut channels = of_codelet.flat_map(|one| one.outputs.iter().chain(&one.inputs));
    let channel = channels.find(|channel| channel.map == map);
    let named = channel.and_then(|channel| channel.protobuf.as_ref());
    let named = named.ok_or_else(|| Failure::NoMessage {
        path: request.to_owned(),
        channel: map.to_owned(),
    })?;
    descriptor(named)
}

fn descriptor(named: &ProtobufRequest) -> Result<MessageDescriptor, Failure> {
    let path = &named.descriptor;
    let unfit = |reason: String| {
        Failure::Protobuf(format!(
            "`{}` is no descriptor set: {reason}",
            path.display()
        ))
    };
    let pool = DescriptorPool::decode(input::file(path)?.as_slice());
    let pool = pool.map_err(|error| unfit(error.to_string()))?;
    let is_wanted = |message: &MessageDescriptor| {
        message.full_name() == named.message || message.name() == named.message
    };
    pool.all_messages().find(is_wanted).ok_or_else(|| {
        let existing = pool.all_messages().map(|message| message.name().to_owned());
        Failure::NoMessageInSet {
            path: path.clone(),
            wanted: named.message.clone(),
            existing: existing.collect(),
        }
    })
}
