//! `jbpf tail STREAM`: the records of a channel, as they come.

use std::path::PathBuf;

use clap::Args;
use jbpf_channel::record::RecordType;
use jbpf_operator::client::TailEvent;
use jbpf_operator::protocol::RecordEvent;
use jbpf_operator::stream::Direction;
use prost_reflect::MessageDescriptor;
use serde::Serialize;

use crate::application::{self, Application};
use crate::descriptor;
use crate::format::{Format, Writer};
use crate::output::{self, Failure, Output, Status};
use crate::record::{self, Record};
use crate::verdict;

/// Watch an output channel: its records, as they come, without taking them from its reader.
///
/// Records are objects of JSON, one a line, unless --format says otherwise. Those whose layout
/// nobody knows are printed in hexadecimal. With --json, each comes with its number, and with how
/// many were lost before it because they were watched too slowly. It ends when the channel does;
/// with --count, the exit status is then 1.
#[derive(Args)]
pub(crate) struct Tail {
    /// The channel: its stream id, its map, or codelet/map.
    #[arg(value_name = "STREAM")]
    stream: String,

    /// End after so many records.
    #[arg(long, value_name = "N")]
    count: Option<u64>,

    /// How records are printed.
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "json",
        conflicts_with = "json"
    )]
    format: Format,

    /// Write the bytes of the records themselves, one after the other.
    #[arg(long, conflicts_with_all = ["json", "format"])]
    raw: bool,

    /// The type of the records, where the codelet's source does not annotate them: a type in the
    /// object of --object.
    #[arg(long = "type", value_name = "NAME", requires = "object")]
    record_type: Option<String>,

    /// The codelet's object, for --type.
    #[arg(long, value_name = "FILE", requires = "record_type")]
    object: Option<PathBuf>,

    /// The load request of the codelet: its `protobuf` names the message that `--format protobuf`
    /// writes.
    #[arg(long, value_name = "REQUEST", conflicts_with_all = ["json", "raw"])]
    request: Option<PathBuf>,

    #[command(flatten)]
    application: Application,
}

#[derive(Serialize)]
struct Line<'a> {
    number: u64,
    lost: u64,
    record: Record<'a>,
}

impl Tail {
    pub(crate) fn run(&self, output: &mut Output) -> Result<Status, Failure> {
        let mut operator = self.application.connect()?;
        let stream = application::stream(&mut operator, &self.stream, Some(Direction::Output))?;
        let mut tail = operator.tail(stream.stream_id)?;
        let name = application::whole_name(&stream);
        let layout = match (&self.object, &self.record_type) {
            (Some(object), Some(wanted)) => Some(verdict::record_type(
                object,
                wanted,
                &name,
                stream.record_size,
            )?),
            _ => stream.record_type,
        };
        let layout = layout.unwrap_or_else(|| record::opaque(stream.record_size));
        let known = match &self.request {
            Some(request) => Some(descriptor::in_request(
                request,
                Some(&stream.codelet),
                &stream.map,
            )?),
            None => None,
        };
        let writer = self.writer(&layout, known.as_ref(), output)?;
        let (mut shown, mut lost) = (0, 0);
        while self.count.is_none_or(|count| shown < count) {
            match tail.next_event(None)? {
                Some(TailEvent::Record(event)) => {
                    self.show(&event, &layout, writer.as_ref(), output)?;
                    warn_of_loss(&mut lost, event.lost);
                    shown += 1;
                }
                Some(TailEvent::End { lost: in_all }) => {
                    warn_of_loss(&mut lost, in_all);
                    return Ok(self.ended(&name));
                }
                None => {}
            }
        }
        Ok(Status::Success)
    }

    /// The channel has gone: the answer is no when more of its records were asked for.
    fn ended(&self, channel: &str) -> Status {
        output::warn(&format!(
            "the channel `{channel}` has ended: its codelet was unloaded, or replaced by one without it"
        ));
        match self.count {
            Some(_) => Status::Refused,
            None => Status::Success,
        }
    }

    /// What writes records in their format, unless they come as bytes or with their numbers.
    fn writer<'a>(
        &self,
        layout: &'a RecordType,
        known: Option<&MessageDescriptor>,
        output: &mut Output,
    ) -> Result<Option<Writer<'a>>, Failure> {
        if self.raw || self.application.json {
            return Ok(None);
        }
        let writer = Writer::with(self.format, layout, known, output)?;
        output.flush()?;
        Ok(Some(writer))
    }

    fn show(
        &self,
        event: &RecordEvent,
        layout: &RecordType,
        writer: Option<&Writer<'_>>,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let bytes = &event.bytes.0;
        match writer {
            Some(writer) => writer.write(bytes, output)?,
            None if self.raw => output.bytes(bytes)?,
            None => output.json(&Line {
                number: event.number,
                lost: event.lost,
                record: Record::new(Some(layout), bytes),
            })?,
        }
        output.flush()
    }
}

fn warn_of_loss(known: &mut u64, lost: u64) {
    if lost > *known {
        output::warn(&format!(
            "{} records were missed, being watched too slowly",
            lost - *known
        ));
        *known = lost;
    }
}
