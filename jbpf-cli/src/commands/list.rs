//! `jbpf list`: what is loaded.

use clap::Args;

use crate::application::{Application, table};
use crate::output::{Failure, Output, Status};

/// List the codeletsets that are loaded.
#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    application: Application,
}

impl List {
    pub(crate) fn run(&self, output: &mut Output) -> Result<Status, Failure> {
        let sets = self.application.connect()?.list()?;
        self.application.answer_each(sets, output, |sets, output| {
            let rows: Vec<_> = sets
                .iter()
                .flat_map(|set| {
                    set.codelets.iter().map(|codelet| {
                        [
                            set.id.clone(),
                            codelet.name.clone(),
                            codelet.hook.clone(),
                            codelet.priority.to_string(),
                            codelet.maps.len().to_string(),
                        ]
                    })
                })
                .collect();
            table(output, ["ID", "CODELET", "HOOK", "PRIORITY", "MAPS"], &rows)
        })
    }
}
