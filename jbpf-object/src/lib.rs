//! Codelet objects: ELF in, linked programs and map definitions out.
//!
//! [`Object::parse`] takes any bytes and gives an [`Object`], or an [`ObjectError`] that names the
//! fault. It never panics, and the size of the file bounds its time and memory. `elf` checks the
//! file's structure, `definitions` reads maps, and `link` joins functions. [`btf`] and [`record`]
//! recover source lines and types from the debug information. This crate does not judge the
//! instructions; that is the verifier's part.

pub mod btf;
mod definitions;
mod elf;
mod error;
mod link;
pub mod record;
pub mod visible;

use std::collections::BTreeMap;

use jbpf_verifier::Program;
use jbpf_verifier::types::MapDef;

pub use elf::is_elf;
pub use error::ObjectError;
pub use jbpf_channel::record::{FieldType, NumberKind, RecordField, RecordType};

use btf::Btf;
use definitions::Definitions;
use elf::{Elf, SectionClass, at_most};
use link::{Function, Functions, MAX_ALL_INSTRUCTIONS, link};

/// The entry function's name (ABI: object).
pub use jbpf_abi::object::ENTRY;
use jbpf_abi::object::{GENERIC_PROGRAM, STATS_PROGRAM};

/// Program sections of one object.
const MAX_PROGRAMS: usize = 64;

/// A codelet object, read and linked. Nothing in it is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The maps that the object defines, in the order of their definitions, then the data sections
    /// that its code refers to (kind array, one entry, [`MapDef::section`] set). Every program's
    /// [`Program::maps`] is this list.
    pub maps: Vec<MapDef>,
    /// The programs, in the order of their sections; at least one.
    pub programs: Vec<ObjectProgram>,
    /// By map: the type of a channel's records, or of any other map's values. Only maps that the
    /// source annotates have one; `jbpf_ringbuf_map` and the other map macros annotate theirs.
    pub record_types: BTreeMap<String, RecordType>,
    /// By map: the type of its keys, if the source annotates it.
    pub key_types: BTreeMap<String, RecordType>,
    /// Faults that do not keep the programs from running, such as damaged debug information; one
    /// sentence each.
    pub warnings: Vec<String>,
}

/// One program of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectProgram {
    /// The section that holds the entry; its name says the program's type.
    pub section: String,
    /// The entry function's symbol.
    pub entry: String,
    /// The linked program. Its name is that of the section.
    pub program: Program,
}

/// The type of a program, by the prefix of its section's name (ABI: object).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProgramType<'a> {
    /// `jbpf_generic`, `.text`, or a name that is not declared: attaches to any hook.
    Any,
    /// `jbpf_stats`: attaches to the hooks that report statistics.
    Stats,
    /// A type that the application declared: attaches to hooks of that type.
    Declared(&'a str),
}

impl Object {
    /// Reads and links an object.
    ///
    /// A section of code is a program, unless it is `.text` (or `.text.*`) beside others. Its
    /// entry is `jbpf_main`. Without a `jbpf_main`, the entry is the only function, or the only
    /// global one. A section with several functions, all of them local, makes no program: other
    /// sections call its functions.
    ///
    /// # Errors
    ///
    /// An [`ObjectError`] that says which part of the file is damaged, foreign or beyond a limit.
    pub fn parse(bytes: &[u8]) -> Result<Self, ObjectError> {
        let elf = Elf::parse(bytes)?;
        let definitions = Definitions::read(&elf)?;
        let functions = Functions::read(&elf)?;
        let entries = entries(&elf, &functions)?;
        let (btf, warnings) = Btf::read(&elf);

        let mut programs = Vec::with_capacity(entries.len());
        let mut instructions = 0;
        for (section, entry) in entries {
            let linked = link(&elf, &functions, &definitions, entry)?;
            instructions += linked.insns.len();
            at_most("linked instructions", instructions, MAX_ALL_INSTRUCTIONS)?;
            let lines = btf.lines(&elf, &linked);
            let program = Program {
                name: section.to_owned(),
                functions: linked.function_names(),
                insns: linked.insns,
                maps: definitions.maps.clone(),
                lines,
            };
            programs.push(ObjectProgram {
                section: section.to_owned(),
                entry: entry.name.to_owned(),
                program,
            });
        }
        let annotations = record::annotations(&btf, &definitions.maps);
        Ok(Self {
            maps: definitions.maps,
            programs,
            record_types: annotations.records,
            key_types: annotations.keys,
            warnings,
        })
    }

    /// The program whose section has this name.
    #[must_use]
    pub fn program_in(&self, section: &str) -> Option<&ObjectProgram> {
        self.programs
            .iter()
            .find(|program| program.section == section)
    }
}

impl ObjectProgram {
    /// The program's type, given the names that the application declares. The longest prefix
    /// counts.
    #[must_use]
    pub fn program_type<'a>(&self, declared: impl IntoIterator<Item = &'a str>) -> ProgramType<'a> {
        let builtin = [
            (GENERIC_PROGRAM, ProgramType::Any),
            (STATS_PROGRAM, ProgramType::Stats),
        ];
        declared
            .into_iter()
            .map(|name| (name, ProgramType::Declared(name)))
            .chain(builtin)
            .filter(|(prefix, _)| !prefix.is_empty() && self.section.starts_with(prefix))
            .max_by_key(|(prefix, _)| prefix.len())
            .map_or(ProgramType::Any, |(_, kind)| kind)
    }
}

/// The entry of each program section, with the section's name.
fn entries<'data>(
    elf: &Elf<'data>,
    functions: &Functions<'data>,
) -> Result<Vec<(&'data str, Function<'data>)>, ObjectError> {
    let mut code = Vec::new();
    for (index, section) in elf.sections.iter().enumerate() {
        if section.class == SectionClass::Code && section.size > 0 {
            let is_text = section.name == ".text" || section.name.starts_with(".text.");
            let named = functions
                .of(index)
                .find(|function| function.name == ENTRY)
                .copied();
            code.push((index, section.name, is_text, named));
        }
    }
    let only_text = code.iter().all(|(_, _, is_text, _)| *is_text);
    let any_named = code.iter().any(|(.., named)| named.is_some());
    let mut entries = Vec::new();
    for (index, name, is_text, named) in code {
        let entry = match named {
            Some(function) => Some(function),
            None if is_text && (!only_text || any_named) => None,
            None => sole_entry(name, functions.of(index))?,
        };
        if let Some(function) = entry {
            entries.push((name, function));
        }
    }
    at_most("program sections", entries.len(), MAX_PROGRAMS)?;
    if entries.is_empty() {
        return Err(ObjectError::NoProgram);
    }
    Ok(entries)
}

/// The only possible entry of a section without `jbpf_main`.
fn sole_entry<'a, 'data: 'a>(
    section: &str,
    functions: impl Iterator<Item = &'a Function<'data>> + Clone,
) -> Result<Option<Function<'data>>, ObjectError> {
    let mut globals = functions.clone().filter(|function| function.global);
    match (globals.next(), globals.next()) {
        (Some(only), None) => Ok(Some(*only)),
        (Some(_), Some(_)) => Err(ObjectError::AmbiguousEntry {
            section: section.to_owned(),
            functions: functions
                .filter(|function| function.global)
                .take(4)
                .map(|function| format!("`{}`", function.name))
                .collect::<Vec<_>>()
                .join(", "),
        }),
        (None, _) => {
            let mut all = functions;
            Ok(match (all.next(), all.next()) {
                (Some(only), None) => Some(*only),
                _ => None,
            })
        }
    }
}
