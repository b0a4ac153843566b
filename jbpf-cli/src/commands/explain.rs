//! `jbpf explain CODE`: what a code of the verifier means.

use clap::Args;
use jbpf_verifier::report::Code;
use serde::Serialize;

use crate::output::{Failure, Output, Status};

/// Explain a code of the verifier: what it means, why it matters, what to do.
#[derive(Args)]
pub(crate) struct Explain {
    /// The code, such as E0012; without one, all codes are listed.
    code: Option<String>,

    /// Print JSON, one object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Page {
    code: Code,
    title: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<&'static str>,
}

impl Explain {
    pub(crate) fn run(&self, output: &mut Output) -> Result<Status, Failure> {
        match &self.code {
            Some(code) => self.explain(code.parse()?, output)?,
            None => {
                for code in Code::ALL {
                    self.name(*code, output)?;
                }
            }
        }
        Ok(Status::Success)
    }

    fn explain(&self, code: Code, output: &mut Output) -> Result<(), Failure> {
        if self.json {
            return output.json(&Page {
                code,
                title: code.title(),
                explanation: Some(code.explanation()),
            });
        }
        let heading = output.bold(&format!("{code}: {}", code.title()));
        output.line(heading)?;
        output.line("")?;
        output.line(code.explanation().trim_end())
    }

    fn name(&self, code: Code, output: &mut Output) -> Result<(), Failure> {
        if self.json {
            return output.json(&Page {
                code,
                title: code.title(),
                explanation: None,
            });
        }
        let name = output.bold(&code.to_string());
        output.line(format_args!("{name}  {}", code.title()))
    }
}
