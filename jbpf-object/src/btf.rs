//! BTF: source lines and types that the compiler left in the object.
//!
//! The sections are `.BTF` (types and strings) and `.BTF.ext` (lines), in the kernel's format,
//! version 1. A damaged section is left out with a warning: the codelet runs without it, and its
//! reports say less.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jbpf_verifier::program::LineInfo;

use crate::elf::Elf;
use crate::link::{Linked, SLOT};

const MAGIC: u16 = 0xeb9f;
/// Bytes of a line's text that are kept.
const MAX_TEXT: usize = 512;
/// Bytes of text that are kept for one object; lines beyond the limit have no text.
const MAX_ALL_TEXT: usize = 4 << 20;
/// Types of one object.
const MAX_TYPES: usize = 1 << 16;
/// Line records of one object.
const MAX_LINES: usize = 1 << 18;

/// An object's debug information; empty if the object has none.
#[derive(Debug, Default)]
pub struct Btf<'data> {
    strings: &'data [u8],
    /// Type id `n` is entry `n - 1`; id 0 is `void`.
    types: Vec<BtfType<'data>>,
    /// Line records of each section, by offset of the instruction in bytes.
    lines: BTreeMap<&'data str, BTreeMap<u64, Line>>,
    /// Paths and texts that lines refer to, each once.
    texts: HashMap<u32, Arc<str>>,
}

/// One type: the part that all types have, and the words that follow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BtfType<'data> {
    pub(crate) name: u32,
    pub(crate) kind: u8,
    /// If set, a struct's members carry the width of bit fields, and an enum's values are signed.
    pub(crate) flag: bool,
    /// Size in bytes, or the id of the type referred to.
    pub(crate) size_or_type: u32,
    pub(crate) rest: &'data [u8],
}

#[derive(Debug, Clone, Copy)]
struct Line {
    file: u32,
    text: u32,
    line: u32,
    column: u32,
}

/// Kinds of types, by their number in the format.
pub(crate) mod kind {
    pub(crate) const INT: u8 = 1;
    pub(crate) const PTR: u8 = 2;
    pub(crate) const ARRAY: u8 = 3;
    pub(crate) const STRUCT: u8 = 4;
    pub(crate) const UNION: u8 = 5;
    pub(crate) const ENUM: u8 = 6;
    pub(crate) const FWD: u8 = 7;
    pub(crate) const TYPEDEF: u8 = 8;
    pub(crate) const VOLATILE: u8 = 9;
    pub(crate) const CONST: u8 = 10;
    pub(crate) const RESTRICT: u8 = 11;
    pub(crate) const FUNC: u8 = 12;
    pub(crate) const FUNC_PROTO: u8 = 13;
    pub(crate) const VAR: u8 = 14;
    pub(crate) const DATASEC: u8 = 15;
    pub(crate) const FLOAT: u8 = 16;
    pub(crate) const DECL_TAG: u8 = 17;
    pub(crate) const TYPE_TAG: u8 = 18;
    pub(crate) const ENUM64: u8 = 19;
}

/// Little-endian words, taken one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words<'data>(pub(crate) &'data [u8]);

impl Words<'_> {
    pub(crate) fn u32(&mut self) -> Option<u32> {
        let (word, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*word))
    }
}

impl<'data> Btf<'data> {
    /// Reads both sections; the second part of the result has the warnings about damage.
    pub(crate) fn read(elf: &Elf<'data>) -> (Self, Vec<String>) {
        let mut btf = Self::default();
        let mut warnings = Vec::new();
        let Some(section) = elf.section_named(".BTF") else {
            return (btf, warnings);
        };
        if let Err(problem) = btf.read_types(section.bytes) {
            warnings.push(format!(
                "the types in section .BTF are damaged and left out: {problem}"
            ));
            return (Self::default(), warnings);
        }
        if let Some(section) = elf.section_named(".BTF.ext")
            && let Err(problem) = btf.read_lines(section.bytes)
        {
            warnings.push(format!(
                "the source lines in section .BTF.ext are damaged and left out: {problem}"
            ));
            btf.lines.clear();
        }
        btf.read_texts();
        (btf, warnings)
    }

    /// Source lines of a linked program.
    pub(crate) fn lines(&self, elf: &Elf<'_>, linked: &Linked<'_>) -> Vec<LineInfo> {
        let mut lines = Vec::new();
        for (function, start) in &linked.placed {
            let records = elf
                .sections
                .get(function.section)
                .and_then(|section| self.lines.get(section.name));
            for (offset, line) in records
                .into_iter()
                .flat_map(|records| records.range(function.start..function.end))
            {
                lines.push(LineInfo {
                    insn: start + ((offset - function.start) / SLOT) as usize,
                    file: self.text(line.file),
                    line: line.line,
                    column: line.column,
                    text: self.text(line.text),
                });
            }
        }
        lines
    }

    pub(crate) fn types(&self) -> &[BtfType<'data>] {
        &self.types
    }

