//! `jbpf ps`: which applications can be operated.

use clap::Args;
use jbpf_operator::protocol::Hello;
use serde::Serialize;

use crate::application::{running, table};
use crate::output::{self, Failure, Output, Status};

/// List the applications of this user that can be operated.
#[derive(Args)]
pub(crate) struct Ps {
    /// Print JSON, one object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    hello: &'a Hello,
    socket: &'a std::path::Path,
}

impl Ps {
    pub(crate) fn run(&self, output: &mut Output) -> Result<Status, Failure> {
        let running = running()?.running;
        for application in &running {
            if application.hello.aborts_on_panic {
                output::warn(&format!(
                    "`{}` is built with panic = \"abort\": a panic of one of its helpers ends it",
                    application.hello.name
                ));
            }
        }
        if self.json {
            for application in &running {
                output.json(&Line {
                    hello: &application.hello,
                    socket: &application.socket,
                })?;
            }
            return Ok(Status::Success);
        }
        let rows: Vec<_> = running
            .iter()
            .map(|application| {
                let hello = &application.hello;
                [
                    hello.name.clone(),
                    hello.pid.to_string(),
                    format!("{} s", hello.uptime_s),
                    hello.codeletsets.to_string(),
                    hello.codelets.to_string(),
                    application.socket.display().to_string(),
                ]
            })
            .collect();
        let titles = ["NAME", "PID", "UP", "CODELETSETS", "CODELETS", "SOCKET"];
        table(output, titles, &rows)?;
        Ok(Status::Success)
    }
}
