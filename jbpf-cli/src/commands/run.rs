//! `jbpf run FILE`: a codelet on given input, without an application.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use jbpf_core::engine::{CodeletEnvironment, Input};
use jbpf_core::map::Map;
use jbpf_object::{Object, ObjectProgram};
use jbpf_operator::stats::AbortPlace;
use jbpf_verifier::VerifiedProgram;
use jbpf_verifier::types::{ContextDef, ContextFieldDef, HelperTable};
use serde::Serialize;

use super::verify;
use crate::entry::{Entry, MapTypes};
use crate::off_target::{Effort, End, Machine, OffTarget};
use crate::output::{self, Failure, Output, Status};
use crate::printed::Printed;
use crate::record::{self, Record};
use crate::stimulus::{Bytes, FIELDS, Stimulus};
use crate::surroundings::{Against, Place, Surroundings};
use crate::trace::Trace;
use crate::verdict::{self, Form};

/// Run a codelet on given input, off target: print what it returns, sends out, prints, and leaves
/// in its maps.
///
/// The codelet is verified first. The interpreter checks every access and counts instructions; the
/// native engine measures the time of calls; rbpf, an interpreter of others, gives a second
/// opinion on codelets without maps. Every call gets the same data; maps keep what they hold from
/// one call to the next. With --app, --socket or --hook, context and data are those of a hook of a
/// running application, which notices nothing. Helpers of the application's own cannot be called
/// here.
#[derive(Args)]
pub(crate) struct Run {
    /// The codelet object.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    against: Against,

    #[command(flatten)]
    stimulus: Stimulus,

    /// Call it so many times.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    repeat: u64,

    /// What runs it.
    #[arg(long, value_name = "ENGINE", default_value = "interpreter")]
    engine: Engines,

    /// Show each instruction as the interpreter runs it, with the registers that it changed.
    #[arg(long)]
    trace: bool,

    /// Run this program section; needed when there are several.
    #[arg(long, value_name = "NAME")]
    section: Option<String>,

    /// What jbpf_check_runtime_limit compares with, in ns; 0: no limit.
    #[arg(long, value_name = "NS", default_value_t = 0)]
    runtime_threshold: u64,

    /// Print JSON, one object a line: records and lines as they come, then map entries, then the
    /// result.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Engines {
    /// The checked interpreter.
    Interpreter,
    /// Machine code.
    Native,
    /// First one, then the other, each on maps of its own; their results are compared.
    Both,
    /// rbpf's interpreter, for codelets whose every instruction it runs right: no maps, no atomic
    /// operations, few helpers.
    Rbpf,
}

impl Engines {
    fn list(self) -> &'static [Machine] {
        match self {
            Self::Interpreter => &[Machine::Interpreter],
            Self::Native => &[Machine::Native],
            Self::Both => &[Machine::Interpreter, Machine::Native],
            Self::Rbpf => &[Machine::Rbpf],
        }
    }
}

/// One engine's run, while it is printed.
struct Session<'a> {
    run: &'a Run,
    object: &'a Object,
    engine: &'static str,
    output: &'a mut Output,
}

#[derive(Serialize)]
struct Event<'a> {
    engine: &'static str,
    call: u64,
    #[serde(flatten)]
    what: What<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum What<'a> {
    Record { output: &'a str, record: Record<'a> },
    Line { printed: &'a str },
}

#[derive(Serialize)]
struct MapLine<'a> {
    engine: &'static str,
    map: &'a str,
    #[serde(flatten)]
    entry: Entry<'a>,
}

#[derive(Serialize)]
struct Summary<'a> {
    engine: &'static str,
    calls: u64,
    /// What the last call returned; 0 if it was left before.
    result: u64,
    /// Where the last call was left, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    aborted: Option<AbortPlace>,
    worst_case_instructions: u64,
    #[serde(flatten)]
    effort: Effort,
    /// The region after the last call, if that changed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Record<'a>>,
    /// The fields of the context that the last call changed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    fields: BTreeMap<&'a str, u64>,
    dropped: u64,
}

impl Run {
    pub(crate) fn run(&self, output: &mut Output) -> Result<Status, Failure> {
        if self.trace
            && let [only @ (Machine::Native | Machine::Rbpf)] = self.engine.list()
        {
            return Err(Failure::NoTrace {
                engine: only.name(),
            });
        }
        let mut application = self.against.connect()?;
        let surroundings = self.against.surroundings(application.as_mut())?;
        let object = verdict::read_object(&self.file)?;
        let program = self.program(&object)?;
        let place = match surroundings.place(&self.file, program)? {
            Ok(place) => place,
            Err(misplaced) => {
                output::complain(misplaced);
                return Ok(Status::Refused);
            }
        };
        let Some(verified) = self.verified(program, &place, &surroundings, output)? else {
            return Ok(Status::Refused);
        };
        let bytes = self.stimulus.bytes(&object, &place)?;
        let mut results: Vec<Vec<End>> = Vec::new();
        for machine in self.engine.list() {
            let mut session = Session {
                run: self,
                object: &object,
                engine: machine.name(),
                output: &mut *output,
            };
            results.push(session.run(verified.clone(), *machine, &bytes)?);
        }
        if let [checked, native] = results.as_slice()
            && let Some(call) = checked
                .iter()
                .zip(native)
                .position(|(one, other)| one != other)
        {
            output::warn(&format!(
                "the engines' results differ from call {call} on, as clocks and random numbers make them"
            ));
        }
        Ok(Status::Success)
    }

