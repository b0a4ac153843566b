//! `jbpf streams`: the channels, and what went through them.

use clap::Args;
use jbpf_operator::protocol::StreamReport;
use jbpf_operator::stream::Direction;

use crate::application::{Application, table, whole_name};
use crate::output::{Failure, Output, Status};

/// List the channels of what is loaded: records sent, dropped, received and passed over so far.
///
/// RECEIVED counts what the reader of an output channel has taken, and of an input channel what
/// the codelet has taken of the application's and operators' records. An output channel that
/// nobody reads fills, and drops; while somebody watches it, PASSED counts what makes room
/// instead, without having been read.
#[derive(Args)]
pub(crate) struct Streams {
    #[command(flatten)]
    application: Application,
}

impl Streams {
    pub(crate) fn run(&self, output: &mut Output) -> Result<Status, Failure> {
        let streams = self.application.connect()?.streams()?;
        self.application
            .answer_each(streams, output, |streams, output| {
                let rows: Vec<_> = streams.iter().map(row).collect();
                let titles = [
                    "CHANNEL", "WAY", "STREAM", "SENT", "DROPPED", "RECEIVED", "PASSED", "READER",
                ];
                table(output, titles, &rows)
            })
    }
}

fn row(stream: &StreamReport) -> [String; 8] {
    let reader = match (stream.direction, stream.read) {
        (Direction::Input, _) => "codelet",
        (Direction::Output, true) => "yes",
        (Direction::Output, false) => "nobody",
    };
    [
        whole_name(stream),
        stream.direction.name().to_owned(),
        stream.stream_id.to_string(),
        stream.sent.to_string(),
        stream.dropped.to_string(),
        stream.received.to_string(),
        stream.passed_over.to_string(),
        reader.to_owned(),
    ]
}
