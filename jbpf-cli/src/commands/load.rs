//! `jbpf load REQUEST`: whether a codeletset may run, and making it.

use std::path::PathBuf;

use clap::Args;
use jbpf_operator::request::LoadRequest;

use super::show;
use crate::application::Application;
use crate::output::{self, Failure, Output, Status};

/// Load a codeletset: verify, compile and attach it, whole or not at all.
///
/// The request is read here: relative paths start at its folder, and the codelets travel to the application.
#[derive(Args)]
pub(crate) struct Load {
    /// The load request, in YAML.
    #[arg(value_name = "REQUEST")]
    request: PathBuf,

    #[command(flatten)]
    application: Application,
}

impl Load {
    pub(crate) fn run(&self, output: &mut Output) -> Result<Status, Failure> {
        let request = LoadRequest::from_yaml_file(&self.request)?;
        request
            .warnings()
            .iter()
            .for_each(|warning| output::warn(warning));
        let set = self.application.connect()?.load(&request);
        if let Ok(set) = &set {
            set.warnings
                .iter()
                .for_each(|warning| output::warn(warning));
        }
        self.application.answer(set, output, |set, output| {
            let verdict = output.good("loaded");
            output.line(format_args!("{verdict} {}", set.id))?;
            show::codelets(set, output)
        })
    }
}
