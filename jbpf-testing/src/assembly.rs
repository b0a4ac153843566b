//! Programs written as text, for tests and for the examples of the verifier's pages.
//!
//! rbpf's assembler assembles plain instructions. This module adds labels, maps and data sections
//! by name or by index, helpers by name, calls of functions, instructions that rbpf does not know,
//! and raw slots. `jbpf_verifier::report::disassemble` prints the same notation.
//!
//! ```text
//!     .context stats           ; or generic (the default), read_only SIZE, writable SIZE
//!     .limit 20                          ; instructions that one call may execute
//!     .map NAME KIND key 4 value 8 entries 16    ; channels have no key
//!     .maps 64 KIND ...                  ; as many maps of one definition
//!     .rodata NAME 25 64 00              ; bytes in hexadecimal; .data likewise
//!     .repeat 100 mov r0, 0
//!     .slot 95 00 00 00 00 00 00 00
//!     lddw r1, map NAME
//!     lddw r1, section NAME + 8
//!     lddw r1, map 0                     ; by index, which needs no definition
//!     atomic_fetch_add_w [r10-4], r1
//!     call map_lookup_elem
//!     call LABEL
//!     call +3                            ; the function behind the next three slots
//!     jeq r0, 0, +3
//!     jeq r0, 0, LABEL
//! LABEL:
//! ```

use std::collections::BTreeMap;

use jbpf_abi::helper;
use jbpf_abi::map as kinds;

/// A program with the definitions of its text.
#[derive(Debug, Clone)]
pub struct Assembled {
    /// The instructions, eight bytes a slot.
    pub insns: Vec<[u8; 8]>,
    /// The maps and data sections that it defines, in order.
    pub maps: Vec<Map>,
    /// The context that it asks for.
    pub context: Context,
    /// The instructions that one call may execute, if it says.
    pub max_instructions: Option<u64>,
}

/// A map of a program; a data section is one, too.
#[derive(Debug, Clone)]
pub struct Map {
    /// Its name.
    pub name: String,
    /// The number of its kind, as in `jbpf_abi::map`.
    pub kind: u32,
    /// Bytes of a key; 0 for channels.
    pub key_size: u32,
    /// Bytes of a value.
    pub value_size: u32,
    /// Entries.
    pub max_entries: u32,
    /// The bytes of a data section.
    pub section: Option<Section>,
}

/// A data section.
#[derive(Debug, Clone)]
pub struct Section {
    /// Its bytes at the start.
    pub contents: Vec<u8>,
    /// Whether programs cannot write it.
    pub read_only: bool,
}

/// The context that a program asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Context {
    /// That of any hook.
    #[default]
    Generic,
    /// That of hooks that report statistics.
    Stats,
    /// That of any hook, with a region of a fixed size.
    Region {
        /// Bytes of the region.
        size: u64,
        /// Whether programs may write it.
        writable: bool,
    },
}

/// Assembles a program.
///
/// # Panics
/// At a line that it does not understand.
#[must_use]
pub fn assemble(text: &str) -> Assembled {
    let mut source = Source::default();
    for line in text.lines() {
        let code = line.split(';').next().unwrap_or_default().trim();
        source.line(code);
    }
    source.finish()
}

/// A slot by its fields.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    opcode: u8,
    dst: u8,
    src: u8,
    off: i16,
    imm: i32,
}

impl Slot {
    fn from_bytes(bytes: [u8; 8]) -> Self {
        let [opcode, registers, off @ .., i0, i1, i2, i3] = bytes;
        Self {
            opcode,
            dst: registers & 0x0f,
            src: registers >> 4,
            off: i16::from_le_bytes(off),
            imm: i32::from_le_bytes([i0, i1, i2, i3]),
        }
    }

    fn to_bytes(self) -> [u8; 8] {
        let [o0, o1] = self.off.to_le_bytes();
        let [i0, i1, i2, i3] = self.imm.to_le_bytes();
        [
            self.opcode,
            self.dst | self.src << 4,
            o0,
            o1,
            i0,
            i1,
            i2,
            i3,
        ]
    }
}

