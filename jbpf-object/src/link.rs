//! Linking: from functions scattered over sections to one array of instructions.
//!
//! The entry comes first. Each called function is appended once, at its first call. This module
//! does not judge the instructions; that is the verifier's part.

use std::collections::{BTreeMap, VecDeque};

use jbpf_abi::object::{PSEUDO_CALL, R_BPF_64_32, R_BPF_64_64};
use jbpf_verifier::program::FunctionName;
use jbpf_verifier::{MAX_INSTRUCTIONS, RawInsn};

use crate::definitions::{Definitions, is_map_section};
use crate::elf::{Elf, Relocation, Section, SectionClass, Symbol, SymbolClass, SymbolHome};
use crate::error::ObjectError;

/// Instructions of all programs of one object. A function that several programs share is linked
/// into each of them: without a limit, a small file would make large programs.
pub(crate) const MAX_ALL_INSTRUCTIONS: usize = 1 << 18;
/// Bytes of one instruction slot.
pub(crate) const SLOT: u64 = 8;

/// `lddw`, the wide load: two slots.
const WIDE_LOAD: u8 = 0x18;
/// `call` with an immediate.
const CALL: u8 = 0x85;
/// Source register of a wide load of a map itself.
const LOAD_MAP: u8 = 5;
/// Source register of a wide load of an address in a map's first value.
const LOAD_MAP_VALUE: u8 = 6;

/// A function: a run of instructions in one section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Function<'data> {
    pub(crate) section: usize,
    /// First byte in the section.
    pub(crate) start: u64,
    /// One past its last byte.
    pub(crate) end: u64,
    pub(crate) name: &'data str,
    pub(crate) global: bool,
}

/// The functions of all code sections, by section and first byte.
#[derive(Debug)]
pub(crate) struct Functions<'data> {
    by_place: BTreeMap<(usize, u64), Function<'data>>,
}

impl<'data> Functions<'data> {
    /// Finds the functions: the function symbols of a section. If the assembler source gives no
    /// symbol types, its global labels count; if there are no labels either, the section as a
    /// whole is one function.
    pub(crate) fn read(elf: &Elf<'data>) -> Result<Self, ObjectError> {
        let mut typed: BTreeMap<usize, Vec<&Symbol<'data>>> = BTreeMap::new();
        let mut labels: BTreeMap<usize, Vec<&Symbol<'data>>> = BTreeMap::new();
        for symbol in &elf.symbols {
            let SymbolHome::Section(home) = symbol.home else {
                continue;
            };
            match symbol.class {
                SymbolClass::Function => typed.entry(home).or_default().push(symbol),
                SymbolClass::Untyped if symbol.global => {
                    labels.entry(home).or_default().push(symbol);
                }
                _ => {}
            }
        }
        let mut functions = Self {
            by_place: BTreeMap::new(),
        };
        for (index, section) in elf.sections.iter().enumerate() {
            if section.class != SectionClass::Code || section.size == 0 {
                continue;
            }
            match typed.remove(&index).or_else(|| labels.remove(&index)) {
                Some(symbols) => functions.read_symbols(index, section, symbols)?,
                None => {
                    let whole = Function {
                        section: index,
                        start: 0,
                        end: section.size,
                        name: section.name,
                        global: true,
                    };
                    functions.by_place.insert((index, 0), whole);
                }
            }
        }
        Ok(functions)
    }