    fn program<'a>(&self, object: &'a Object) -> Result<&'a ObjectProgram, Failure> {
        let programs = verify::selected(self.section.as_deref(), &self.file, object)?;
        match programs.as_slice() {
            [only] => Ok(only),
            several => Err(Failure::SeveralSections {
                path: self.file.clone(),
                existing: several
                    .iter()
                    .map(|program| program.section.clone())
                    .collect(),
            }),
        }
    }

    /// The program as it can run here: verified where it is to run, then with the helpers that
    /// there are here. A rejection is printed.
    fn verified(
        &self,
        program: &ObjectProgram,
        place: &Place<'_>,
        surroundings: &Surroundings,
        output: &mut Output,
    ) -> Result<Option<VerifiedProgram>, Failure> {
        let form = Form {
            json: self.json,
            listing: false,
        };
        let there = verdict::verify(program, place, surroundings);
        let Ok(verified) = &there else {
            verdict::show(
                &self.file,
                program,
                place,
                &there,
                surroundings,
                form,
                output,
            )?;
            return Ok(None);
        };
        let here = Surroundings::off_target();
        let own = verified.summary().helpers.iter().find_map(|id| {
            let helper = surroundings.helpers.get(*id)?;
            (HelperTable::builtin().get(*id).is_none()).then(|| helper.name.clone())
        });
        if let Some(helper) = own {
            return Err(Failure::ApplicationHelper {
                path: self.file.clone(),
                helper,
            });
        }
        let here = verdict::verify(program, place, &here);
        if here.is_err() {
            verdict::show(
                &self.file,
                program,
                place,
                &here,
                surroundings,
                form,
                output,
            )?;
        }
        Ok(here.ok())
    }

    fn environment(&self) -> CodeletEnvironment {
        let name = self.file.file_stem().map(|name| name.to_string_lossy());
        CodeletEnvironment {
            name: name.unwrap_or_default().into_owned(),
            runtime_threshold_ns: self.runtime_threshold,
        }
    }
}

