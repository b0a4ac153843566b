//! `jbpf verify FILE...`: whether codelets are safe to run, and what they may cost.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use jbpf_core::object::{Object, ObjectProgram, ProgramType};
use jbpf_verifier::report::render;
use jbpf_verifier::types::{ContextDef, HelperTable, MapDef, MapKind};
use jbpf_verifier::{Rejection, VerifiedProgram};
use serde::Serialize;

use crate::listing;
use crate::output::{self, Failure, Output, Status};

/// Verify codelets: whether they are safe to run, and what they may cost.
///
/// Every program section of each file is verified. Without an application at hand, the context is one of two
/// that stand for its hooks: a data region of unknown size, and the built-in helpers.
#[derive(Args)]
pub(crate) struct Verify {
    /// Codelet objects.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// The context that programs are given; by default the one that their section's name asks for.
    #[arg(long)]
    context: Option<Context>,

    /// Verify this program section alone.
    #[arg(long, value_name = "NAME")]
    section: Option<String>,

    /// Print the program's instructions, with their source lines and what was proved of each.
    #[arg(long)]
    asm: bool,

    /// Print JSON, one object a line for each program.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Context {
    /// A data region and `ctx_id`.
    Generic,
    /// A data region and `meas_period`, the context of statistics hooks.
    Stats,
}

impl Verify {
    pub(crate) fn run(&self, output: &mut Output) -> Result<Status, Failure> {
        let helpers = Arc::new(HelperTable::builtin());
        let mut worst = Status::Success;
        for path in &self.files {
            let status = match self.verify_file(path, &helpers, output) {
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
        helpers: &Arc<HelperTable>,
        output: &mut Output,
    ) -> Result<Status, Failure> {
        let object = read(path)?;
        for warning in &object.warnings {
            output::warn(&format!("{}: {warning}", path.display()));
        }
        let mut worst = Status::Success;
        for program in self.selected(path, &object)? {
            worst = worst.max(self.verify_program(path, program, helpers, output)?);
        }
        Ok(worst)
    }

    fn selected<'a>(
        &self,
        path: &Path,
        object: &'a Object,
    ) -> Result<Vec<&'a ObjectProgram>, Failure> {
        let Some(section) = &self.section else {
            return Ok(object.programs.iter().collect());
        };
        let program = object.program_in(section);
        program
            .map(|program| vec![program])
            .ok_or_else(|| Failure::NoSection {
                path: path.to_owned(),
                section: section.clone(),
                existing: object
                    .programs
                    .iter()
                    .map(|program| program.section.clone())
                    .collect(),
            })
    }

    fn verify_program(
        &self,
        path: &Path,
        program: &ObjectProgram,
        helpers: &Arc<HelperTable>,
        output: &mut Output,
    ) -> Result<Status, Failure> {
        let context = Arc::new(self.context_of(program));
        let linked = Arc::new(program.program.clone());
        let result = jbpf_verifier::verify(&linked, &context, helpers);
        let outcome = Outcome {
            file: path,
            section: &program.section,
            context: &context.name,
            assembly: self.asm.then(|| match &result {
                Ok(verified) => listing::accepted(verified),
                Err(rejection) => listing::rejected(&linked, helpers, rejection),
            }),
            verdict: match &result {
                Ok(verified) => Verdict::Accepted(Cost::of(verified)),
                Err(rejection) => Verdict::Rejected { rejection },
            },
        };
        if self.json {
            output.json(&outcome)?;
        } else {
            outcome.print(output)?;
        }
        Ok(match result {
            Ok(_) => Status::Success,
            Err(_) => Status::Refused,
        })
    }

    fn context_of(&self, program: &ObjectProgram) -> ContextDef {
        let asked_for = match program.program_type([]) {
            ProgramType::Stats => Context::Stats,
            ProgramType::Any | ProgramType::Declared(_) => Context::Generic,
        };
        match self.context.unwrap_or(asked_for) {
            Context::Generic => ContextDef::generic(),
            Context::Stats => ContextDef::stats(),
        }
    }
}

fn read(path: &Path) -> Result<Object, Failure> {
    let bytes = std::fs::read(path).map_err(|source| Failure::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    Object::parse(&bytes).map_err(|source| Failure::Object {
        path: path.to_owned(),
        source,
    })
}

/// A file without an answer, as JSON.
#[derive(Serialize)]
struct Unanswered<'a> {
    file: &'a Path,
    verdict: &'static str,
    error: String,
}

