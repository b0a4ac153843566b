//! The `jbpf` command: verifies codelets, explains what the verifier says, and operates applications.
//!
//! Each subcommand is a file of its own with its arguments and one function that runs it. `output` is
//! what they share: the terminal, JSON, exit codes and errors. Those for a running application share
//! `application`, which finds and asks it; `record` turns records into JSON and back.

mod application;
mod build;
mod entry;
mod explain;
mod failure;
mod header;
mod headers;
mod hooks;
mod list;
mod listing;
mod load;
mod maps;
mod new;
mod off_target;
mod output;
mod printed;
mod ps;
mod record;
mod replace;
mod run;
mod send;
mod show;
mod stimulus;
mod surroundings;
mod tail;
mod unload;
mod verdict;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use output::{Failure, Output, Status};

/// Verify codelets and operate the applications that run them.
///
/// Exit status: 0 success; 1 the answer is no (a codelet was rejected, the application refuses); 2 the question could not be
/// answered (wrong usage, an unreadable file, no such application). NO_COLOR is respected, and colors appear on terminals only.
#[derive(Parser)]
#[command(name = "jbpf", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Verify(verify::Verify),
    New(new::New),
    Build(build::Build),
    Run(run::Run),
    Explain(explain::Explain),
    Ps(ps::Ps),
    Hooks(hooks::Hooks),
    Load(load::Load),
    Unload(unload::Unload),
    Replace(replace::Replace),
    List(list::List),
    Show(show::Show),
    Maps(maps::Maps),
    Tail(tail::Tail),
    Send(send::Send),
    Header(header::Header),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut output = Output::stdout();
    let result = match &cli.command {
        Command::Verify(command) => command.run(&mut output),
        Command::New(command) => command.run(&mut output),
        Command::Build(command) => command.run(&mut output),
        Command::Run(command) => command.run(&mut output),
        Command::Explain(command) => command.run(&mut output),
        Command::Ps(command) => command.run(&mut output),
        Command::Hooks(command) => command.run(&mut output),
        Command::Load(command) => command.run(&mut output),
        Command::Unload(command) => command.run(&mut output),
        Command::Replace(command) => command.run(&mut output),
        Command::List(command) => command.run(&mut output),
        Command::Show(command) => command.run(&mut output),
        Command::Maps(command) => command.run(&mut output),
        Command::Tail(command) => command.run(&mut output),
        Command::Send(command) => command.run(&mut output),
        Command::Header(command) => command.run(&mut output),
    };
    finish(result, output)
}

fn finish(result: Result<Status, Failure>, output: Output) -> ExitCode {
    let result = result.and_then(|status| output.finish().map(|()| status));
    match result {
        Ok(status) => status.into(),
        // Whoever reads the output has seen enough, as `head` has.
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            output::complain(&failure);
            Status::Unanswered.into()
        }
    }
}