    pub(crate) fn type_by_id(&self, id: u32) -> Option<&BtfType<'data>> {
        self.types.get((id as usize).checked_sub(1)?)
    }

    /// A name; empty if there is none.
    pub(crate) fn name(&self, offset: u32) -> &'data str {
        super::elf::string_at(self.strings, offset).unwrap_or_default()
    }

    fn text(&self, offset: u32) -> Arc<str> {
        self.texts.get(&offset).cloned().unwrap_or_default()
    }

    fn read_types(&mut self, bytes: &'data [u8]) -> Result<(), String> {
        let (mut header, body) = split_header(bytes)?;
        let mut word = || header.u32().ok_or("the header is too short");
        let (type_offset, type_len, string_offset, string_len) =
            (word()?, word()?, word()?, word()?);
        let mut types =
            part(body, type_offset, type_len).ok_or("the types end after the section")?;
        self.strings =
            part(body, string_offset, string_len).ok_or("the strings end after the section")?;
        while !types.is_empty() {
            if self.types.len() == MAX_TYPES {
                return Err(format!("there are more than {MAX_TYPES} types"));
            }
            let (entry, rest) = split_type(types)
                .ok_or_else(|| format!("type {} is cut short or unknown", self.types.len() + 1))?;
            self.types.push(entry);
            types = rest;
        }
        Ok(())
    }

    fn read_lines(&mut self, bytes: &'data [u8]) -> Result<(), String> {
        let (mut header, body) = split_header(bytes)?;
        let mut word = || header.u32().ok_or("the header is too short");
        let (_function_offset, _function_len, line_offset, line_len) =
            (word()?, word()?, word()?, word()?);
        if line_len == 0 {
            return Ok(());
        }
        let mut info =
            part(body, line_offset, line_len).ok_or("the lines end after the section")?;
        let record_size = take_u32(&mut info)? as usize;
        if !(16..=256).contains(&record_size) {
            return Err(format!("line records have {record_size} bytes"));
        }
        let mut total = 0;
        while !info.is_empty() {
            let section = self.name(take_u32(&mut info)?);
            let count = take_u32(&mut info)? as usize;
            total += count.min(MAX_LINES + 1);
            if total > MAX_LINES {
                return Err(format!("there are more than {MAX_LINES} lines"));
            }
            let (records, rest) = info
                .split_at_checked(count.saturating_mul(record_size))
                .ok_or("a section's lines are cut short")?;
            info = rest;
            let by_offset = self.lines.entry(section).or_default();
            for record in records.chunks_exact(record_size) {
                let mut words = Words(record);
                let mut word = || words.u32().ok_or("a line's record is cut short");
                let (offset, file, text, position) = (word()?, word()?, word()?, word()?);
                let line = Line {
                    file,
                    text,
                    line: position >> 10,
                    column: position & 0x3ff,
                };
                // Instructions without a source line have line 0; they count to the line before.
                if line.line != 0 && u64::from(offset).is_multiple_of(SLOT) {
                    by_offset.insert(u64::from(offset), line);
                }
            }
        }
        Ok(())
    }

    fn read_texts(&mut self) {
        let mut budget = MAX_ALL_TEXT;
        for line in self.lines.values().flat_map(BTreeMap::values) {
            for offset in [line.file, line.text] {
                if self.texts.contains_key(&offset) {
                    continue;
                }
                let bytes = self.strings.get(offset as usize..).unwrap_or_default();
                let len = bytes.iter().take(MAX_TEXT).take_while(|&&byte| byte != 0);
                let text = bytes.get(..len.count()).unwrap_or_default();
                if text.len() > budget {
                    continue;
                }
                budget -= text.len();
                self.texts
                    .insert(offset, String::from_utf8_lossy(text).into());
            }
        }
    }
}

/// The words of a header after its length, and the bytes after the header.
fn split_header(bytes: &[u8]) -> Result<(Words<'_>, &[u8]), String> {
    let mut words = Words(bytes);
    let start = words.u32().ok_or("the header is too short")?;
    let (magic, version) = (start as u16, (start >> 16) as u8);
    if magic != MAGIC {
        return Err(format!(
            "it begins with {magic:#06x} instead of {MAGIC:#06x}"
        ));
    }
    if version != 1 {
        return Err(format!("version {version} is not known"));
    }
    let header_len = words.u32().ok_or("the header is too short")? as usize;
    let (header, body) = bytes
        .split_at_checked(header_len)
        .ok_or("the header is longer than the section")?;
    let fields = header.get(8..).ok_or("the header is too short")?;
    Ok((Words(fields), body))
}

fn part(bytes: &[u8], offset: u32, len: u32) -> Option<&[u8]> {
    bytes.get(offset as usize..)?.get(..len as usize)
}

fn take_u32(bytes: &mut &[u8]) -> Result<u32, String> {
    let mut words = Words(bytes);
    let word = words.u32().ok_or("the section is cut short")?;
    *bytes = words.0;
    Ok(word)
}

/// One type from the front, and the bytes after it. `None` if the type is cut short, or its kind
/// is not defined: the length of such a type cannot be known.
fn split_type(bytes: &[u8]) -> Option<(BtfType<'_>, &[u8])> {
    let mut words = Words(bytes);
    let (name, info, size_or_type) = (words.u32()?, words.u32()?, words.u32()?);
    let vlen = (info & 0xffff) as usize;
    let kind = (info >> 24 & 0x1f) as u8;
    let len = match kind {
        kind::INT | kind::VAR | kind::DECL_TAG => 4,
        kind::ARRAY => 12,
        kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => 12 * vlen,
        kind::ENUM | kind::FUNC_PROTO => 8 * vlen,
        kind::PTR
        | kind::FWD
        | kind::TYPEDEF
        | kind::VOLATILE
        | kind::CONST
        | kind::RESTRICT
        | kind::FUNC
        | kind::FLOAT
        | kind::TYPE_TAG => 0,
        _ => return None,
    };
    let (rest, after) = words.0.split_at_checked(len)?;
    let entry = BtfType {
        name,
        kind,
        flag: info >> 31 != 0,
        size_or_type,
        rest,
    };
    Some((entry, after))
}
