//! The notation in which the C sources of `codelets/tests` state their results.
//!
//! ```text
//! // expect: accept                       or: reject E0020|E0043 (one of these codes)
//! // context: fixed16                     see `context`; generic when absent
//! // run: region=0102 ctx_id=3 in:inmap=05000000 => r0=1 out:outmap=0100,0200 map:counter[00000000]=01
//! ```
//!
//! Runs share the maps, in order. The input of the codelet stands before `=>`: the region in hex,
//! fields of the context by name, records of input channels. The required results stand after it:
//! r0 (signed), the region and fields afterwards, records of output channels, values of maps (or
//! `none`), and as the last one `print="..."`, the line that it prints. A rejection must point at
//! the line that ends in `// here`, if there is one.

use jbpf_verifier::report::Code;
use jbpf_verifier::types::{ContextDef, ContextFieldDef, RegionDef};

/// One source.
#[derive(Debug)]
pub struct Case {
    pub name: String,
    pub expectation: Expectation,
    pub context: ContextDef,
    pub runs: Vec<Run>,
    /// Number of the line that a rejection points at.
    pub rejected_line: Option<u32>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Expectation {
    Accept,
    Reject(Vec<Code>),
}

/// One call.
#[derive(Debug, Default)]
pub struct Run {
    pub text: String,
    pub region: Vec<u8>,
    pub fields: Vec<(String, u64)>,
    pub inputs: Vec<(String, Vec<Vec<u8>>)>,
    pub r0: Option<u64>,
    pub region_after: Option<Vec<u8>>,
    pub fields_after: Vec<(String, u64)>,
    pub outputs: Vec<(String, Vec<Vec<u8>>)>,
    pub values: Vec<Value>,
    pub print: Option<String>,
}

/// A key of a map, and the value that it must have.
#[derive(Debug)]
pub struct Value {
    pub map: String,
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
}

impl Case {
    /// Reads the comments of a source.
    pub fn parse(name: &str, source: &str) -> Self {
        let mut case = Self {
            name: name.to_owned(),
            expectation: Expectation::Accept,
            context: context("generic"),
            runs: Vec::new(),
            rejected_line: None,
        };
        let mut expected = false;
        for (number, line) in (1..).zip(source.lines()) {
            if line.ends_with("// here") {
                case.rejected_line = Some(number);
            } else if let Some(text) = line.strip_prefix("// expect: ") {
                expected = true;
                case.expectation = expectation(text);
            } else if let Some(text) = line.strip_prefix("// context: ") {
                case.context = context(text);
            } else if let Some(text) = line.strip_prefix("// run: ") {
                case.runs.push(run(text));
            }
        }
        assert!(expected, "{name} does not say what to expect");
        let rejected = case.expectation != Expectation::Accept;
        assert_eq!(
            rejected,
            case.runs.is_empty(),
            "{name}: what is accepted has runs, what is rejected has none"
        );
        case
    }
}

fn expectation(text: &str) -> Expectation {
    if text == "accept" {
        return Expectation::Accept;
    }
    let codes = text.strip_prefix("reject ").expect("accept or reject");
    Expectation::Reject(codes.split('|').map(code).collect())
}

fn code(text: &str) -> Code {
    *Code::ALL
        .iter()
        .find(|code| code.to_string() == text)
        .unwrap_or_else(|| panic!("no code {text}"))
}

/// The contexts that sources may ask for.
fn context(name: &str) -> ContextDef {
    let generic = ContextDef::generic();
    let region = |known_size, sized_by_end, writable| RegionDef {
        known_size,
        sized_by_end,
        writable,
        align: 8,
    };
    match name {
        "generic" => generic,
        "stats" => ContextDef::stats(),
        "read_only" => ContextDef {
            region: region(0, true, false),
            ..generic
        },
        "fixed16" => ContextDef {
            region: region(16, false, true),
            ..generic
        },
        "limit100" => ContextDef {
            max_instructions: Some(100),
            ..generic
        },
        "verdict" => {
            let mut context = ContextDef {
                readable: 32,
                ..generic
            };
            context.fields.push(ContextFieldDef {
                name: "verdict".to_owned(),
                offset: 28,
                size: 4,
                writable: true,
            });
            context
        }
        _ => panic!("no context {name}"),
    }
}

fn run(text: &str) -> Run {
    let (given, expected) = text
        .split_once("=>")
        .unwrap_or_else(|| panic!("no `=>` in {text:?}"));
    let mut run = Run {
        text: text.to_owned(),
        ..Run::default()
    };
    for (key, value) in items(given) {
        match key.split_once(':') {
            Some(("in", map)) => run.inputs.push((map.to_owned(), records(value))),
            None if key == "region" => run.region = hex(value),
            _ => run.fields.push((key.to_owned(), number(value))),
        }
    }
    let expected = match expected.split_once("print=") {
        Some((before, quoted)) => {
            run.print = Some(quoted.trim().trim_matches('"').to_owned());
            before
        }
        None => expected,
    };
    for (key, value) in items(expected) {
        match key.split_once(':') {
            Some(("out", map)) => run.outputs.push((map.to_owned(), records(value))),
            Some(("map", place)) => {
                let (map, key) = place.trim_end_matches(']').split_once('[').expect("a key");
                run.values.push(Value {
                    map: map.to_owned(),
                    key: hex(key),
                    value: (value != "none").then(|| hex(value)),
                });
            }
            None if key == "r0" => run.r0 = Some(number(value)),
            None if key == "region" => run.region_after = Some(hex(value)),
            _ => run.fields_after.push((key.to_owned(), number(value))),
        }
    }
    run
}

fn items(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split_whitespace().map(|item| {
        item.split_once('=')
            .unwrap_or_else(|| panic!("no value in {item:?}"))
    })
}

fn records(text: &str) -> Vec<Vec<u8>> {
    text.split(',').map(hex).collect()
}

fn number(text: &str) -> u64 {
    text.parse::<i64>()
        .map(i64::cast_unsigned)
        .or_else(|_| text.parse())
        .unwrap_or_else(|_| panic!("{text:?} is no number"))
}

fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "{text:?} has half a byte");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex digits"))
        .collect()
}
