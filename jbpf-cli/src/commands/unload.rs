//! `jbpf unload ID`: takes a codeletset out of an application.

use std::path::Path;

use clap::Args;
use jbpf_operator::request::unload_request_from_yaml_file;

use crate::application::Application;
use crate::output::{Failure, Output, Status};

/// Unload a codeletset. Done once no thread of the application runs it any more.
#[derive(Args)]
pub(crate) struct Unload {
    /// The codeletset's id, or an unload request: a file whose name ends in .yaml or .yml.
    #[arg(value_name = "ID|REQUEST")]
    id: String,

    #[command(flatten)]
    application: Application,
}

impl Unload {
    pub(crate) fn run(&self, output: &mut Output) -> Result<Status, Failure> {
        let path = Path::new(&self.id);
        let is_request = path
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml");
        let id = if is_request {
            unload_request_from_yaml_file(path)?
        } else {
            self.id.clone()
        };
        let unloaded = self.application.connect()?.unload(&id);
        let unloaded = unloaded.map(|()| serde_json::json!({ "unloaded": id }));
        self.application.answer(unloaded, output, |_, output| {
            let verdict = output.good("unloaded");
            output.line(format_args!("{verdict} {id}"))
        })
    }
}