    /// The functions of one section, by first byte.
    pub(crate) fn of(&self, section: usize) -> impl Iterator<Item = &Function<'data>> + Clone {
        self.by_place
            .range((section, 0)..=(section, u64::MAX))
            .map(|(_, function)| function)
    }

    fn at(&self, section: usize, offset: i64) -> Option<Function<'data>> {
        let offset = u64::try_from(offset).ok()?;
        self.by_place.get(&(section, offset)).copied()
    }

    fn read_symbols(
        &mut self,
        index: usize,
        section: &Section<'data>,
        mut symbols: Vec<&Symbol<'data>>,
    ) -> Result<(), ObjectError> {
        // If a function has two names, the global one counts.
        symbols.sort_by_key(|symbol| (symbol.value, !symbol.global));
        symbols.dedup_by(|later, first| later.value == first.value && later.size == first.size);
        let ends = symbols
            .iter()
            .skip(1)
            .map(|next| next.value)
            .chain([section.size])
            .collect::<Vec<_>>();
        for (symbol, next) in symbols.iter().zip(ends) {
            let end = match symbol.size {
                0 => next,
                size => symbol.value.saturating_add(size),
            };
            let bad = |problem| ObjectError::BadSymbol {
                symbol: symbol.name.to_owned(),
                section: section.name.to_owned(),
                start: symbol.value,
                end,
                problem,
            };
            if end > section.size || symbol.value >= section.size {
                return Err(bad("which ends before them"));
            }
            if end > next || symbol.value == next {
                let second = symbols
                    .iter()
                    .filter(|other| !std::ptr::eq(**other, *symbol))
                    .find(|other| other.value == next);
                return Err(ObjectError::OverlappingSymbols {
                    first: symbol.name.to_owned(),
                    second: second.map_or_else(String::new, |other| other.name.to_owned()),
                    section: section.name.to_owned(),
                });
            }
            if !symbol.value.is_multiple_of(SLOT) || !end.is_multiple_of(SLOT) {
                return Err(bad("which are no whole instructions"));
            }
            let function = Function {
                section: index,
                start: symbol.value,
                end,
                name: symbol.name,
                global: symbol.global,
            };
            self.by_place.insert((index, symbol.value), function);
        }
        Ok(())
    }
}

/// A linked program's code, and the origin of each part.
#[derive(Debug)]
pub(crate) struct Linked<'data> {
    pub(crate) insns: Vec<RawInsn>,
    /// Each function and its first instruction, ascending.
    pub(crate) placed: Vec<(Function<'data>, usize)>,
}

impl Linked<'_> {
    pub(crate) fn function_names(&self) -> Vec<FunctionName> {
        self.placed
            .iter()
            .map(|(function, start)| FunctionName {
                start: *start,
                name: function.name.to_owned(),
            })
            .collect()
    }
}

/// Links an entry function with all functions that it calls.
pub(crate) fn link<'data>(
    elf: &Elf<'data>,
    functions: &Functions<'data>,
    definitions: &Definitions,
    entry: Function<'data>,
) -> Result<Linked<'data>, ObjectError> {
    let mut linker = Linker {
        elf,
        functions,
        definitions,
        entry,
        insns: Vec::new(),
        placed: Vec::new(),
        starts: BTreeMap::new(),
        open: VecDeque::new(),
    };
    linker.place(entry)?;
    while let Some((function, start)) = linker.open.pop_front() {
        linker.resolve(function, start)?;
    }
    Ok(Linked {
        insns: linker.insns,
        placed: linker.placed,
    })
}

struct Linker<'data, 'a> {
    elf: &'a Elf<'data>,
    functions: &'a Functions<'data>,
    definitions: &'a Definitions,
    entry: Function<'data>,
    insns: Vec<RawInsn>,
    placed: Vec<(Function<'data>, usize)>,
    /// First instruction of each placed function, by its place in the object.
    starts: BTreeMap<(usize, u64), usize>,
    /// Placed functions whose references are still to be resolved.
    open: VecDeque<(Function<'data>, usize)>,
}

impl<'data> Linker<'data, '_> {
    fn section(&self, index: usize) -> Result<&Section<'data>, ObjectError> {
        self.elf
            .sections
            .get(index)
            .ok_or_else(|| ObjectError::Malformed(format!("section {index} does not exist")))
    }

    /// The index of a function's first instruction in the program; appends the function if it is
    /// not there yet.
    fn place(&mut self, function: Function<'data>) -> Result<usize, ObjectError> {
        if let Some(&start) = self.starts.get(&(function.section, function.start)) {
            return Ok(start);
        }
        let start = self.insns.len();
        let section = self.section(function.section)?;
        let code = section
            .bytes
            .get(function.start as usize..function.end as usize)
            .ok_or_else(|| {
                ObjectError::Malformed(format!("a function leaves section `{}`", section.name))
            })?;
        if start.saturating_add(code.len() / SLOT as usize) > MAX_INSTRUCTIONS {
            return Err(ObjectError::ProgramTooLong {
                section: self.section(self.entry.section)?.name.to_owned(),
                limit: MAX_INSTRUCTIONS,
            });
        }
        let (slots, _) = code.as_chunks();
        self.insns
            .extend(slots.iter().map(|&slot| RawInsn::from_bytes(slot)));
        self.starts
            .insert((function.section, function.start), start);
        self.placed.push((function, start));
        self.open.push_back((function, start));
        Ok(start)
    }

