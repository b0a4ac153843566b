//! The `jbpf` command: operates applications, and helps whoever writes codelets for them.
//!
//! `commands` has a file for each, with its arguments and one function that runs it. They share
//! nouns:
//!
//! * `input`, the files that are given; `output`, the terminal, JSON and exit codes; `visible`,
//!   what a terminal may be shown; `failure`, the sentences of errors.
//! * `application` finds and asks the running one. `record` turns records into JSON and back,
//!   `entry` is what maps hold, `total` adds threads' copies up, and `format` the forms that other
//!   programs read.
//! * `surroundings` are what programs are verified against, `verdict` is the verifier's answer,
//!   and `listing` a program as text.
//! * `stimulus` is what a codelet is run on off target, `off_target` runs it (`on_rbpf` on rbpf's
//!   interpreter), `trace` shows its steps, and `printed` is what it says.
//! * `headers` are what codelets include.

mod application;
mod commands;
mod descriptor;
mod entry;
mod failure;
mod format;
mod headers;
mod input;
mod listing;
mod off_target;
mod on_rbpf;
mod output;
mod printed;
mod record;
mod stimulus;
mod surroundings;
mod total;
mod trace;
mod verdict;
mod visible;

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser};
use jbpf_verifier::report::render;
use serde_json::json;

use output::{Failure, Output, Status};

/// Write codelets, verify them, and operate the applications that run them.
///
/// Applications are found by their control sockets, in $XDG_RUNTIME_DIR/jbpf or /tmp/jbpf-UID.
/// Where several run, --app says which is meant. With --json, everything is printed as objects,
/// one a line, errors too. Colors appear on terminals only, and not when NO_COLOR is set.
#[derive(Parser)]
#[command(name = "jbpf", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: commands::Command,
}

/// The end of every command.
const EXIT_STATUS: &str = "\
Exit status:
  0  done, or the answer is yes
  1  the answer is no: a codelet was rejected, a source does not compile, the application refuses
  2  there is no answer: wrong usage, no such file or application, a connection that broke";

/// The command line, as help, completions and manual pages describe it.
fn command() -> clap::Command {
    Cli::command()
        .after_long_help(EXIT_STATUS)
        .mut_subcommands(|command| command.after_long_help(EXIT_STATUS))
}

fn main() -> ExitCode {
    let matches = command().get_matches();
    let json = asks_for_json(&matches);
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let mut output = Output::stdout();
    let result = cli.command.run(&mut output);
    finish(result, output, json)
}

/// Every command that answers has the option.
fn asks_for_json(matches: &ArgMatches) -> bool {
    matches.subcommand().is_some_and(|(_, matches)| {
        let json = matches.try_get_one::<bool>("json");
        json.ok().flatten().is_some_and(|json| *json)
    })
}

fn finish(result: Result<Status, Failure>, mut output: Output, json: bool) -> ExitCode {
    let result = result.or_else(|failure| match failure {
        // The reader of the output has seen enough, as `head` has.
        failure if failure.is_closed_pipe() => Ok(Status::Success),
        failure => refuse(&failure, &mut output, json),
    });
    let result = result.and_then(|status| output.finish().map(|()| status));
    match result {
        Ok(status) => status.into(),
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            output::complain(&failure);
            Status::Unanswered.into()
        }
    }
}

/// Says why there is no answer, or that it is no: on standard error, or as an object like all
/// others.
fn refuse(failure: &Failure, output: &mut Output, json: bool) -> Result<Status, Failure> {
    let refusal = failure.refusal();
    if json {
        match refusal {
            Some(report) => output.json(&json!({ "error": report }))?,
            None => output.json(&json!({
                "error": { "code": "unanswered", "message": failure.to_string() }
            }))?,
        }
    } else {
        if let Some(rejection) = refusal.and_then(|report| report.rejection.as_deref()) {
            output.line(render(rejection, output.color))?;
        }
        output.flush()?;
        output::complain(failure);
    }
    Ok(match refusal {
        Some(_) => Status::Refused,
        None => Status::Unanswered,
    })
}
