//! The `jbpf` command: verifies codelets, and explains what the verifier says.
//!
//! Each subcommand is a file of its own with its arguments and one function that runs it. `output` is
//! what they share: the terminal, JSON, exit codes and errors.

mod explain;
mod listing;
mod output;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use output::{Failure, Output, Status};

/// Verify codelets and operate the applications that run them.
///
/// Exit status: 0 success; 1 the answer is no (a codelet was rejected); 2 the question could not be
/// answered (wrong usage, an unreadable file). NO_COLOR is respected, and colors appear on terminals only.
#[derive(Parser)]
#[command(name = "jbpf", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Verify(verify::Verify),
    Explain(explain::Explain),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut output = Output::stdout();
    let result = match &cli.command {
        Command::Verify(command) => command.run(&mut output),
        Command::Explain(command) => command.run(&mut output),
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
