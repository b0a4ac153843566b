//! All subcommands share this: where output goes, and how it ends.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::process::ExitCode;

use serde::Serialize;

pub(crate) use crate::failure::Failure;
use crate::visible::{shown, shown_with_styles};

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

/// Prints an error to standard error.
pub(crate) fn complain(failure: impl std::fmt::Display) {
    say(&format!("error: {failure}\n"));
}

/// Prints a warning to standard error.
pub(crate) fn warn(text: &str) {
    say(&format!("warning: {text}\n"));
}

/// Prints a sentence to standard error, about what goes on.
pub(crate) fn tell(text: &str) {
    say(&format!("{text}\n"));
}

/// Passes on to standard error what a compiler says. It quotes sources.
pub(crate) fn pass_on(text: &[u8]) {
    let mut to = io::stderr().lock();
    // When not even that can be written, the exit status is all there is left to say it with.
    let _ = if to.is_terminal() {
        let text = String::from_utf8_lossy(text);
        to.write_all(shown_with_styles(&text).as_bytes())
    } else {
        to.write_all(text)
    };
}

/// Sentences quote what applications and objects say.
fn say(text: &str) {
    let mut to = io::stderr().lock();
    // When not even that can be written, the exit status is all there is left to say it with.
    let _ = if to.is_terminal() {
        to.write_all(shown(text.as_bytes()).as_bytes())
    } else {
        to.write_all(text.as_bytes())
    };
}

/// Standard output. Programs get every byte; on a terminal, nothing is obeyed that a record or a
/// name holds.
pub(crate) struct Output {
    to: BufWriter<Stdout>,
    terminal: bool,
    /// Whether ANSI colors may be used: on a terminal, unless `NO_COLOR` is set to anything.
    pub(crate) color: bool,
}

impl Output {
    pub(crate) fn stdout() -> Self {
        let stdout = io::stdout();
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let terminal = stdout.is_terminal();
        Self {
            terminal,
            color: terminal && !refused,
            to: BufWriter::new(stdout),
        }
    }

    /// Prints a line, or several.
    pub(crate) fn line(&mut self, text: impl std::fmt::Display) -> Result<(), Failure> {
        if self.terminal {
            let text = text.to_string();
            return Ok(writeln!(self.to, "{}", shown_with_styles(&text))?);
        }
        Ok(writeln!(self.to, "{text}")?)
    }

    /// Prints one JSON value on a line of its own.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        if self.terminal {
            // JSON escapes some control characters, and not all.
            self.bytes(&serde_json::to_vec(value).map_err(io::Error::from)?)?;
        } else {
            serde_json::to_writer(&mut self.to, value).map_err(io::Error::from)?;
        }
        self.line("")
    }

    /// Writes bytes as they are; on a terminal, as text.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.terminal {
            return Ok(self.to.write_all(shown(bytes).as_bytes())?);
        }
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
    fn statuses_order_by_severity() {
        assert!(Status::Success < Status::Refused && Status::Refused < Status::Unanswered);
    }
}