#[derive(Default)]
struct Source<'a> {
    maps: Vec<Map>,
    context: Context,
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
            ".context" => self.context = context(rest),
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
        let mut insns = Vec::with_capacity(self.slots);
        for &(at, line, times) in &self.code {
            let encoded: Vec<_> = self
                .encode(at, line)
                .into_iter()
                .map(Slot::to_bytes)
                .collect();
            (0..times).for_each(|_| insns.extend_from_slice(&encoded));
        }
        Assembled {
            insns,
            maps: self.maps,
            context: self.context,
            max_instructions: self.limit,
        }
    }

    fn encode(&self, at: usize, line: &str) -> Vec<Slot> {
        let (operation, operands) = line.split_once(' ').unwrap_or((line, ""));
        let words: Vec<&str> = operands
            .split([',', ' '])
            .filter(|w| !w.is_empty())
            .collect();
        match (operation, words.as_slice()) {
            (".slot", bytes) => vec![Slot::from_bytes(
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
            ("jal", [target]) => vec![Slot {
                opcode: 0x06,
                imm: match self.labels.contains_key(target) {
                    true => self.distance(at, target),
                    false => target.parse().expect("a distance"),
                },
                ..Slot::default()
            }],
            ("call", [name]) => vec![self.call(at, name)],
            (_, [.., last]) if self.labels.contains_key(last) => {
                let distance = self.distance(at, last);
                let line = line.strip_suffix(last).expect("its last word");
                plain(&format!("{line}{distance:+}"))
            }
            _ => plain(line),
        }
    }

    fn wide(&self, dst: &str, src: u8, name: &str) -> Vec<Slot> {
        let index = self.maps.iter().position(|map| map.name == name);
        let index = index
            .or_else(|| name.parse().ok())
            .unwrap_or_else(|| panic!("no map `{name}`"));
        let low = Slot {
            opcode: 0x18,
            dst: dst.trim_start_matches('r').parse().expect("a register"),
            src,
            off: 0,
            imm: index.try_into().expect("few maps"),
        };
        vec![low, Slot::default()]
    }

    fn call(&self, at: usize, name: &str) -> Slot {
        let helper = helper::NAMES.iter().find(|(_, known)| *known == name);
        let parsed = || name.parse().unwrap_or_else(|_| panic!("no `{name}`"));
        let (src, imm) = match (self.labels.contains_key(name), helper) {
            (true, _) => (1, self.distance(at, name)),
            (false, Some((id, _))) => (0, (*id).try_into().expect("a small id")),
            (false, None) if name.starts_with(['+', '-']) => (1, parsed()),
            (false, None) => (0, parsed()),
        };
        Slot {
            opcode: 0x85,
            src,
            imm,
            ..Slot::default()
        }
    }

    /// From the slot after a jump of one slot to a label.
    fn distance(&self, at: usize, label: &str) -> i32 {
        let target = i32::try_from(self.labels[label]).expect("a short program");
        target - i32::try_from(at).expect("a short program") - 1
    }
}

fn plain(line: &str) -> Vec<Slot> {
    let bytes = rbpf::assembler::assemble(line).unwrap_or_else(|error| panic!("`{line}`: {error}"));
    bytes
        .chunks_exact(8)
        .map(|slot| Slot::from_bytes(slot.try_into().expect("eight bytes")))
        .collect()
}

fn atomic(operation: &str, words: &[&str]) -> Slot {
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

fn move_signed(operation: &str, words: &[&str]) -> Slot {
    let size = operation.trim_start_matches("movsx");
    let (size, name) = match size.strip_suffix("_32") {
        Some(size) => (size, "mov32"),
        None => (size, "mov"),
    };
    let mut insn = plain(&format!("{name} {}", words.join(", ")))[0];
    insn.off = size.parse().expect("a number of bits");
    insn
}

fn context(text: &str) -> Context {
    let region = |size: &str, writable| Context::Region {
        size: number(size),
        writable,
    };
    match text.split_once(' ') {
        None if text == "generic" => Context::Generic,
        None if text == "stats" => Context::Stats,
        Some(("read_only", size)) => region(size, false),
        Some(("writable", size)) => region(size, true),
        _ => panic!("no context `{text}`"),
    }
}

fn map(text: &str) -> Map {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [name, kind, sizes @ ..] = words.as_slice() else {
        panic!("`.map {text}` has no name and kind");
    };
    let size = |what: &str| {
        let at = sizes.iter().position(|word| *word == what);
        at.map_or(0, |at| number(sizes[at + 1]).try_into().expect("32 bits"))
    };
    Map {
        name: (*name).to_owned(),
        kind: match *kind {
            "array" => kinds::ARRAY,
            "hash" => kinds::HASHMAP,
            "ringbuf" => kinds::RINGBUF,
            "control_input" => kinds::CONTROL_INPUT,
            "per_thread_array" => kinds::PER_THREAD_ARRAY,
            "per_thread_hash" => kinds::PER_THREAD_HASHMAP,
            "output" => kinds::OUTPUT,
            "application" => kinds::FIRST_OF_APPLICATION,
            _ => panic!("no map kind `{kind}`"),
        },
        key_size: size("key"),
        value_size: size("value"),
        max_entries: size("entries"),
        section: None,
    }
}

fn section(text: &str, read_only: bool) -> Map {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [name, bytes @ ..] = words.as_slice() else {
        panic!("a section has a name");
    };
    let contents = hex(bytes);
    Map {
        name: (*name).to_owned(),
        kind: kinds::ARRAY,
        key_size: 4,
        value_size: contents.len().try_into().expect("few bytes"),
        max_entries: 1,
        section: Some(Section {
            contents,
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
