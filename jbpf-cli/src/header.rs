//! `jbpf header`: what codelets for an application include.

use clap::Args;

use crate::application::Application;
use crate::output::{Failure, Output, Status};

/// Print the C header of an application: the contexts of its hooks, its data and its helpers.
#[derive(Args)]
pub(crate) struct Header {
    #[command(flatten)]
    application: Application,
}

impl Header {
    pub(crate) fn run(&self, output: &mut Output) -> Result<Status, Failure> {
        let header = self.application.connect()?.header();
        self.application
            .answer(header, output, |text, output| output.line(text.trim_end()))
    }
}
