//! Records in the formats that other programs read and write.
//!
//! All come from a layout and bytes. [`Writer`] writes records one after the other, [`read`] reads
//! them back; `csv` and `protobuf` are the formats that take more than a line of code. The layout
//! decides, so that no schema is needed to write; `jbpf schema` prints the one that readers of
//! protobuf want.

mod csv;
pub(crate) mod protobuf;

use std::path::Path;

use clap::ValueEnum;
use jbpf_channel::record::RecordType;
use prost_reflect::MessageDescriptor;

use crate::output::{Failure, Output};
use crate::record::{self, Decoded};

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// An object a line.
    Json,
    /// A line of names, then a line for each record.
    Csv,
    /// One message of type Records, to which every record adds a field; see `jbpf schema`.
    Protobuf,
}

/// Writes records of one layout.
pub(crate) struct Writer<'a> {
    layout: &'a RecordType,
    form: Form,
}

enum Form {
    Json,
    Csv(csv::Columns),
    Protobuf(protobuf::Messages),
}

impl<'a> Writer<'a> {
    /// Prints what comes before the first record.
    pub(crate) fn new(
        format: Format,
        layout: &'a RecordType,
        output: &mut Output,
    ) -> Result<Self, Failure> {
        Self::with(format, layout, None, output)
    }

    /// The same, where others know the records as this message of protobuf.
    pub(crate) fn with(
        format: Format,
        layout: &'a RecordType,
        known: Option<&MessageDescriptor>,
        output: &mut Output,
    ) -> Result<Self, Failure> {
        let form = match format {
            Format::Json => Form::Json,
            Format::Csv => {
                let columns = csv::Columns::of(layout)?;
                output.bytes(&columns.names()?)?;
                Form::Csv(columns)
            }
            Format::Protobuf => Form::Protobuf(match known {
                Some(known) => protobuf::Messages::known(known)?,
                None => protobuf::Messages::of(layout)?,
            }),
        };
        Ok(Self { layout, form })
    }

    /// Prints a record. Fields that it is too short for are left out.
    pub(crate) fn write(&self, bytes: &[u8], output: &mut Output) -> Result<(), Failure> {
        match &self.form {
            Form::Json => output.json(&Decoded {
                layout: self.layout,
                bytes,
            }),
            Form::Csv(columns) => output.bytes(&columns.line(bytes)?),
            Form::Protobuf(messages) => output.bytes(&messages.encode(self.layout, bytes)?),
        }
    }
}

/// The records that a file holds.
pub(crate) fn read(
    format: Format,
    layout: &RecordType,
    path: &Path,
) -> Result<Vec<Vec<u8>>, Failure> {
    let bytes = crate::input::file_or_stdin(path)?;
    match format {
        Format::Json => {
            let values = serde_json::Deserializer::from_slice(&bytes).into_iter();
            let record = |value: Result<_, _>| {
                let value = value.map_err(Failure::Json)?;
                Ok(record::encode(layout, &value)?)
            };
            values.map(record).collect()
        }
        Format::Csv => csv::read(layout, &bytes),
        Format::Protobuf => protobuf::Messages::of(layout)?.decode(layout, &bytes),
    }
}

/// The inputs that the fuzzer of answers began with, and its findings.
#[cfg(test)]
#[path = "."]
mod fuzzed {
    use super::{csv, protobuf};

    #[path = "../../../fuzz/checks/reply.rs"]
    mod check;
    #[path = "../../../fuzz/checks/replay.rs"]
    mod replay;

    #[test]
    fn answers_of_applications_that_lie_are_shown_or_refused() {
        assert!(replay::replay("reply", check::check) > 0);
    }
}
