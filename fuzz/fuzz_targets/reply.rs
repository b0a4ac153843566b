//! An application that answers an operator with any bytes, and the command that prints the
//! answers; see `docs/fuzzing.md`.

#![no_main]
#![allow(missing_docs, dead_code, reason = "parts of the command, which uses all of them")]

/// The command's module for records.
#[path = "../../jbpf-cli/src/record/mod.rs"]
mod record;

/// The formats that take more than a line of code.
#[path = "."]
mod format {
    #[path = "../../jbpf-cli/src/format/csv.rs"]
    mod csv;
    #[path = "../../jbpf-cli/src/format/protobuf/mod.rs"]
    mod protobuf;
    #[path = "../checks/reply.rs"]
    pub mod reply;
}

/// The part of the command's own module that these modules need.
mod output {
    use crate::record::NotARecord;

    #[derive(Debug, thiserror::Error)]
    pub enum Failure {
        #[error("{0}")]
        Json(serde_json::Error),
        #[error("{0}")]
        Csv(csv::Error),
        #[error("too many columns")]
        TooManyColumns,
        #[error("{0}")]
        Output(std::io::Error),
        #[error("{0}")]
        Protobuf(String),
        #[error(transparent)]
        NotARecord(#[from] NotARecord),
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| format::reply::check(bytes));
