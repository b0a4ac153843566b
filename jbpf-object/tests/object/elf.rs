//! A writer of small ELF objects, so that a test can give an object one exact fault.

/// `SHT_PROGBITS`, `SHT_REL`, `SHT_NOBITS`.
pub const PROGBITS: u32 = 1;
pub const RELA: u32 = 4;
pub const NOBITS: u32 = 8;
pub const REL: u32 = 9;
/// `SHF_WRITE`, `SHF_ALLOC`, `SHF_EXECINSTR`.
pub const WRITE: u64 = 1;
pub const ALLOC: u64 = 2;
pub const EXEC: u64 = 4;
/// Symbol types.
pub const NOTYPE: u8 = 0;
pub const OBJECT: u8 = 1;
pub const FUNC: u8 = 2;
pub const SECTION: u8 = 3;

pub const EXIT: [u8; 8] = [0x95, 0, 0, 0, 0, 0, 0, 0];
pub const R0_ZERO: [u8; 8] = [0xb7, 0, 0, 0, 0, 0, 0, 0];

/// One instruction's bytes.
pub fn insn(opcode: u8, dst: u8, src: u8, off: i16, imm: i32) -> [u8; 8] {
    let [o0, o1] = off.to_le_bytes();
    let [i0, i1, i2, i3] = imm.to_le_bytes();
    [opcode, dst | src << 4, o0, o1, i0, i1, i2, i3]
}

/// A wide load of r1.
pub fn wide(src: u8, imm: i32) -> [[u8; 8]; 2] {
    [insn(0x18, 1, src, 0, imm), insn(0, 0, 0, 0, 0)]
}

pub struct Elf {
    pub class: u8,
    pub encoding: u8,
    pub machine: u16,
    pub file_type: u16,
    sections: Vec<Section>,
    symbols: Vec<Symbol>,
    pub strip: bool,
}

struct Section {
    name: String,
    kind: u32,
    flags: u64,
    bytes: Vec<u8>,
    size: u64,
    link: u32,
    info: u32,
}

struct Symbol {
    name: String,
    info: u8,
    section: u16,
    value: u64,
    size: u64,
}

impl Elf {
    /// An object without sections.
    pub fn new() -> Self {
        Self {
            class: 2,
            encoding: 1,
            machine: 247,
            file_type: 1,
            sections: Vec::new(),
            symbols: Vec::new(),
            strip: false,
        }
    }

    /// An object whose section `jbpf_generic` holds `jbpf_main` of these instructions.
    pub fn program(insns: &[[u8; 8]]) -> Self {
        let mut elf = Self::new();
        let code = elf.code("jbpf_generic", insns);
        elf.symbol("jbpf_main", FUNC, true, code, 0, insns.len() as u64 * 8);
        elf
    }

    /// Adds a section; its index.
    pub fn section(&mut self, name: &str, kind: u32, flags: u64, bytes: &[u8]) -> u16 {
        self.sections.push(Section {
            name: name.to_owned(),
            kind,
            flags,
            bytes: bytes.to_vec(),
            size: bytes.len() as u64,
            link: 0,
            info: 0,
        });
        self.sections.len() as u16
    }

    pub fn code(&mut self, name: &str, insns: &[[u8; 8]]) -> u16 {
        self.section(name, PROGBITS, ALLOC | EXEC, &insns.concat())
    }

    /// Adds a section `maps` of these definitions' words.
    pub fn maps(&mut self, definitions: &[[u32; 8]]) -> u16 {
        let bytes: Vec<u8> = definitions
            .iter()
            .flatten()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        self.section("maps", PROGBITS, ALLOC | WRITE, &bytes)
    }

    /// Gives a section a size other than that of its bytes.
    pub fn claim_size(&mut self, section: u16, size: u64) {
        self.sections[usize::from(section) - 1].size = size;
    }

    /// Adds a symbol; its index.
    pub fn symbol(
        &mut self,
        name: &str,
        kind: u8,
        global: bool,
        section: u16,
        value: u64,
        size: u64,
    ) -> u32 {
        self.symbols.push(Symbol {
            name: name.to_owned(),
            info: kind | u8::from(global) << 4,
            section,
            value,
            size,
        });
        self.symbols.len() as u32
    }

