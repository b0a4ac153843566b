//! Why a file is not a codelet object.

use thiserror::Error;

/// The reason why a file is not a codelet object.
///
/// Each variant names the section, symbol, map or offset at fault, as the file calls it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ObjectError {
    /// The file does not begin with an ELF header.
    #[error("this is not an ELF file; a codelet is compiled with `clang -O2 -g -target bpf -c`")]
    NotElf,
    /// The ELF header's class is not 64 bits.
    #[error("this is a 32-bit ELF file; codelets are 64-bit BPF objects")]
    NotElf64,
    /// The ELF header's data encoding is not little-endian.
    #[error("this is a big-endian ELF file; compile with `-target bpfel` or `-target bpf`")]
    BigEndian,
    /// Compiled for another machine.
    #[error(
        "this object is for machine {machine}{}, not for BPF (247); compile with `-target bpf`",
        machine_name(*.machine)
    )]
    ForeignMachine {
        /// The header's `e_machine`.
        machine: u16,
    },
    /// An executable, a shared object or a core file.
    #[error(
        "this is an ELF file of type {file_type}, not a relocatable object (1); compile with `-c`, without linking"
    )]
    NotRelocatable {
        /// The header's `e_type`.
        file_type: u16,
    },
    /// The ELF structure contradicts itself or ends early.
    #[error("the ELF file is damaged: {0}")]
    Malformed(String),
    /// A section's bytes are not all in the file.
    #[error("section `{section}` reaches beyond the end of the file; is the file cut short?")]
    SectionBeyondFile {
        /// The section's name.
        section: String,
    },
    /// The object has no symbol table, so neither maps nor functions have names.
    #[error(
        "the object has no symbol table; was it stripped? `llvm-strip -g` keeps what is needed"
    )]
    NoSymbols,
    /// The object has more parts of one kind than any codelet needs.
    #[error("the object has {count} {what}; the limit is {limit}")]
    TooMany {
        /// The kind of the parts, in the plural.
        what: &'static str,
        /// The number of parts.
        count: u64,
        /// The most parts.
        limit: u64,
    },
    /// No section holds a program.
    #[error(
        "the object holds no program; put `SEC(\"jbpf_generic\")` before the entry function `jbpf_main`"
    )]
    NoProgram,
    /// A section holds several functions that could be the entry.
    #[error(
        "section `{section}` has the functions {functions}, and none is `jbpf_main`; give the entry that name"
    )]
    AmbiguousEntry {
        /// The section's name.
        section: String,
        /// The first few candidates.
        functions: String,
    },
    /// Code that is not a whole number of instructions.
    #[error("section `{section}` has {size} bytes, which is no multiple of an instruction's 8")]
    UnevenCode {
        /// The section's name.
        section: String,
        /// Its size in bytes.
        size: u64,
    },
    /// A symbol that lies outside its section, or not on an instruction.
    #[error("symbol `{symbol}` covers bytes {start} to {end} of section `{section}`, {problem}")]
    BadSymbol {
        /// The symbol's name.
        symbol: String,
        /// Its section.
        section: String,
        /// Its first byte.
        start: u64,
        /// One past its last byte.
        end: u64,
        /// The rule that the range breaks.
        problem: &'static str,
    },
    /// Two functions or maps share bytes.
    #[error("symbols `{first}` and `{second}` overlap in section `{section}`")]
    OverlappingSymbols {
        /// The symbol that begins first.
        first: String,
        /// The symbol that begins inside it.
        second: String,
        /// Their section.
        section: String,
    },
    /// Map definitions of libbpf, which describe maps as BTF types.
    #[error(
        "section `{section}` holds map definitions of another framework; define maps with `struct jbpf_load_map_def SEC(\"maps\")` from jbpf_defs.h"
    )]
    ForeignMaps {
        /// The section's name.
        section: String,
    },
    /// A map definition whose size is not that of `struct jbpf_load_map_def`.
    #[error(
        "map `{map}` is defined by {size} bytes; `struct jbpf_load_map_def` has 32, is this the header of another framework?"
    )]
    MapDefinitionSize {
        /// The map's name.
        map: String,
        /// The symbol's size.
        size: u64,
    },
    /// The `maps` section is not filled by named definitions.
    #[error(
        "bytes {start} to {end} of section `{section}` belong to no map; every map needs a symbol"
    )]
    UnnamedMap {
        /// The section's name.
        section: String,
        /// First byte without a symbol.
        start: u64,
        /// One past the last such byte.
        end: u64,
    },
    /// Two maps of one name.
    #[error("two maps are called `{map}`")]
    DuplicateMap {
        /// The name.
        map: String,
    },
    /// A definition that no map can have.
    #[error("map `{map}`: {problem}")]
    BadMap {
        /// The map's name.
        map: String,
        /// The field at fault, its value, and the rule for it.
        problem: String,
    },
    /// Data sections that are too large.
    #[error("section `{section}` has {size} bytes; all data sections together may have {limit}")]
    DataSectionSize {
        /// The section's name.
        section: String,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A data section that would hold addresses.
    #[error(
        "section `{section}` holds a pointer at byte {offset}; data of codelets cannot hold addresses, use an index instead"
    )]
    PointerInData {
        /// The section's name.
        section: String,
        /// The pointer's offset in the section, in bytes.
        offset: u64,
    },
    /// A relocation that no instruction takes, or that its instruction does not fit.
    #[error("the relocation at byte {offset} of section `{section}` is {problem}")]
    BadRelocation {
        /// The section's name.
        section: String,
        /// The relocation's offset in bytes.
        offset: u64,
        /// The rule that the relocation breaks.
        problem: String,
    },
    /// A name that the object uses and does not define.
    #[error(
        "function `{function}` uses `{symbol}`, which the object does not define{}",
        undefined_advice(.symbol)
    )]
    UndefinedSymbol {
        /// The function that refers to it.
        function: String,
        /// The undefined name.
        symbol: String,
    },
    /// A reference to memory that codelets cannot have.
    #[error("function `{function}`, byte {offset}: `{symbol}` {problem}")]
    BadReference {
        /// The function that refers to it.
        function: String,
        /// Offset of the instruction in its section, in bytes.
        offset: u64,
        /// The symbol that it refers to.
        symbol: String,
        /// The reason why it cannot refer to that.
        problem: String,
    },
    /// A wide load with a source register that only a linker may set.
    #[error(
        "function `{function}`, byte {offset}: the wide load has source register {src} and no relocation; the object must not be linked already"
    )]
    LinkedWideLoad {
        /// The function.
        function: String,
        /// Offset of the instruction in its section, in bytes.
        offset: u64,
        /// The source register.
        src: u8,
    },
    /// A call that does not lead to a function's first instruction.
    #[error(
        "function `{function}`, byte {offset}: the call leads to byte {target} of section `{section}`, where no function begins"
    )]
    BadCallTarget {
        /// The calling function.
        function: String,
        /// Offset of the call in its section, in bytes.
        offset: u64,
        /// Section of the target.
        section: String,
        /// Offset of the target, in bytes.
        target: i64,
    },
    /// A program and the functions that it calls exceed the limit.
    #[error(
        "the program in section `{section}` has more than {limit} instructions, functions that it calls included"
    )]
    ProgramTooLong {
        /// The section's name.
        section: String,
        /// The limit in instructions.
        limit: usize,
    },
}

