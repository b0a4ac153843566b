//! `jbpf man`: manual pages.

use std::path::PathBuf;

use clap::Args;

use crate::output::{Failure, Output, Status};

/// Print a manual page, or write all of them.
///
/// `jbpf man | man -l -` shows the page of jbpf, `jbpf man load | man -l -` that of a command. `jbpf man --dir
/// ~/.local/share/man/man1` puts all of them where `man jbpf-load` finds them.
#[derive(Args)]
pub(crate) struct Man {
    /// The command whose page is printed; without one, that of jbpf.
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    name: Option<String>,

    /// Write all pages into this folder, which exists.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(&self, output: &mut Output) -> Result<Status, Failure> {
        let mut all = crate::command();
        if let Some(folder) = &self.dir {
            let written = clap_mangen::generate_to(all, folder);
            written.map_err(|source| Failure::Unwritable {
                path: folder.clone(),
                source,
            })?;
            return Ok(Status::Success);
        }
        // Its commands know their whole names then.
        all.build();
        let command = match &self.name {
            None => all,
            Some(name) => match all.find_subcommand(name) {
                Some(command) => command.clone(),
                None => {
                    let names = all.get_subcommands().map(|command| command.get_name());
                    return Err(Failure::NoCommand {
                        wanted: name.clone(),
                        existing: names.map(str::to_owned).collect(),
                    });
                }
            },
        };
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        output.bytes(&page)?;
        Ok(Status::Success)
    }
}
