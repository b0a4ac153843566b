//! The `jbpf` command: operates applications, and helps whoever writes codelets for them.
//!
//! Each subcommand is a file of its own with its arguments and one function that runs it. They share nouns:
//!
//! * `output`, the terminal, JSON and exit codes; `failure`, the sentences of errors.
//! * `application` finds and asks the running one. `record` turns records into JSON and back, `entry` is what maps hold,
//!   and `format` the forms that other programs read.
//! * `surroundings` are what programs are verified against, `verdict` is the verifier's answer, and `listing` a program as
//!   text.
//! * `stimulus` is what a codelet is run on off target, `off_target` runs it, and `printed` is what it says.
//! * `headers` are what codelets include.

mod application;
mod build;
mod completions;
mod entry;
mod explain;
mod failure;
mod format;
mod header;
mod headers;
mod hooks;
mod list;
mod listing;
mod load;
mod man;
mod maps;
mod new;
mod off_target;
mod output;
mod printed;
mod ps;
mod record;
mod replace;
mod run;
mod schema;
mod send;
mod show;
mod stimulus;
mod streams;
mod surroundings;
mod tail;
mod top;
mod unload;
mod verdict;
mod verify;

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use jbpf_verifier::report::render;
use serde_json::json;

use output::{Failure, Output, Status};

/// Write codelets, verify them, and operate the applications that run them.
///
/// Applications are found by their control sockets, in $XDG_RUNTIME_DIR/jbpf or /tmp/jbpf-UID. Where several run, --app says
/// which is meant. With --json, everything is printed as objects, one a line, errors too. Colors appear on
/// terminals only, and not when NO_COLOR is set.
#[derive(Parser)]
#[command(name = "jbpf", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    // Applications.
    Ps(ps::Ps),
    Hooks(hooks::Hooks),
    Header(header::Header),
    // Codelets that run.
    Load(load::Load),
    Replace(replace::Replace),
    Unload(unload::Unload),
    List(list::List),
    Show(show::Show),
    Streams(streams::Streams),
    Maps(maps::Maps),
    Tail(tail::Tail),
    Send(send::Send),
    Schema(schema::SchemaOf),
    Top(top::Top),
    // Codelets that are written.
    New(new::New),
    Build(build::Build),
    Verify(verify::Verify),
    Run(run::Run),
    Explain(explain::Explain),
    // The command itself.
    Completions(completions::Completions),
    Man(man::Man),
}

/// What all commands end with.
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
    let result = match &cli.command {
        Command::Ps(command) => command.run(&mut output),
        Command::Hooks(command) => command.run(&mut output),
        Command::Header(command) => command.run(&mut output),
        Command::Load(command) => command.run(&mut output),
        Command::Replace(command) => command.run(&mut output),
        Command::Unload(command) => command.run(&mut output),
        Command::List(command) => command.run(&mut output),
        Command::Show(command) => command.run(&mut output),
        Command::Streams(command) => command.run(&mut output),
        Command::Maps(command) => command.run(&mut output),
        Command::Tail(command) => command.run(&mut output),
        Command::Send(command) => command.run(&mut output),
        Command::Schema(command) => command.run(&mut output),
        Command::Top(command) => command.run(&mut output),
        Command::New(command) => command.run(&mut output),
        Command::Build(command) => command.run(&mut output),
        Command::Verify(command) => command.run(&mut output),
        Command::Run(command) => command.run(&mut output),
        Command::Explain(command) => command.run(&mut output),
        Command::Completions(command) => command.run(&mut output),
        Command::Man(command) => command.run(&mut output),
    };
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
        // Whoever reads the output has seen enough, as `head` has.
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

/// Says why there is no answer, or that it is no: on standard error, or as an object like all others.
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