/// One program's answer.
#[derive(Serialize)]
struct Outcome<'a> {
    file: &'a Path,
    section: &'a str,
    context: &'a str,
    #[serde(flatten)]
    verdict: Verdict<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assembly: Option<Vec<String>>,
}

#[derive(Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
enum Verdict<'a> {
    Accepted(Cost<'a>),
    Rejected { rejection: &'a Rejection },
}

/// What an accepted program may cost, and what it uses, with names.
#[derive(Serialize)]
struct Cost<'a> {
    worst_case_instructions: u64,
    stack_bytes: u32,
    helpers: Vec<UsedHelper<'a>>,
    maps: Vec<UsedMap<'a>>,
    processed: u64,
}

#[derive(Serialize)]
struct UsedHelper<'a> {
    id: u32,
    name: &'a str,
}

#[derive(Serialize)]
struct UsedMap<'a> {
    name: &'a str,
    kind: MapKind,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
}

impl<'a> Cost<'a> {
    fn of(verified: &'a VerifiedProgram) -> Self {
        let (summary, maps) = (verified.summary(), &verified.program().maps);
        Self {
            worst_case_instructions: summary.worst_case_instructions,
            stack_bytes: summary.stack_bytes,
            helpers: summary
                .helpers
                .iter()
                .filter_map(|id| verified.helpers().get(*id))
                .map(|helper| UsedHelper {
                    id: helper.id,
                    name: &helper.name,
                })
                .collect(),
            maps: summary
                .maps
                .iter()
                .filter_map(|index| maps.get(*index))
                .map(UsedMap::from)
                .collect(),
            processed: summary.processed,
        }
    }
}

impl<'a> From<&'a MapDef> for UsedMap<'a> {
    fn from(map: &'a MapDef) -> Self {
        Self {
            name: &map.name,
            kind: map.kind,
            key_size: map.key_size,
            value_size: map.value_size,
            max_entries: map.max_entries,
        }
    }
}

impl Outcome<'_> {
    fn print(&self, output: &mut Output) -> Result<(), Failure> {
        let program = format!("{}, section {}", self.file.display(), self.section);
        match &self.verdict {
            Verdict::Accepted(cost) => {
                let verdict = output.good("accepted");
                output.line(format_args!("{verdict}: {program}"))?;
                cost.print(output)?;
            }
            Verdict::Rejected { rejection } => {
                let report = render(rejection, output.color);
                let verdict = output.bad("rejected");
                output.line(report)?;
                output.line(format_args!("{verdict}: {program}"))?;
            }
        }
        for line in self.assembly.iter().flatten() {
            output.line(line)?;
        }
        Ok(())
    }
}

impl Cost<'_> {
    fn print(&self, output: &mut Output) -> Result<(), Failure> {
        let helpers = self
            .helpers
            .iter()
            .map(|helper| format!("{} ({})", helper.name, helper.id));
        let rows = [
            (
                "worst case",
                count(self.worst_case_instructions, "instruction"),
            ),
            ("stack", count(self.stack_bytes.into(), "byte")),
            ("helpers", listed(helpers)),
            ("maps", listed(self.maps.iter().map(UsedMap::describe))),
            ("verified in", count(self.processed, "step")),
        ];
        for (name, value) in rows {
            let name = output.faint(&format!("{name:12}"));
            output.line(format_args!("  {name} {value}"))?;
        }
        Ok(())
    }
}

impl UsedMap<'_> {
    fn describe(&self) -> String {
        let kind = match self.kind {
            MapKind::Array => "array".to_owned(),
            MapKind::Hash => "hash".to_owned(),
            MapKind::RingBuf => "ringbuf".to_owned(),
            MapKind::ControlInput => "control input".to_owned(),
            MapKind::PerThreadArray => "array per thread".to_owned(),
            MapKind::PerThreadHash => "hash per thread".to_owned(),
            MapKind::Output => "output".to_owned(),
            MapKind::Application(number) => format!("type {number}"),
        };
        let entries = self.max_entries;
        let sizes = if self.kind.is_channel() {
            format!("{entries} x {}", count(self.value_size.into(), "byte"))
        } else {
            format!(
                "{entries} x {}-byte key, {}-byte value",
                self.key_size, self.value_size
            )
        };
        format!("{} ({kind}, {sizes})", self.name)
    }
}

fn listed(names: impl Iterator<Item = String>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() {
        return "none".to_owned();
    }
    names.join(", ")
}

fn count(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}
