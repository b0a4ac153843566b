//! `jbpf send STREAM JSON`: a record for codelets.

use clap::Args;
use jbpf_core::stream::Direction;
use serde_json::Value;

use crate::application::{self, Application};
use crate::output::{Failure, Output, Status};
use crate::record;

/// Send a record into an input channel.
#[derive(Args)]
pub(crate) struct Send {
    /// The channel: its stream id, its map, or codelet/map.
    #[arg(value_name = "STREAM")]
    stream: String,

    /// The record as JSON; fields left out are zero.
    #[arg(value_name = "JSON", required_unless_present = "hex")]
    record: Option<String>,

    /// The record's bytes, in hexadecimal, instead of JSON.
    #[arg(long, value_name = "DIGITS", conflicts_with = "record")]
    hex: Option<String>,

    #[command(flatten)]
    application: Application,
}

impl Send {
    pub(crate) fn run(&self, output: &mut Output) -> Result<Status, Failure> {
        let mut operator = self.application.connect()?;
        let stream = application::stream(&mut operator, &self.stream, Direction::Input)?;
        let bytes = match (&self.hex, &self.record, &stream.record_type) {
            (Some(digits), ..) => record::from_hex(digits)?,
            (None, Some(text), Some(layout)) => {
                let value: Value = serde_json::from_str(text).map_err(Failure::Json)?;
                record::encode(layout, &value)?
            }
            _ => return Err(Failure::UnknownRecord(stream.map)),
        };
        let sent = operator.send(stream.stream_id, &bytes);
        let sent = sent.map(|()| serde_json::json!({ "sent": record::hex(&bytes) }));
        self.application.answer(sent, output, |_, output| {
            let verdict = output.good("sent");
            output.line(format_args!(
                "{verdict} {} bytes to {}",
                bytes.len(),
                stream.map
            ))
        })
    }
}
