//! The ELF file, as far as codelets need it: sections, symbols and relocations. They are checked
//! once, so that every index and range is valid for later readers.

use std::collections::BTreeMap;

use object::LittleEndian;
use object::elf::{self, FileHeader64, SectionHeader64, Sym64};
use object::read::elf::{FileHeader as _, Rel as _, SectionHeader as _, Sym as _};

use crate::error::ObjectError;
use crate::visible::is_invisible;

type Header = FileHeader64<LittleEndian>;
const LE: LittleEndian = LittleEndian;

/// Sections in one object. Compilers make some thirty, and at most one for each function.
const MAX_SECTIONS: usize = 4096;
/// Symbols in one object.
const MAX_SYMBOLS: usize = 1 << 16;
/// Relocations of all loaded sections together.
const MAX_RELOCATIONS: usize = 1 << 18;
/// Bytes in a name. No name in a codelet is longer. Without the limit, the names of a table
/// without terminators would cost time by the square of its size.
const MAX_NAME: usize = 1024;

/// A codelet object's sections and symbols, by index.
#[derive(Debug)]
pub(crate) struct Elf<'data> {
    pub(crate) sections: Vec<Section<'data>>,
    pub(crate) symbols: Vec<Symbol<'data>>,
}

/// One section.
#[derive(Debug)]
pub(crate) struct Section<'data> {
    pub(crate) name: &'data str,
    pub(crate) class: SectionClass,
    /// Its size in memory, which for [`SectionClass::Zeroed`] has no bytes in the file.
    pub(crate) size: u64,
    pub(crate) bytes: &'data [u8],
    /// The relocations by offset; empty unless the section is loaded.
    pub(crate) relocations: BTreeMap<u64, Relocation>,
}

/// The contents of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SectionClass {
    /// Instructions.
    Code,
    /// Bytes that belong to the running codelet.
    Loaded,
    /// Zeros that belong to the running codelet.
    Zeroed,
    /// Everything else: debug information, tables of the file itself.
    Other,
}

/// One symbol.
#[derive(Debug)]
pub(crate) struct Symbol<'data> {
    pub(crate) name: &'data str,
    pub(crate) class: SymbolClass,
    pub(crate) global: bool,
    pub(crate) home: SymbolHome,
    pub(crate) value: u64,
    pub(crate) size: u64,
}

impl Symbol<'_> {
    /// The byte of its section that an addend to this symbol names.
    pub(crate) fn plus(&self, addend: i64) -> i64 {
        let value = i64::try_from(self.value).unwrap_or(i64::MAX);
        value.saturating_add(addend)
    }
}

/// The type of a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SymbolClass {
    Function,
    Object,
    Untyped,
    Section,
    Other,
}

/// The place of a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SymbolHome {
    /// In a section that exists.
    Section(usize),
    Undefined,
    /// Absolute, common, or reserved.
    Nowhere,
}

/// One relocation. Its addend is in the bytes that it changes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Relocation {
    pub(crate) kind: u32,
    /// Index of a symbol that exists.
    pub(crate) symbol: usize,
}

impl<'data> Elf<'data> {
    pub(crate) fn parse(data: &'data [u8]) -> Result<Self, ObjectError> {
        check_identity(data)?;
        let header = Header::parse(data).map_err(malformed)?;
        let machine = header.e_machine(LE);
        if machine != elf::EM_BPF {
            return Err(ObjectError::ForeignMachine { machine: machine.0 });
        }
        let file_type = header.e_type(LE);
        if file_type != elf::ET_REL {
            return Err(ObjectError::NotRelocatable {
                file_type: file_type.0,
            });
        }
        let headers = header.section_headers(LE, data).map_err(malformed)?;
        at_most("sections", headers.len(), MAX_SECTIONS)?;
        let names = match header.shstrndx(LE, data) {
            Ok(index) => string_table(data, headers, index as usize)?,
            Err(error) => return Err(malformed(error)),
        };

        let mut sections = Vec::with_capacity(headers.len());
        for section in headers {
            sections.push(read_section(data, section, names)?);
        }
        let (table, symbols) = read_symbols(data, headers, &sections)?;
        read_relocations(data, headers, &mut sections, table, symbols.len())?;
        Ok(Self { sections, symbols })
    }

