//! Programs written as text, for tests and for the examples of the codes' pages.
//!
//! rbpf's assembler assembles plain instructions. This module adds labels, maps and data sections
//! by name, helpers by name, calls of functions, instructions that rbpf does not know, and raw
//! slots.
//!
//! ```text
//!     .context stats                     ; generic (the default), stats, read_only SIZE, writable SIZE
//!     .limit 20                          ; instructions that one call may execute
//!     .map NAME KIND key 4 value 8 entries 16    ; channels have no key
//!     .maps 64 KIND ...                  ; as many maps of one definition
//!     .rodata NAME 25 64 00              ; bytes in hexadecimal; .data likewise
//!     .repeat 100 mov r0, 0
//!     .slot 95 00 00 00 00 00 00 00
//!     lddw r1, map NAME
//!     lddw r1, section NAME
//!     atomic_fetch_add_w [r10-4], r1
//!     call map_lookup_elem
//!     call LABEL
//!     jeq r0, 0, LABEL
//! LABEL:
//! ```

#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::BTreeMap;

use jbpf_verifier::types::{ContextDef, DataSection, HelperTable, MapDef, MapKind};
use jbpf_verifier::{Program, RawInsn};

/// A program with the types that it is verified against.
pub struct Assembled {
    pub program: Program,
    pub context: ContextDef,
    pub helpers: HelperTable,
}

/// Assembles a program. Panics with the line that it does not understand.
pub fn assemble(text: &str) -> Assembled {
    let mut source = Source::default();
    for line in text.lines() {
        let code = line.split(';').next().unwrap_or_default().trim();
        source.line(code);
    }
    source.finish()
}

#[derive(Default)]
struct Source<'a> {
    maps: Vec<MapDef>,
    context: Option<ContextDef>,
    limit: Option<u64>,
    labels: BTreeMap<&'a str, usize>,
    /// Each instruction with its first slot and the number of its repetitions.
    code: Vec<(usize, &'a str, u64)>,
    slots: usize,
}

impl<'a> Source<'a> {
    fn line(&mut self, line: &'a str) {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        match word {
            "" => {}
            ".context" => self.context = Some(context(rest)),
            ".limit" => self.limit = Some(number(rest)),
            ".map" => self.maps.push(map(rest)),
            ".maps" => {
                let (count, definition) = rest.split_once(' ').expect("a count");
                let named = |index| map(&format!("map{index} {definition}"));
                self.maps.extend((0..number(count)).map(named));
            }
            ".rodata" => self.maps.push(section(rest, true)),
            ".data" => self.maps.push(section(rest, false)),
            ".repeat" => {
                let (count, insn) = rest.split_once(' ').expect("a count");
                self.insn(insn, number(count));
            }
            _ => match line.strip_suffix(':') {
                Some(label) => {
                    self.labels.insert(label, self.slots);
                }
                None => self.insn(line, 1),
            },
        }
    }

    fn insn(&mut self, line: &'a str, times: u64) {
        self.code.push((self.slots, line, times));
        let slots = if line.starts_with("lddw") { 2 } else { 1 };
        self.slots += slots * usize::try_from(times).expect("a short program");
    }

    fn finish(self) -> Assembled {
        let helpers = HelperTable::builtin();
        let mut context = self.context.clone().unwrap_or_else(ContextDef::generic);
        context.max_instructions = self.limit;
        let mut insns = Vec::with_capacity(self.slots);
        for &(at, line, times) in &self.code {
            let encoded = self.encode(at, line, &helpers);
            (0..times).for_each(|_| insns.extend_from_slice(&encoded));
        }
        let program = Program {
            name: "example".to_owned(),
            insns,
            maps: self.maps,
            ..Program::default()
        };
        Assembled {
            program,
            context,
            helpers,
        }
    }

    fn encode(&self, at: usize, line: &str, helpers: &HelperTable) -> Vec<RawInsn> {
        let (operation, operands) = line.split_once(' ').unwrap_or((line, ""));
        let words: Vec<&str> = operands
            .split([',', ' '])
            .filter(|w| !w.is_empty())
            .collect();
        match (operation, words.as_slice()) {
            (".slot", bytes) => vec![RawInsn::from_bytes(
                hex(bytes).try_into().expect("eight bytes"),
            )],
            ("lddw", [dst, "map", name]) => self.wide(dst, 5, name),
            ("lddw", [dst, "section", name]) => self.wide(dst, 6, name),
            ("lddw", [dst, "section", name, "+", offset]) => {
                let mut wide = self.wide(dst, 6, name);
                wide[1].imm = offset.parse().expect("an offset");
                wide
            }
            _ if operation.starts_with("atomic_") => vec![atomic(operation, &words)],
            _ if operation.starts_with("movsx") => vec![move_signed(operation, &words)],
            _ if operation.starts_with("ldxs") => {
                // The mode is 4 in place of the plain load's 3.
                let mut load = plain(&line.replacen("ldxs", "ldx", 1));
                load[0].opcode += 0x20;
                load
            }
            _ if operation.starts_with("bswap") => {
                let mut swap = plain(&line.replacen("bswap", "le", 1));
                swap[0].opcode = 0xd7;
                swap
            }
            ("sdiv" | "sdiv32" | "smod" | "smod32", _) => {
                let mut division = plain(&line[1..]);
                division[0].off = 1;
                division
            }
            ("jal", [target]) => vec![RawInsn {
                opcode: 0x06,
                imm: match self.labels.contains_key(target) {
                    true => self.distance(at, target),
                    false => target.parse().expect("a distance"),
                },
                ..RawInsn::default()
            }],
            ("call", [name]) => vec![self.call(at, name, helpers)],
            (_, [.., last]) if self.labels.contains_key(last) => {
                let distance = self.distance(at, last);
                let line = line.strip_suffix(last).expect("its last word");
                plain(&format!("{line}{distance:+}"))
            }
            _ => plain(line),
        }
    }

    fn wide(&self, dst: &str, src: u8, name: &str) -> Vec<RawInsn> {
        let index = self.maps.iter().position(|map| map.name == name);
        let index = index.unwrap_or_else(|| panic!("no map `{name}`"));
        let low = RawInsn {
            opcode: 0x18,
            dst: dst.trim_start_matches('r').parse().expect("a register"),
            src,
            off: 0,
            imm: index.try_into().expect("few maps"),
        };
        vec![low, RawInsn::default()]
    }

    fn call(&self, at: usize, name: &str, helpers: &HelperTable) -> RawInsn {
        let helper = helpers.iter().find(|helper| helper.name == name);
        let parsed = || name.parse().unwrap_or_else(|_| panic!("no `{name}`"));
        let (src, imm) = match (self.labels.contains_key(name), helper) {
            (true, _) => (1, self.distance(at, name)),
            (false, Some(helper)) => (0, helper.id.try_into().expect("a small id")),
            (false, None) if name.starts_with(['+', '-']) => (1, parsed()),
            (false, None) => (0, parsed()),
        };
        RawInsn {
            opcode: 0x85,
            src,
            imm,
            ..RawInsn::default()
        }
    }

    /// From the slot after a jump of one slot to a label.
    fn distance(&self, at: usize, label: &str) -> i32 {
        let target = i32::try_from(self.labels[label]).expect("a short program");
        target - i32::try_from(at).expect("a short program") - 1
    }
}