    /// Resolves the references of one placed function.
    fn resolve(&mut self, function: Function<'data>, start: usize) -> Result<(), ObjectError> {
        let len = ((function.end - function.start) / SLOT) as usize;
        let mut resolved = 0;
        let mut slot = 0;
        while slot < len {
            let at = start + slot;
            let offset = function.start + slot as u64 * SLOT;
            let Some(&insn) = self.insns.get(at) else {
                break;
            };
            let relocation = self
                .section(function.section)?
                .relocations
                .get(&offset)
                .copied();
            resolved += usize::from(relocation.is_some());
            let here = Reference { function, offset };
            match (insn.opcode, relocation) {
                (WIDE_LOAD, Some(relocation)) => self.wide_load(here, at, insn, relocation)?,
                (WIDE_LOAD, None) if insn.src != 0 => {
                    return Err(ObjectError::LinkedWideLoad {
                        function: function.name.to_owned(),
                        offset,
                        src: insn.src,
                    });
                }
                (CALL, Some(relocation)) => self.call_symbol(here, at, insn, relocation)?,
                (CALL, None) if insn.src == PSEUDO_CALL => {
                    let target = byte_target(offset, insn.imm);
                    self.call(here, at, insn, function.section, target)?;
                }
                (_, Some(_)) => {
                    return Err(self.bad_relocation(
                        here,
                        "on an instruction that refers to nothing".to_owned(),
                    ));
                }
                (_, None) => {}
            }
            slot += if insn.opcode == WIDE_LOAD { 2 } else { 1 };
        }
        let section = self.section(function.section)?;
        let mut inside = section.relocations.range(function.start..function.end);
        if inside.clone().count() != resolved {
            let wide_end = |offset: u64| !offset.is_multiple_of(SLOT);
            let offset = inside
                .find(|(offset, _)| wide_end(**offset))
                .map_or(function.start, |(offset, _)| *offset);
            return Err(self.bad_relocation(
                Reference { function, offset },
                "not on an instruction's first byte".to_owned(),
            ));
        }
        Ok(())
    }

    fn bad_relocation(&self, at: Reference<'data>, problem: String) -> ObjectError {
        ObjectError::BadRelocation {
            section: self
                .section(at.function.section)
                .map_or_else(|_| String::new(), |section| section.name.to_owned()),
            offset: at.offset,
            problem,
        }
    }

    /// The symbol of a relocation and the section where it is defined.
    fn target(
        &self,
        at: Reference<'data>,
        relocation: Relocation,
        expected: u32,
    ) -> Result<(&Symbol<'data>, usize), ObjectError> {
        if relocation.kind != expected {
            return Err(self.bad_relocation(
                at,
                format!(
                    "of type {}, which does not belong on this instruction; type {expected} does",
                    relocation.kind
                ),
            ));
        }
        let symbol =
            self.elf.symbols.get(relocation.symbol).ok_or_else(|| {
                ObjectError::Malformed("a relocation without a symbol".to_owned())
            })?;
        match symbol.home {
            SymbolHome::Section(section) => Ok((symbol, section)),
            SymbolHome::Undefined => Err(ObjectError::UndefinedSymbol {
                function: at.function.name.to_owned(),
                symbol: symbol.name.to_owned(),
            }),
            SymbolHome::Nowhere => Err(at.bad(
                symbol.name,
                "lies in no section; compile with `-fno-common`".to_owned(),
            )),
        }
    }