    /// The first section of this name.
    pub(crate) fn section_named(&self, name: &str) -> Option<&Section<'data>> {
        self.sections.iter().find(|section| section.name == name)
    }
}

/// Whether these bytes begin as an ELF file does.
pub fn is_elf(data: &[u8]) -> bool {
    check_identity(data) != Err(ObjectError::NotElf)
}

/// Checks the first bytes, which tell the kind of the file, so that the error can name the kind of
/// a foreign file.
fn check_identity(data: &[u8]) -> Result<(), ObjectError> {
    let &[0x7f, b'E', b'L', b'F', class, encoding, ..] = data else {
        return Err(ObjectError::NotElf);
    };
    match (class, encoding) {
        (2, 1) => Ok(()),
        (2, 2) => Err(ObjectError::BigEndian),
        (1, _) => Err(ObjectError::NotElf64),
        _ => Err(ObjectError::Malformed(format!(
            "class {class} and encoding {encoding} do not exist"
        ))),
    }
}

fn malformed(error: object::read::Error) -> ObjectError {
    ObjectError::Malformed(error.to_string())
}

pub(crate) fn at_most(what: &'static str, count: usize, limit: usize) -> Result<(), ObjectError> {
    if count > limit {
        return Err(ObjectError::TooMany {
            what,
            count: count as u64,
            limit: limit as u64,
        });
    }
    Ok(())
}

fn string_table<'data>(
    data: &'data [u8],
    headers: &[SectionHeader64<LittleEndian>],
    index: usize,
) -> Result<&'data [u8], ObjectError> {
    let table = headers
        .get(index)
        .filter(|section| section.sh_type(LE) == elf::SHT_STRTAB)
        .ok_or_else(|| ObjectError::Malformed(format!("section {index} is no string table")))?;
    table.data(LE, data).map_err(malformed)
}

/// The string at an offset of a string table, without its terminator. A name with control or
/// format characters is refused: errors and answers quote names, terminals and logs obey control
/// characters, and some format characters reverse the text beside them.
pub(crate) fn string_at(table: &[u8], offset: u32) -> Option<&str> {
    let tail = table.get(offset as usize..)?;
    let len = tail.iter().take(MAX_NAME).position(|&byte| byte == 0)?;
    let name = std::str::from_utf8(tail.get(..len)?).ok()?;
    (!name.contains(is_invisible)).then_some(name)
}

fn name_at<'data>(table: &'data [u8], offset: u32, of: &str) -> Result<&'data str, ObjectError> {
    string_at(table, offset).ok_or_else(|| {
        ObjectError::Malformed(format!(
            "a {of}'s name at byte {offset} of the string table is not text of at most {MAX_NAME} bytes, without control characters"
        ))
    })
}

fn read_section<'data>(
    data: &'data [u8],
    header: &SectionHeader64<LittleEndian>,
    names: &'data [u8],
) -> Result<Section<'data>, ObjectError> {
    let name = name_at(names, header.sh_name(LE), "section")?;
    let bytes = header
        .data(LE, data)
        .map_err(|_| ObjectError::SectionBeyondFile {
            section: name.to_owned(),
        })?;
    let kind = header.sh_type(LE);
    let flags = header.sh_flags(LE);
    let loaded = flags.contains(elf::SHF_ALLOC);
    let class = if kind == elf::SHT_PROGBITS && flags.contains(elf::SHF_EXECINSTR) {
        SectionClass::Code
    } else if kind == elf::SHT_PROGBITS && loaded {
        SectionClass::Loaded
    } else if kind == elf::SHT_NOBITS && loaded {
        SectionClass::Zeroed
    } else {
        SectionClass::Other
    };
    let size = header.sh_size(LE);
    if class == SectionClass::Code && !size.is_multiple_of(8) {
        return Err(ObjectError::UnevenCode {
            section: name.to_owned(),
            size,
        });
    }
    Ok(Section {
        name,
        class,
        size,
        bytes,
        relocations: BTreeMap::new(),
    })
}