    /// Adds a section of relocations: offset, type, symbol.
    pub fn relocations(&mut self, target: u16, kind: u32, entries: &[(u64, u32, u32)]) {
        let mut bytes = Vec::new();
        for (offset, relocation, symbol) in entries {
            bytes.extend(offset.to_le_bytes());
            bytes.extend((u64::from(*symbol) << 32 | u64::from(*relocation)).to_le_bytes());
            if kind == RELA {
                bytes.extend([0; 8]);
            }
        }
        let name = format!(".rel{}", self.sections[usize::from(target) - 1].name);
        let index = self.section(&name, kind, 0, &bytes);
        self.sections[usize::from(index) - 1].info = u32::from(target);
    }

    /// The file: header, section bytes, section headers.
    pub fn build(&self) -> Vec<u8> {
        let mut strings = vec![0];
        let mut intern = |name: &str| {
            let at = strings.len() as u32;
            strings.extend(name.bytes());
            strings.push(0);
            at
        };
        let mut table = vec![0; 24];
        for symbol in &self.symbols {
            table.extend(intern(&symbol.name).to_le_bytes());
            table.extend([symbol.info, 0]);
            table.extend(symbol.section.to_le_bytes());
            table.extend(symbol.value.to_le_bytes());
            table.extend(symbol.size.to_le_bytes());
        }
        let names: Vec<u32> = self.sections.iter().map(|s| intern(&s.name)).collect();
        let own_names = (intern(".symtab"), intern(".strtab"));

        let string_index = self.sections.len() as u32 + 1;
        let table_index = string_index + 1;
        let mut file = vec![0; 64];
        let mut headers = vec![0; 64];
        let mut emit = |file: &mut Vec<u8>, name: u32, section: &Section| {
            let (link, entry_size) = match section.kind {
                2 => (string_index, 24),
                REL => (table_index, 16),
                RELA => (table_index, 24),
                _ => (section.link, 0),
            };
            headers.extend(name.to_le_bytes());
            headers.extend(section.kind.to_le_bytes());
            headers.extend(section.flags.to_le_bytes());
            headers.extend(0u64.to_le_bytes());
            headers.extend((file.len() as u64).to_le_bytes());
            headers.extend(section.size.to_le_bytes());
            headers.extend(link.to_le_bytes());
            headers.extend(section.info.to_le_bytes());
            headers.extend(8u64.to_le_bytes());
            headers.extend((entry_size as u64).to_le_bytes());
            file.extend(&section.bytes);
            file.resize(file.len().next_multiple_of(8), 0);
        };
        for (section, name) in self.sections.iter().zip(names) {
            emit(&mut file, name, section);
        }
        let own = |kind, bytes: Vec<u8>| Section {
            name: String::new(),
            kind,
            flags: 0,
            size: bytes.len() as u64,
            bytes,
            link: 0,
            info: 1,
        };
        emit(&mut file, own_names.1, &own(3, strings));
        if !self.strip {
            emit(&mut file, own_names.0, &own(2, table));
        }
        let header_offset = file.len() as u64;
        let count = (headers.len() / 64) as u16;
        file.extend(headers);

        file[..8].copy_from_slice(&[0x7f, b'E', b'L', b'F', self.class, self.encoding, 1, 0]);
        file[16..18].copy_from_slice(&self.file_type.to_le_bytes());
        file[18..20].copy_from_slice(&self.machine.to_le_bytes());
        file[20..24].copy_from_slice(&1u32.to_le_bytes());
        file[40..48].copy_from_slice(&header_offset.to_le_bytes());
        file[52..54].copy_from_slice(&64u16.to_le_bytes());
        file[58..60].copy_from_slice(&64u16.to_le_bytes());
        file[60..62].copy_from_slice(&count.to_le_bytes());
        file[62..64].copy_from_slice(&(string_index as u16).to_le_bytes());
        file
    }
}
