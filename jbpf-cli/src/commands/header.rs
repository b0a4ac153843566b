//! `jbpf header`: what codelets for an application include.

use clap::Args;
use serde::Serialize;

use crate::application::Application;
use crate::output::{Failure, Output, Status};

/// Print the C header of an application: the contexts of its hooks, its data and its helpers.
///
/// `jbpf header > hooks.h` puts it beside a codelet; `jbpf build --app NAME` finds it by itself.
#[derive(Args)]
pub(crate) struct Header {
    #[command(flatten)]
    application: Application,
}

#[derive(Serialize)]
struct Text {
    header: String,
}

impl Header {
    pub(crate) fn run(&self, output: &mut Output) -> Result<Status, Failure> {
        let text = self.application.connect()?.header();
        let header = text.map(|header| Text { header });
        self.application.answer(header, output, |text, output| {
            output.line(text.header.trim_end())
        })
    }
}