/// The symbols, and the index of the section that holds them.
fn read_symbols<'data>(
    data: &'data [u8],
    headers: &'data [SectionHeader64<LittleEndian>],
    sections: &[Section<'data>],
) -> Result<(usize, Vec<Symbol<'data>>), ObjectError> {
    let mut tables = headers
        .iter()
        .enumerate()
        .filter(|(_, section)| section.sh_type(LE) == elf::SHT_SYMTAB);
    let Some((table, header)) = tables.next() else {
        return Err(ObjectError::NoSymbols);
    };
    if tables.next().is_some() {
        return Err(ObjectError::Malformed(
            "there are two symbol tables".to_owned(),
        ));
    }
    let entries: &[Sym64<LittleEndian>] = header.data_as_array(LE, data).map_err(malformed)?;
    at_most("symbols", entries.len(), MAX_SYMBOLS)?;
    let names = string_table(data, headers, header.sh_link(LE) as usize)?;

    let mut symbols = Vec::with_capacity(entries.len());
    for entry in entries {
        symbols.push(read_symbol(entry, names, sections)?);
    }
    Ok((table, symbols))
}

fn read_symbol<'data>(
    entry: &Sym64<LittleEndian>,
    names: &'data [u8],
    sections: &[Section<'data>],
) -> Result<Symbol<'data>, ObjectError> {
    let class = match entry.st_type() {
        elf::STT_FUNC => SymbolClass::Function,
        elf::STT_OBJECT => SymbolClass::Object,
        elf::STT_NOTYPE => SymbolClass::Untyped,
        elf::STT_SECTION => SymbolClass::Section,
        _ => SymbolClass::Other,
    };
    let mut name = name_at(names, entry.st_name(LE), "symbol")?;
    let home = match entry.st_shndx(LE) {
        elf::SHN_UNDEF => SymbolHome::Undefined,
        index if index.0 >= elf::SHN_LORESERVE => SymbolHome::Nowhere,
        index => {
            let index = usize::from(index.0);
            let section = sections.get(index).ok_or_else(|| {
                ObjectError::Malformed(format!(
                    "symbol `{name}` is in section {index}, which does not exist"
                ))
            })?;
            if class == SymbolClass::Section {
                name = section.name;
            }
            SymbolHome::Section(index)
        }
    };
    Ok(Symbol {
        name,
        class,
        global: !entry.is_local(),
        home,
        value: entry.st_value(LE),
        size: entry.st_size(LE),
    })
}

/// Hands each loaded section its relocations.
fn read_relocations<'data>(
    data: &'data [u8],
    headers: &'data [SectionHeader64<LittleEndian>],
    sections: &mut [Section<'data>],
    table: usize,
    symbols: usize,
) -> Result<(), ObjectError> {
    let mut total = 0;
    for header in headers {
        let target = header.sh_info(LE) as usize;
        let kind = header.sh_type(LE);
        if kind != elf::SHT_REL && kind != elf::SHT_RELA {
            continue;
        }
        let Some(section) = sections.get_mut(target) else {
            return Err(ObjectError::Malformed(format!(
                "relocations for section {target}, which does not exist"
            )));
        };
        if section.class == SectionClass::Other {
            // Debug information refers to itself; this crate reads no part that needs a
            // relocation.
            continue;
        }
        let broken = |section: &Section<'_>, offset, problem: &str| ObjectError::BadRelocation {
            section: section.name.to_owned(),
            offset,
            problem: problem.to_owned(),
        };
        if kind == elf::SHT_RELA {
            return Err(broken(section, 0, "of a form (RELA) that BPF does not use"));
        }
        if header.sh_link(LE) as usize != table {
            return Err(broken(section, 0, "not of the object's symbol table"));
        }
        let Some((entries, _)) = header.rel(LE, data).map_err(malformed)? else {
            continue;
        };
        total += entries.len();
        at_most("relocations", total, MAX_RELOCATIONS)?;
        for entry in entries {
            let offset = entry.r_offset(LE);
            let symbol = entry.r_sym(LE) as usize;
            if offset >= section.size {
                return Err(broken(section, offset, "outside the section"));
            }
            if symbol >= symbols {
                return Err(broken(section, offset, "for a symbol that does not exist"));
            }
            let relocation = Relocation {
                kind: entry.r_type(LE).0,
                symbol,
            };
            if section.relocations.insert(offset, relocation).is_some() {
                return Err(broken(section, offset, "the second one for this place"));
            }
        }
    }
    Ok(())
}