impl Session<'_> {
    /// Runs as often as asked for, and prints; how each call ended.
    fn run(
        &mut self,
        verified: VerifiedProgram,
        machine: Machine,
        bytes: &Bytes,
    ) -> Result<Vec<End>, Failure> {
        let context = Arc::clone(verified.context());
        let worst_case_instructions = verified.summary().worst_case_instructions;
        let traced = (self.run.trace && machine == Machine::Interpreter).then(|| verified.clone());
        let mut codelet = OffTarget::new(verified, self.run.environment(), machine)?;
        for (map, record) in &bytes.inputs {
            codelet.send(map, record)?;
        }
        if self.run.engine == Engines::Both && !self.run.json {
            let title = self.output.bold(self.engine);
            self.output.line(title)?;
        }
        let printed = Printed::default();
        let mut region = Region::new(&context, &bytes.region);
        let mut results = Vec::new();
        let mut fields = Vec::new();
        for call in 0..self.run.repeat {
            fields.clone_from(&bytes.fields);
            let mut input = Input {
                fields: &mut fields,
                region: region.fill(&bytes.region),
            };
            let result = tracing::subscriber::with_default(printed.clone(), || {
                self.call(&mut codelet, traced.as_ref(), call, &mut input)
            })?;
            results.push(result);
            for line in printed.take() {
                self.event(call, What::Line { printed: &line })?;
            }
            for (name, record) in codelet.records() {
                let record = Record::new(self.object.record_types.get(name), &record);
                self.event(
                    call,
                    What::Record {
                        output: name,
                        record,
                    },
                )?;
            }
        }
        for map in codelet.maps() {
            self.map(map)?;
        }
        let (result, place) = match results.last() {
            Some(End::Returned(result)) => (*result, None),
            Some(End::Left(abort)) => (0, Some(codelet.place(*abort))),
            None => (0, None),
        };
        let after = region.bytes();
        let summary = Summary {
            engine: self.engine,
            calls: self.run.repeat,
            result,
            aborted: place,
            worst_case_instructions,
            effort: codelet.effort(),
            data: (after != bytes.region)
                .then(|| Record::in_a_row(bytes.region_type.as_ref(), after)),
            fields: changed_fields(&context, &bytes.fields, &fields),
            dropped: codelet.dropped().map(|(_, records)| records).sum(),
        };
        self.summary(&summary)?;
        for (map, records) in codelet.dropped() {
            output::warn(&format!("{records} records found no place in `{map}`"));
        }
        Ok(results)
    }

    /// Runs once, and shows the steps of this program if there is one to show.
    fn call(
        &mut self,
        codelet: &mut OffTarget,
        traced: Option<&VerifiedProgram>,
        call: u64,
        input: &mut Input<'_>,
    ) -> Result<End, Failure> {
        let Some(traced) = traced else {
            return codelet.call(input, &mut ());
        };
        let mut trace = if self.run.json {
            Trace::json(traced, self.output, self.engine, call)
        } else {
            Trace::text(traced, self.output)
        };
        let end = codelet.call(input, &mut trace);
        trace.finish()?;
        end
    }

    fn event(&mut self, call: u64, what: What<'_>) -> Result<(), Failure> {
        if self.run.json {
            return self.output.json(&Event {
                engine: self.engine,
                call,
                what,
            });
        }
        match what {
            What::Record { output, record } => {
                let name = self.output.bold(output);
                self.output.line(format_args!("{name}  {record}"))
            }
            What::Line { printed } => {
                let title = self.output.faint("printed");
                self.output
                    .line(format_args!("{title}  {}", printed.trim()))
            }
        }
    }

    /// Prints what a map holds, if it holds anything.
    fn map(&mut self, map: &Map) -> Result<(), Failure> {
        let def = map.def();
        let constant = def
            .section
            .as_ref()
            .is_some_and(|section| section.read_only);
        if !def.kind.holds_values() || constant {
            return Ok(());
        }
        let types = MapTypes {
            kind: def.kind,
            key: self.object.key_types.get(&def.name),
            value: self.object.record_types.get(&def.name),
        };
        let mut titled = self.run.json;
        OffTarget::entries(map, |thread, key, value| {
            if types.is_absent(value) {
                return Ok(());
            }
            if !std::mem::replace(&mut titled, true) {
                let title = self.output.bold(&def.name);
                self.output.line(title)?;
            }
            let entry = types.entry(thread, key, value);
            if self.run.json {
                return self.output.json(&MapLine {
                    engine: self.engine,
                    map: &def.name,
                    entry,
                });
            }
            self.output.line(format_args!("  {entry}"))
        })
    }

    fn summary(&mut self, summary: &Summary<'_>) -> Result<(), Failure> {
        if self.run.json {
            return self.output.json(summary);
        }
        if let Some(data) = &summary.data {
            let title = self.output.bold("data");
            self.output.line(format_args!("{title}  {data}"))?;
        }
        for (name, number) in &summary.fields {
            let name = self.output.bold(name);
            self.output.line(format_args!("{name}  {number}"))?;
        }
        let verdict = match summary.aborted {
            None => self.output.good("returned"),
            Some(_) => self.output.bad("aborted:"),
        };
        let result = match (&summary.aborted, summary.result.cast_signed()) {
            (Some(place), _) => place.to_string(),
            (None, negative @ ..0) => format!("{negative} ({:#x})", summary.result),
            (None, result) => result.to_string(),
        };
        let calls = match summary.calls {
            1 => String::new(),
            calls => format!(", the last of {calls} calls"),
        };
        self.output
            .line(format_args!("{verdict} {result}{calls}"))?;
        let title = self.output.faint("took");
        let worst = verdict::count(summary.worst_case_instructions, "instruction");
        let effort = &summary.effort;
        self.output
            .line(format_args!("{title} {effort}; the worst case is {worst}"))
    }
}

/// The fields whose numbers a call has changed, with the new ones.
fn changed_fields<'c>(
    context: &'c ContextDef,
    before: &[u8],
    after: &[u8],
) -> BTreeMap<&'c str, u64> {
    let number = |bytes: &[u8], field: &ContextFieldDef| {
        let start = (field.offset as usize).checked_sub(FIELDS)?;
        let bytes = bytes.get(start..start + field.size as usize)?;
        u64::try_from(record::little_endian(bytes)).ok()
    };
    let fields = context.fields.iter().filter_map(|field| {
        let now = number(after, field)?;
        (number(before, field)? != now).then_some((field.name.as_str(), now))
    });
    fields.collect()
}

/// A data region, aligned as its context promises.
struct Region {
    bytes: Vec<u8>,
    start: usize,
    len: usize,
}

impl Region {
    fn new(context: &ContextDef, data: &[u8]) -> Self {
        let align = usize::try_from(context.region.align).unwrap_or(1).max(8);
        let bytes = vec![0; data.len() + align];
        let start = bytes.as_ptr().align_offset(align);
        Self {
            bytes,
            start,
            len: data.len(),
        }
    }

    /// The region, with this in it.
    fn fill(&mut self, data: &[u8]) -> &mut [u8] {
        let end = self.start + self.len;
        let region = self.bytes.get_mut(self.start..end).unwrap_or_default();
        for (byte, new) in region.iter_mut().zip(data) {
            *byte = *new;
        }
        region
    }

    fn bytes(&self) -> &[u8] {
        let end = self.start + self.len;
        self.bytes.get(self.start..end).unwrap_or_default()
    }
}