impl ObjectError {
    /// A stable code: never reused, never renumbered.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotElf => "O0001",
            Self::NotElf64 => "O0002",
            Self::BigEndian => "O0003",
            Self::ForeignMachine { .. } => "O0004",
            Self::NotRelocatable { .. } => "O0005",
            Self::Malformed(_) => "O0006",
            Self::SectionBeyondFile { .. } => "O0007",
            Self::NoSymbols => "O0008",
            Self::TooMany { .. } => "O0009",
            Self::NoProgram => "O0010",
            Self::AmbiguousEntry { .. } => "O0011",
            Self::UnevenCode { .. } => "O0012",
            Self::BadSymbol { .. } => "O0013",
            Self::OverlappingSymbols { .. } => "O0014",
            Self::ForeignMaps { .. } => "O0015",
            Self::MapDefinitionSize { .. } => "O0016",
            Self::UnnamedMap { .. } => "O0017",
            Self::DuplicateMap { .. } => "O0018",
            Self::BadMap { .. } => "O0019",
            Self::DataSectionSize { .. } => "O0020",
            Self::PointerInData { .. } => "O0021",
            Self::BadRelocation { .. } => "O0022",
            Self::UndefinedSymbol { .. } => "O0023",
            Self::BadReference { .. } => "O0024",
            Self::LinkedWideLoad { .. } => "O0025",
            Self::BadCallTarget { .. } => "O0026",
            Self::ProgramTooLong { .. } => "O0027",
        }
    }
}

/// The machines that a wrong compiler invocation is likely to produce.
const fn machine_name(machine: u16) -> &'static str {
    match machine {
        3 => " (x86)",
        40 => " (Arm)",
        62 => " (x86-64)",
        183 => " (AArch64)",
        243 => " (RISC-V)",
        _ => "",
    }
}

/// Advice on a symbol that the object does not define. Compilers turn large copies and 128-bit
/// arithmetic into calls of functions that no codelet has.
fn undefined_advice(symbol: &str) -> &'static str {
    match symbol {
        "memcpy" | "memset" | "memmove" | "memcmp" => {
            "; the size must be a small constant for the compiler to inline it, else write a loop"
        }
        "" => "",
        _ if symbol.starts_with("__") => {
            "; it belongs to the compiler's runtime library, which codelets do not have"
        }
        _ => "; helpers are called by number, see jbpf_helper.h",
    }
}
