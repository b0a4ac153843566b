//! `jbpf show ID`: what a loaded codeletset consists of.

use clap::Args;
use jbpf_operator::info::{CodeletInfo, CodeletsetInfo};

use crate::application::Application;
use crate::output::{self, Failure, Output, Status};

/// Show a loaded codeletset: its codelets, maps and channels.
#[derive(Args)]
pub(crate) struct Show {
    /// The codeletset's id.
    #[arg(value_name = "ID")]
    id: String,

    #[command(flatten)]
    application: Application,
}

impl Show {
    pub(crate) fn run(&self, output: &mut Output) -> Result<Status, Failure> {
        let set = self.application.connect()?.show(&self.id);
        self.application.answer(set, output, |set, output| {
            let id = output.bold(&set.id);
            output.line(id)?;
            codelets(set, output)?;
            set.warnings
                .iter()
                .for_each(|warning| output::warn(warning));
            Ok(())
        })
    }
}

/// Prints the codelets of a codeletset.
pub(crate) fn codelets(set: &CodeletsetInfo, output: &mut Output) -> Result<(), Failure> {
    set.codelets
        .iter()
        .try_for_each(|codelet| print(codelet, output))
}

fn print(codelet: &CodeletInfo, output: &mut Output) -> Result<(), Failure> {
    output.line(format_args!(
        "  {} on hook {}, priority {}, at most {} instructions a call",
        codelet.name, codelet.hook, codelet.priority, codelet.worst_case_instructions
    ))?;
    for map in codelet.maps.iter().filter(|map| !map.kind.is_channel()) {
        output.line(format_args!(
            "    map {}: {} x {}-byte key, {}-byte value, {} bytes of memory",
            map.name, map.max_entries, map.key_size, map.value_size, map.memory
        ))?;
    }
    for channel in &codelet.channels {
        let map = codelet.maps.iter().find(|map| map.name == channel.map);
        output.line(format_args!(
            "    {} {}: {}, records of {} bytes, {} bytes of memory",
            channel.direction.name(),
            channel.map,
            channel.stream_id,
            channel.record_size,
            map.map_or(0, |map| map.memory)
        ))?;
    }
    for helper in &codelet.helpers {
        let panics = match helper.panics {
            0 => String::new(),
            1 => ", which has panicked once".to_owned(),
            more => format!(", which has panicked {more} times"),
        };
        output.line(format_args!(
            "    calls {} ({}){panics}",
            helper.name, helper.id
        ))?;
    }
    if !codelet.aborts.is_none() {
        let calls = match codelet.aborts.count {
            1 => "1 call".to_owned(),
            more => format!("{more} calls"),
        };
        let last = codelet.aborts.last.as_ref();
        let last = last.map_or_else(String::new, |last| format!(", last by {last}"));
        output.line(format_args!("    aborted {calls}{last}"))?;
    }
    if codelet.aborts.faults > 0 {
        output::warn(&format!(
            "`{}` was stopped {} times by a mistake of the verifier or the engine: please report it",
            codelet.name, codelet.aborts.faults
        ));
    }
    Ok(())
}
