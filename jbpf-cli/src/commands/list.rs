//! `jbpf list`: what is loaded.

use clap::Args;

use crate::application::{self, Application, aborts, table};
use crate::output::{Failure, Output, Status};

/// List the codeletsets that are loaded.
///
/// MEMORY is what the maps and channels of a codelet take, in bytes: whole pages, with the copies of threads and the rings of
/// collectors. A map that codelets share counts for each of them.
#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    application: Application,
}

impl List {
    pub(crate) fn run(&self, output: &mut Output) -> Result<Status, Failure> {
        let mut operator = self.application.connect()?;
        let sets = operator.list()?;
        let memory = operator.hello()?.memory;
        self.application.answer_each(sets, output, |sets, output| {
            let rows: Vec<_> = sets
                .iter()
                .flat_map(|set| {
                    set.codelets.iter().map(|codelet| {
                        let memory = codelet.maps.iter().map(|map| map.memory);
                        let memory = memory.fold(0, u64::saturating_add);
                        [
                            set.id.clone(),
                            codelet.name.clone(),
                            codelet.hook.clone(),
                            codelet.priority.to_string(),
                            codelet.maps.len().to_string(),
                            memory.to_string(),
                            aborts(&codelet.aborts),
                        ]
                    })
                })
                .collect();
            let titles = [
                "ID", "CODELET", "HOOK", "PRIORITY", "MAPS", "MEMORY", "ABORTS",
            ];
            table(output, titles, &rows)?;
            if memory.limit.is_some() || memory.unloaded > 0 {
                output.line(application::memory(&memory))?;
            }
            Ok(())
        })
    }
}
