//! `jbpf schema STREAM`: what readers of protobuf want to know.

use clap::Args;
use serde::Serialize;

use crate::application::{self, Application};
use crate::entry;
use crate::format::protobuf::Schema;
use crate::output::{Failure, Output, Status};
use crate::record;

/// Print the protobuf schema of a channel's records, or of a map's entries.
///
/// It is what `protoc` takes: `jbpf tail STREAM --format protobuf` writes the message Records, and `jbpf send STREAM
/// --format protobuf` reads it.
#[derive(Args)]
pub(crate) struct SchemaOf {
    /// The channel: its stream id, its map, or codelet/map; with --codeletset, a map.
    #[arg(value_name = "STREAM|MAP")]
    name: String,

    /// The codeletset of the map whose entries are meant.
    #[arg(long, value_name = "ID")]
    codeletset: Option<String>,

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
        let mut operator = self.application.connect()?;
        let layout = match &self.codeletset {
            Some(id) => entry::layout_of(&mut operator, id, &self.name)?,
            None => {
                let stream = application::stream(&mut operator, &self.name, None)?;
                let opaque = || record::opaque(stream.record_size);
                stream.record_type.clone().unwrap_or_else(opaque)
            }
        };
        let schema = Schema::of(&layout);
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
}