fn plain(line: &str) -> Vec<RawInsn> {
    let bytes = rbpf::assembler::assemble(line).unwrap_or_else(|error| panic!("`{line}`: {error}"));
    bytes
        .chunks_exact(8)
        .map(|slot| RawInsn::from_bytes(slot.try_into().expect("eight bytes")))
        .collect()
}

fn atomic(operation: &str, words: &[&str]) -> RawInsn {
    let (name, size) = operation.rsplit_once('_').expect("a size");
    let [memory, src] = words else {
        panic!("`{operation}` has two operands");
    };
    // The store of the same operands has the right fields but for mode and operation.
    let mut store = plain(&format!("stx{size} {memory}, {src}"))[0];
    store.opcode += 0x60;
    store.imm = match name {
        "atomic_add" => 0x00,
        "atomic_fetch_add" => 0x01,
        "atomic_or" => 0x40,
        "atomic_fetch_or" => 0x41,
        "atomic_and" => 0x50,
        "atomic_fetch_and" => 0x51,
        "atomic_xor" => 0xa0,
        "atomic_fetch_xor" => 0xa1,
        "atomic_xchg" => 0xe1,
        "atomic_cmpxchg" => 0xf1,
        _ => panic!("no atomic operation `{operation}`"),
    };
    store
}

fn move_signed(operation: &str, words: &[&str]) -> RawInsn {
    let size = operation.trim_start_matches("movsx");
    let (size, name) = match size.strip_suffix("_32") {
        Some(size) => (size, "mov32"),
        None => (size, "mov"),
    };
    let mut insn = plain(&format!("{name} {}", words.join(", ")))[0];
    insn.off = size.parse().expect("a number of bits");
    insn
}

fn context(text: &str) -> ContextDef {
    let region = |size: &str, writable| {
        let mut context = ContextDef::generic();
        context.region.known_size = number(size);
        context.region.sized_by_end = false;
        context.region.writable = writable;
        context
    };
    match text.split_once(' ') {
        None if text == "generic" => ContextDef::generic(),
        None if text == "stats" => ContextDef::stats(),
        Some(("read_only", size)) => region(size, false),
        Some(("writable", size)) => region(size, true),
        _ => panic!("no context `{text}`"),
    }
}

fn map(text: &str) -> MapDef {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [name, kind, sizes @ ..] = words.as_slice() else {
        panic!("`.map {text}` has no name and kind");
    };
    let size = |what: &str| {
        let at = sizes.iter().position(|word| *word == what);
        at.map_or(0, |at| number(sizes[at + 1]).try_into().expect("32 bits"))
    };
    MapDef {
        name: (*name).to_owned(),
        kind: match *kind {
            "array" => MapKind::Array,
            "hash" => MapKind::Hash,
            "ringbuf" => MapKind::RingBuf,
            "control_input" => MapKind::ControlInput,
            "per_thread_array" => MapKind::PerThreadArray,
            "per_thread_hash" => MapKind::PerThreadHash,
            "output" => MapKind::Output,
            "application" => MapKind::Application(16),
            _ => panic!("no map kind `{kind}`"),
        },
        key_size: size("key"),
        value_size: size("value"),
        max_entries: size("entries"),
        parameters: Default::default(),
        section: None,
    }
}

fn section(text: &str, read_only: bool) -> MapDef {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [name, bytes @ ..] = words.as_slice() else {
        panic!("a section has a name");
    };
    let contents = hex(bytes);
    MapDef {
        name: (*name).to_owned(),
        kind: MapKind::Array,
        key_size: 4,
        value_size: contents.len().try_into().expect("few bytes"),
        max_entries: 1,
        parameters: Default::default(),
        section: Some(DataSection {
            contents: contents.into(),
            read_only,
        }),
    }
}

fn hex(words: &[&str]) -> Vec<u8> {
    let byte = |word: &&str| u8::from_str_radix(word, 16).expect("a byte in hexadecimal");
    words.iter().map(byte).collect()
}

fn number(text: &str) -> u64 {
    text.parse()
        .unwrap_or_else(|_| panic!("`{text}` is no number"))
}
