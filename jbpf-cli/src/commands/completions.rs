//! `jbpf completions SHELL`: what a shell completes commands with.

use clap::Args;
use clap_complete::Shell;

use crate::output::{Failure, Output, Status};

/// Print the completions of a shell.
///
/// For bash: `jbpf completions bash > ~/.local/share/bash-completion/completions/jbpf`. For zsh, a file `_jbpf` in a folder
/// of `fpath`; for fish, `~/.config/fish/completions/jbpf.fish`.
#[derive(Args)]
pub(crate) struct Completions {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self, output: &mut Output) -> Result<Status, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut crate::command(), "jbpf", &mut script);
        output.bytes(&script)?;
        Ok(Status::Success)
    }
}
