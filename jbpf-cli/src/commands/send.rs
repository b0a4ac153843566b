//! `jbpf send STREAM JSON`: records for codelets.

use std::path::PathBuf;

use clap::Args;
use jbpf_operator::protocol::StreamReport;
use jbpf_operator::stream::Direction;
use serde::Serialize;
use serde_json::Value;

use crate::application::{self, Application};
use crate::format::{self, Format};
use crate::output::{self, Failure, Output, Status};
use crate::record;

/// Send a record into an input channel, or those of a file.
#[derive(Args)]
pub(crate) struct Send {
    /// The channel: its stream id, its map, or codelet/map.
    #[arg(value_name = "STREAM")]
    stream: String,

    /// The record as JSON; fields left out are zero.
    #[arg(value_name = "JSON", required_unless_present_any = ["hex", "file"])]
    record: Option<String>,

    /// The record's bytes, in hexadecimal, instead of JSON.
    #[arg(long, value_name = "DIGITS", conflicts_with = "record")]
    hex: Option<String>,

    /// The records of this file, one after the other; `-` reads standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["record", "hex"])]
    file: Option<PathBuf>,

    /// How the records are written in the file.
    #[arg(long, value_name = "FORMAT", default_value = "json", requires = "file")]
    format: Format,

    #[command(flatten)]
    application: Application,
}

#[derive(Serialize)]
struct Sent {
    /// The bytes of each record, in hexadecimal.
    sent: Vec<String>,
}

impl Send {
    pub(crate) fn run(&self, output: &mut Output) -> Result<Status, Failure> {
        let mut operator = self.application.connect()?;
        let stream = application::stream(&mut operator, &self.stream, Some(Direction::Input))?;
        let records = self.records(&stream)?;
        for (sent, record) in records.iter().enumerate() {
            let result = operator.send(stream.stream_id, record);
            if result.is_err() && sent > 0 {
                output::warn(&format!("{sent} of {} records were sent", records.len()));
            }
            result?;
        }
        if self.application.json {
            let sent = records.iter().map(|record| record::hex(record)).collect();
            output.json(&Sent { sent })?;
            return Ok(Status::Success);
        }
        let verdict = output.good("sent");
        let what = match records.as_slice() {
            [only] => format!("{} bytes", only.len()),
            records => format!("{} records", records.len()),
        };
        output.line(format_args!("{verdict} {what} to {}", stream.map))?;
        Ok(Status::Success)
    }

    fn records(&self, stream: &StreamReport) -> Result<Vec<Vec<u8>>, Failure> {
        if let Some(digits) = &self.hex {
            return Ok(vec![record::from_hex(digits)?]);
        }
        let layout = stream.record_type.as_ref();
        if let Some(path) = &self.file {
            let opaque = record::opaque(stream.record_size);
            return format::read(self.format, layout.unwrap_or(&opaque), path);
        }
        match (&self.record, layout) {
            (Some(text), Some(layout)) => {
                let value: Value = serde_json::from_str(text).map_err(Failure::Json)?;
                Ok(vec![record::encode(layout, &value)?])
            }
            _ => Err(Failure::UnknownRecord(stream.map.clone())),
        }
    }
}
