//! `jbpf verify FILE...`: whether codelets are safe to run, and what they may cost.

use std::path::{Path, PathBuf};

use clap::Args;
use jbpf_object::{Object, ObjectProgram};
use serde::Serialize;

use crate::output::{self, Failure, Output, Status};
use crate::surroundings::{Against, Surroundings};
use crate::verdict::{self, Form};

/// Verify codelets: whether they are safe to run, and what they may cost.
///
/// Every program section of each file is verified. With --app, --socket or --hook, against the
/// hooks and helpers of a running application, as it would on loading. Without an application at
/// hand, the context is one of two that stand for its hooks: a data region of unknown size, and
/// the built-in helpers.
#[derive(Args)]
pub(crate) struct Verify {
    /// Codelet objects.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    against: Against,

    /// Verify this program section alone.
    #[arg(long, value_name = "NAME")]
    section: Option<String>,

    /// Print the program's instructions, with their source lines and what was proved of each.
    #[arg(long, visible_alias = "asm")]
    listing: bool,

    /// Print JSON, one object a line for each program.
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(crate) fn run(&self, output: &mut Output) -> Result<Status, Failure> {
        let mut application = self.against.connect()?;
        let surroundings = self.against.surroundings(application.as_mut())?;
        let mut worst = Status::Success;
        for path in &self.files {
            let status = match self.verify_file(path, &surroundings, output) {
                Err(failure @ Failure::Output(_)) => return Err(failure),
                Err(failure) => self.unanswered(path, &failure, output)?,
                Ok(status) => status,
            };
            worst = worst.max(status);
        }
        Ok(worst)
    }

    /// One file that cannot be verified does not keep the others from it.
    fn unanswered(
        &self,
        path: &Path,
        failure: &Failure,
        output: &mut Output,
    ) -> Result<Status, Failure> {
        if self.json {
            output.json(&Unanswered {
                file: path,
                verdict: "unanswered",
                error: failure.to_string(),
            })?;
        } else {
            output::complain(failure);
        }
        Ok(Status::Unanswered)
    }

    fn verify_file(
        &self,
        path: &Path,
        surroundings: &Surroundings,
        output: &mut Output,
    ) -> Result<Status, Failure> {
        let object = verdict::read_object(path)?;
        let form = Form {
            json: self.json,
            listing: self.listing,
        };
        let mut worst = Status::Success;
        for program in selected(self.section.as_deref(), path, &object)? {
            worst = worst.max(verdict::judge(path, program, surroundings, form, output)?);
        }
        Ok(worst)
    }
}

/// The program of one section, or all.
pub(crate) fn selected<'a>(
    section: Option<&str>,
    path: &Path,
    object: &'a Object,
) -> Result<Vec<&'a ObjectProgram>, Failure> {
    let Some(section) = section else {
        return Ok(object.programs.iter().collect());
    };
    let program = object.program_in(section);
    program
        .map(|program| vec![program])
        .ok_or_else(|| Failure::NoSection {
            path: path.to_owned(),
            section: section.to_owned(),
            existing: object
                .programs
                .iter()
                .map(|program| program.section.clone())
                .collect(),
        })
}

/// A file without an answer, as JSON.
#[derive(Serialize)]
struct Unanswered<'a> {
    file: &'a Path,
    verdict: &'static str,
    error: String,
}
