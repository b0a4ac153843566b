//! The subcommands, in the order in which help lists them.

mod build;
mod completions;
mod explain;
mod header;
mod hooks;
mod list;
mod load;
mod man;
mod maps;
mod new;
mod ps;
mod replace;
mod run;
mod schema;
mod send;
mod show;
mod streams;
mod tail;
mod top;
mod unload;
mod verify;

use clap::Subcommand;

use crate::output::{Failure, Output, Status};

#[derive(Subcommand)]
pub(crate) enum Command {
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

impl Command {
    /// Runs it; what it prints goes to `output`.
    pub(crate) fn run(&self, output: &mut Output) -> Result<Status, Failure> {
        match self {
            Self::Ps(command) => command.run(output),
            Self::Hooks(command) => command.run(output),
            Self::Header(command) => command.run(output),
            Self::Load(command) => command.run(output),
            Self::Replace(command) => command.run(output),
            Self::Unload(command) => command.run(output),
            Self::List(command) => command.run(output),
            Self::Show(command) => command.run(output),
            Self::Streams(command) => command.run(output),
            Self::Maps(command) => command.run(output),
            Self::Tail(command) => command.run(output),
            Self::Send(command) => command.run(output),
            Self::Schema(command) => command.run(output),
            Self::Top(command) => command.run(output),
            Self::New(command) => command.run(output),
            Self::Build(command) => command.run(output),
            Self::Verify(command) => command.run(output),
            Self::Run(command) => command.run(output),
            Self::Explain(command) => command.run(output),
            Self::Completions(command) => command.run(output),
            Self::Man(command) => command.run(output),
        }
    }
}
