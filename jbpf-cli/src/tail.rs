//! `jbpf tail STREAM`: the records of a channel, as they come.

use clap::Args;
use jbpf_channel::record::RecordType;
use jbpf_core::operator::TailEvent;
use jbpf_core::server::protocol::RecordEvent;
use jbpf_core::stream::Direction;
use serde::Serialize;

use crate::application::{self, Application};
use crate::output::{self, Failure, Output, Status};
use crate::record::Record;

/// Watch an output channel: its records as JSON, one a line, without taking them from its reader.
///
/// Records whose layout nobody knows are printed in hexadecimal. With --json, each comes with its number,
/// and with how many were lost before it because they were watched too slowly.
#[derive(Args)]
pub(crate) struct Tail {
    /// The channel: its stream id, its map, or codelet/map.
    #[arg(value_name = "STREAM")]
    stream: String,

    /// End after so many records.
    #[arg(long, value_name = "N")]
    count: Option<u64>,

    /// Write the bytes of the records themselves, one after the other.
    #[arg(long, conflicts_with = "json")]
    raw: bool,

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
        let stream = application::stream(&mut operator, &self.stream, Direction::Output)?;
        let mut tail = operator.tail(stream.stream_id)?;
        let (mut shown, mut lost) = (0, 0);
        while self.count.is_none_or(|count| shown < count) {
            match tail.next_event(None)? {
                Some(TailEvent::Record(event)) => {
                    self.show(&event, stream.record_type.as_ref(), output)?;
                    warn_of_loss(&mut lost, event.lost);
                    shown += 1;
                }
                Some(TailEvent::End { lost: in_all }) => {
                    warn_of_loss(&mut lost, in_all);
                    break;
                }
                None => {}
            }
        }
        Ok(Status::Success)
    }

    fn show(
        &self,
        event: &RecordEvent,
        layout: Option<&RecordType>,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let bytes = &event.bytes.0;
        let record = Record::new(layout, bytes);
        if self.raw {
            output.bytes(bytes)?;
        } else if self.application.json {
            output.json(&Line {
                number: event.number,
                lost: event.lost,
                record,
            })?;
        } else {
            output.json(&record)?;
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