    fn wide_load(
        &mut self,
        at: Reference<'data>,
        index: usize,
        insn: RawInsn,
        relocation: Relocation,
    ) -> Result<(), ObjectError> {
        let (symbol, home) = self.target(at, relocation, R_BPF_64_64)?;
        let section = self.section(home)?;
        // The addend is the 64-bit immediate that the two slots hold; compilers fill the lower
        // half alone, sign and all.
        let high = self.insns.get(index + 1).map_or(0, |second| second.imm);
        if high != 0 && high != insn.imm >> 31 {
            return Err(at.bad(symbol.name, "is addressed beyond 2 GiB".to_owned()));
        }
        let offset = symbol.plus(i64::from(insn.imm));

        let (src, map, second) = if is_map_section(section) {
            let map = u64::try_from(offset)
                .ok()
                .and_then(|offset| self.definitions.map_at(home, offset))
                .ok_or_else(|| {
                    at.bad(
                        symbol.name,
                        format!("is addressed at byte {offset} of the map definitions, where none begins"),
                    )
                })?;
            (LOAD_MAP, map, 0)
        } else if let Some(map) = self.definitions.data_section(home) {
            // One past the end is an address that C may form.
            if symbol.value > section.size || offset < 0 || offset as u64 > section.size {
                return Err(at.bad(
                    symbol.name,
                    format!(
                        "is addressed at byte {offset} of section `{}`, which has {}",
                        section.name, section.size
                    ),
                ));
            }
            (LOAD_MAP_VALUE, map, offset as i32)
        } else if section.class == SectionClass::Code {
            return Err(at.bad(
                symbol.name,
                "is a function, and codelets cannot hold its address; call it directly".to_owned(),
            ));
        } else {
            return Err(at.bad(
                symbol.name,
                format!(
                    "lies in section `{}`, which codelets cannot address; data belongs in .data, .bss or .rodata",
                    section.name
                ),
            ));
        };
        if let Some(first) = self.insns.get_mut(index) {
            first.src = src;
            first.imm = map as i32;
        }
        if let Some(slot) = self.insns.get_mut(index + 1) {
            slot.imm = second;
        }
        Ok(())
    }

    fn call_symbol(
        &mut self,
        at: Reference<'data>,
        index: usize,
        insn: RawInsn,
        relocation: Relocation,
    ) -> Result<(), ObjectError> {
        let (symbol, home) = self.target(at, relocation, R_BPF_64_32)?;
        // The addend counts from the instruction after the call, in instructions: -1 is the
        // symbol.
        let target = symbol.plus((i64::from(insn.imm) + 1) * SLOT as i64);
        self.call(at, index, insn, home, target)
    }

    /// Points the call at `index` to the function at byte `target` of section `home`.
    fn call(
        &mut self,
        at: Reference<'data>,
        index: usize,
        insn: RawInsn,
        home: usize,
        target: i64,
    ) -> Result<(), ObjectError> {
        let start = match self.functions.at(home, target) {
            Some(function) => self.place(function)? as i64,
            // Assembly may call a label in the middle of a function symbol.
            None if home == at.function.section && at.function.holds(target) => {
                let own = self.place(at.function)? as i64;
                own + (target - at.function.start as i64) / SLOT as i64
            }
            None => {
                return Err(ObjectError::BadCallTarget {
                    function: at.function.name.to_owned(),
                    offset: at.offset,
                    section: self.section(home)?.name.to_owned(),
                    target,
                });
            }
        };
        let relative = start - (index as i64 + 1);
        if let Some(slot) = self.insns.get_mut(index) {
            *slot = RawInsn {
                src: PSEUDO_CALL,
                // Both ends are within MAX_INSTRUCTIONS.
                imm: relative as i32,
                ..insn
            };
        }
        Ok(())
    }
}

/// An instruction with a reference, for errors.
#[derive(Debug, Clone, Copy)]
struct Reference<'data> {
    function: Function<'data>,
    offset: u64,
}

impl Reference<'_> {
    fn bad(self, symbol: &str, problem: String) -> ObjectError {
        ObjectError::BadReference {
            function: self.function.name.to_owned(),
            offset: self.offset,
            symbol: symbol.to_owned(),
            problem,
        }
    }
}

impl Function<'_> {
    fn holds(&self, offset: i64) -> bool {
        u64::try_from(offset).is_ok_and(|offset| {
            (self.start..self.end).contains(&offset) && offset.is_multiple_of(SLOT)
        })
    }
}

/// The target of a call without relocation, in bytes of its section.
fn byte_target(offset: u64, imm: i32) -> i64 {
    // Sections are parts of a file in memory: the offset fits.
    (offset as i64).saturating_add((i64::from(imm) + 1) * SLOT as i64)
}
