//! The verifier's answer to a program, as a command prints it.

use std::path::Path;
use std::sync::Arc;

use jbpf_object::record::{self, TypeError};
use jbpf_object::{Object, ObjectProgram, RecordType};
use jbpf_verifier::report::codes::Code;
use jbpf_verifier::report::render;
use jbpf_verifier::types::{MapDef, MapKind};
use jbpf_verifier::{Rejection, VerifiedProgram};
use serde::Serialize;

use crate::input;
use crate::listing;
use crate::output::{self, Failure, Output, Status};
use crate::surroundings::{Place, Surroundings};

/// How answers are printed.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    pub(crate) json: bool,
    /// With the program's instructions.
    pub(crate) listing: bool,
}

/// A rejection may be due to a stand-in: it has other fields and data than a hook, and none of
/// the application's helpers.
const WITHOUT_APPLICATION: &str = "note: verified without an application; for the real hook and helpers add `--hook NAME` (and `--app NAME`, or `--contexts FILE`)";

/// A rejection that only a stand-in causes.
const BEYOND_STAND_IN: &str = "note: the codelet reads beyond the stand-in context, which has 28 bytes; the hook's own context may have more";

/// Reads an object; what is wrong with it and does no harm is said.
pub(crate) fn read_object(path: &Path) -> Result<Object, Failure> {
    let bytes = input::file(path)?;
    let object = jbpf_core::codeletset::read_object(&bytes).map_err(|source| Failure::Object {
        path: path.to_owned(),
        source,
    })?;
    for warning in &object.warnings {
        output::warn(&format!("{}: {warning}", path.display()));
    }
    Ok(object)
}

/// The type of a channel's records, by its name in the debug information of the object at `path`.
pub(crate) fn record_type(
    path: &Path,
    name: &str,
    channel: &str,
    record_size: u32,
) -> Result<RecordType, Failure> {
    let path_of = || path.to_owned();
    let named = record::named(&input::file(path)?, name);
    let record = named.map_err(|error| match error {
        TypeError::Unknown { wanted, existing } => Failure::NoRecordType {
            path: path_of(),
            wanted,
            existing,
        },
        TypeError::Object(source) => Failure::Object {
            path: path_of(),
            source,
        },
        other => Failure::RecordType(other.to_string()),
    })?;
    if record.size != record_size {
        return Err(Failure::RecordTypeSize {
            name: name.to_owned(),
            size: record.size,
            channel: channel.to_owned(),
            record_size,
        });
    }
    Ok(record)
}

/// Verifies a program of the object at `path`, and prints the answer.
pub(crate) fn judge(
    path: &Path,
    program: &ObjectProgram,
    surroundings: &Surroundings,
    form: Form,
    output: &mut Output,
) -> Result<Status, Failure> {
    let place = match surroundings.place(path, program)? {
        Ok(place) => place,
        Err(misplaced) => {
            let outcome = Outcome {
                file: path,
                section: &program.section,
                hook: Some(&misplaced.hook.name),
                context: &misplaced.hook.context.name,
                verdict: Verdict::Misplaced {
                    error: misplaced.to_string(),
                },
                assembly: None,
            };
            outcome.show(form, output)?;
            return Ok(Status::Refused);
        }
    };
    let verified = verify(program, &place, surroundings);
    show(path, program, &place, &verified, surroundings, form, output)?;
    Ok(match verified {
        Ok(_) => Status::Success,
        Err(_) => Status::Refused,
    })
}

/// Verifies a program for this place.
pub(crate) fn verify(
    program: &ObjectProgram,
    place: &Place<'_>,
    surroundings: &Surroundings,
) -> Result<VerifiedProgram, Box<Rejection>> {
    let linked = Arc::new(program.program.clone());
    jbpf_verifier::verify(&linked, &place.context, &surroundings.helpers)
}

/// Prints the verifier's answer.
pub(crate) fn show(
    path: &Path,
    program: &ObjectProgram,
    place: &Place<'_>,
    result: &Result<VerifiedProgram, Box<Rejection>>,
    surroundings: &Surroundings,
    form: Form,
    output: &mut Output,
) -> Result<(), Failure> {
    let outcome = Outcome {
        file: path,
        section: &program.section,
        hook: place.hook.map(|hook| hook.name.as_str()),
        context: &place.context.name,
        assembly: form.listing.then(|| match result {
            Ok(verified) => listing::accepted(verified),
            Err(rejection) => listing::rejected(&program.program, &surroundings.helpers, rejection),
        }),
        verdict: match result {
            Ok(verified) => Verdict::Accepted(Cost::of(verified)),
            Err(rejection) => Verdict::Rejected { rejection },
        },
    };
    outcome.show(form, output)
}

/// One program's answer.
#[derive(Serialize)]
struct Outcome<'a> {
    file: &'a Path,
    section: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hook: Option<&'a str>,
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
    Rejected {
        rejection: &'a Rejection,
    },
    /// The hook takes programs of another type.
    Misplaced {
        error: String,
    },
}

/// The cost of an accepted program, and the names that it uses.
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
    fn show(&self, form: Form, output: &mut Output) -> Result<(), Failure> {
        if form.json {
            output.json(self)
        } else {
            self.print(output)
        }
    }

    fn print(&self, output: &mut Output) -> Result<(), Failure> {
        let mut program = format!("{}, section {}", self.file.display(), self.section);
        if let Some(hook) = self.hook {
            program += &format!(", for hook {hook}");
        }
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
                if self.hook.is_none() {
                    if rejection.code == Code::ContextOutOfBounds {
                        let note = output.faint(BEYOND_STAND_IN);
                        output.line(note)?;
                    }
                    let note = output.faint(WITHOUT_APPLICATION);
                    output.line(note)?;
                }
            }
            Verdict::Misplaced { error } => {
                let verdict = output.bad("rejected");
                output.line(format_args!("{verdict}: {program}: {error}"))?;
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
        let kind = self.kind;
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

pub(crate) fn count(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}
