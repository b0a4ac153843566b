//! `jbpf schema STREAM`: what readers of protobuf want to know.

use std::path::{Path, PathBuf};

use clap::Args;
use jbpf_channel::record::RecordType;
use prost_reflect::MessageDescriptor;
use serde::Serialize;

use crate::application::{self, Application};
use crate::descriptor;
use crate::entry;
use crate::format::protobuf::Schema;
use crate::output::{Failure, Output, Status};
use crate::record;
use crate::verdict;

/// Print the protobuf schema of a channel's records, or of a map's entries.
///
/// It is what `protoc` takes: `jbpf tail STREAM --format protobuf` writes the message Records, and
/// `jbpf send STREAM --format protobuf` reads it. Without an application, --object takes what is
/// known of the records from a codelet.
#[derive(Args)]
pub(crate) struct SchemaOf {
    /// The channel: its stream id, its map, or codelet/map; with --codeletset, a map.
    #[arg(value_name = "STREAM|MAP")]
    name: String,

    /// The codeletset of the map whose entries are meant.
    #[arg(long, value_name = "ID")]
    codeletset: Option<String>,

    /// The codelet object whose channel is meant, instead of a running application's.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["app", "socket", "codeletset"])]
    object: Option<PathBuf>,

    /// The type of the records, where the source does not annotate them: a type in the object of
    /// --object.
    #[arg(long = "type", value_name = "NAME", requires = "object")]
    record_type: Option<String>,

    /// The load request of the codelet: its `protobuf` names the message that readers know.
    #[arg(long, value_name = "REQUEST", conflicts_with_all = ["object", "codeletset"])]
    request: Option<PathBuf>,

    #[command(flatten)]
    application: Application,
}

#[derive(Serialize)]
struct Printed<'a> {
    stream_message: &'a str,
    record_message: &'a str,
    schema: String,
}

impl SchemaOf {
    pub(crate) fn run(&self, output: &mut Output) -> Result<Status, Failure> {
        let schema = match &self.request {
            Some(request) => Schema::known(&self.known(request)?),
            None => Schema::of(&self.layout()?),
        };
        if self.application.json {
            output.json(&Printed {
                stream_message: schema.stream(),
                record_message: schema.record(),
                schema: schema.to_string(),
            })?;
        } else {
            output.line(schema.to_string().trim_end())?;
        }
        Ok(Status::Success)
    }

    /// The message that a request names for the channel.
    fn known(&self, request: &Path) -> Result<MessageDescriptor, Failure> {
        match self.name.split_once('/') {
            Some((codelet, map)) => descriptor::in_request(request, Some(codelet), map),
            None => descriptor::in_request(request, None, &self.name),
        }
    }

    fn layout(&self) -> Result<RecordType, Failure> {
        if let Some(path) = &self.object {
            return self.layout_in(path);
        }
        let mut operator = self.application.connect()?;
        if let Some(id) = &self.codeletset {
            return entry::layout_of(&mut operator, id, &self.name);
        }
        let stream = application::stream(&mut operator, &self.name, None)?;
        let opaque = || record::opaque(stream.record_size);
        Ok(stream.record_type.unwrap_or_else(opaque))
    }

    fn layout_in(&self, path: &Path) -> Result<RecordType, Failure> {
        let object = verdict::read_object(path)?;
        let mut channels = object.maps.iter().filter(|map| map.kind.is_channel());
        let channel = channels.clone().find(|map| map.name == self.name);
        let channel = channel.ok_or_else(|| Failure::NoChannel {
            path: path.to_owned(),
            wanted: self.name.clone(),
            existing: channels.by_ref().map(|map| map.name.clone()).collect(),
        })?;
        if let Some(wanted) = &self.record_type {
            return verdict::record_type(path, wanted, &self.name, channel.value_size);
        }
        let known = object.record_types.get(&self.name).cloned();
        Ok(known.unwrap_or_else(|| record::opaque(channel.value_size)))
    }
}
