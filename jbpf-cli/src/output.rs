//! What all subcommands share: where output goes, how it ends, and what errors say.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use jbpf_core::object::ObjectError;
use jbpf_core::operator::OperatorError;
use jbpf_core::request::RequestError;
use jbpf_verifier::report::codes::UnknownCode;
use serde::Serialize;

use crate::record::NotARecord;

/// How a command ended, as its exit status says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    /// 0: what was asked for is so, or is done.
    Success,
    /// 1: it is not so; a codelet was rejected.
    Refused,
    /// 2: wrong usage, or something could not be read.
    Unanswered,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Success => 0,
            Status::Refused => 1,
            Status::Unanswered => 2,
        })
    }
}

/// Why a command could not give its answer. Each is a sentence that names the culprit.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },

    #[error("`{}` is not a codelet object: {source}", path.display())]
    Object { path: PathBuf, source: ObjectError },

    #[error("`{}` has no program section `{section}`{}", path.display(), alternatives(section, existing))]
    NoSection {
        path: PathBuf,
        section: String,
        existing: Vec<String>,
    },

    #[error(transparent)]
    UnknownCode(#[from] UnknownCode),

    #[error("cannot look for applications: {0}")]
    Applications(io::Error),

    #[error(
        "no application that can be operated is running; applications serve a control socket with `Runtime::builder().serve()`"
    )]
    NoApplications,

    #[error(
        "several applications are running; say which with --app: {}",
        list(running)
    )]
    SeveralApplications { running: Vec<String> },

    #[error(
        "no application `{wanted}` is running{}",
        running_instead(wanted, running)
    )]
    NoApplication {
        wanted: String,
        running: Vec<String>,
    },

    #[error("there is no {direction} channel `{wanted}`{hint}")]
    NoStream {
        wanted: String,
        direction: &'static str,
        hint: String,
    },

    #[error(
        "there are several channels `{wanted}`; name one by codelet/map, codeletset/codelet/map or stream id"
    )]
    SeveralStreams { wanted: String },

    #[error("codeletset `{id}` has no map `{wanted}` to show{hint}")]
    NoMap {
        id: String,
        wanted: String,
        hint: String,
    },

    #[error("nobody knows what the records of `{0}` mean; send bytes with --hex")]
    UnknownRecord(String),

    #[error("the record is no JSON: {0}")]
    Json(serde_json::Error),

    #[error(transparent)]
    NotARecord(#[from] NotARecord),

    #[error(transparent)]
    Request(#[from] RequestError),

    #[error(transparent)]
    Operator(#[from] OperatorError),

    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    /// Whether the reader of the output has gone away.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// The end of a sentence about a name that does not exist: the nearest one that does, or all.
fn alternatives(wanted: &str, existing: &[String]) -> String {
    match nearest(wanted, existing.iter().map(String::as_str)) {
        Some(name) => format!("; did you mean `{name}`?"),
        None => format!("; it has {}", list(existing)),
    }
}

/// The end of a sentence about an application that does not run.
fn running_instead(wanted: &str, running: &[String]) -> String {
    match nearest(wanted, running.iter().map(String::as_str)) {
        Some(name) => format!("; did you mean `{name}`?"),
        None if running.is_empty() => "; none is".to_owned(),
        None => format!("; there are {}", list(running)),
    }
}

/// The name that `wanted` is most likely a misspelling of.
pub(crate) fn nearest<'a>(
    wanted: &str,
    existing: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    existing
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(wanted, name), name))
        .filter(|(distance, name)| *distance <= name.len().max(wanted.len()) / 3)
        .min()
        .map(|(_, name)| name)
}

fn list(names: &[String]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// Prints an error to standard error.
pub(crate) fn complain(failure: impl std::fmt::Display) {
    // When not even that can be written, the exit status is all there is left to say it with.
    let _ = writeln!(io::stderr().lock(), "error: {failure}");
}

/// Prints a warning to standard error.
pub(crate) fn warn(text: &str) {
    let _ = writeln!(io::stderr().lock(), "warning: {text}");
}

/// Standard output.
pub(crate) struct Output {
    to: BufWriter<Stdout>,
    /// Whether ANSI colors may be used: on a terminal, unless `NO_COLOR` is set to anything.
    pub(crate) color: bool,
}

impl Output {
    pub(crate) fn stdout() -> Self {
        let stdout = io::stdout();
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            color: stdout.is_terminal() && !refused,
            to: BufWriter::new(stdout),
        }
    }

    /// Prints a line, or several.
    pub(crate) fn line(&mut self, text: impl std::fmt::Display) -> Result<(), Failure> {
        Ok(writeln!(self.to, "{text}")?)
    }

    /// Prints one JSON value on a line of its own.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.to, value).map_err(io::Error::from)?;
        self.line("")
    }

    /// Writes bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        Ok(self.to.write_all(bytes)?)
    }

    /// Lets whoever reads see what was written so far.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.to.flush()?)
    }

    /// Text in bold, where colors are used.
    pub(crate) fn bold(&self, text: &str) -> String {
        self.styled("1", text)
    }

    /// Text in bold green, where colors are used.
    pub(crate) fn good(&self, text: &str) -> String {
        self.styled("1;32", text)
    }

    /// Text in bold red, where colors are used.
    pub(crate) fn bad(&self, text: &str) -> String {
        self.styled("1;31", text)
    }

    /// Text that steps back, where colors are used.
    pub(crate) fn faint(&self, text: &str) -> String {
        self.styled("2", text)
    }

    fn styled(&self, style: &str, text: &str) -> String {
        if self.color {
            format!("\u{1b}[{style}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    /// Writes out what is still held back.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        Ok(self.to.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_finds_the_one_that_was_meant() {
        let names = ["jbpf_generic", "jbpf_stats", "jbpf_ran"];
        assert_eq!(nearest("jbpf_genric", names), Some("jbpf_generic"));
        assert_eq!(nearest("jbpf_tsats", names), Some("jbpf_stats"));
        assert_eq!(nearest("completely_else", names), None);
    }

    #[test]
    fn statuses_order_by_severity() {
        assert!(Status::Success < Status::Refused && Status::Refused < Status::Unanswered);
    }
}
