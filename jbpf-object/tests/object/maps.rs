//! Map definitions and data sections.

use jbpf_object::{Object, ObjectError};
use jbpf_verifier::types::MapKind;

use crate::elf::*;

const RINGBUF: [u32; 8] = [3, 0, 16, 4, 0, 0, 0, 0];
const ARRAY: [u32; 8] = [1, 4, 8, 2, 0, 0, 0, 0];

fn with_maps(definitions: &[[u32; 8]], names: &[(&str, u64)]) -> Elf {
    let mut elf = Elf::program(&[R0_ZERO, EXIT]);
    let section = elf.maps(definitions);
    for (name, offset) in names {
        elf.symbol(name, OBJECT, true, section, *offset, 32);
    }
    elf
}

fn error(elf: &Elf) -> ObjectError {
    Object::parse(&elf.build()).expect_err("a broken object was accepted")
}

#[test]
fn maps_come_in_the_order_of_their_definitions() {
    let elf = with_maps(&[RINGBUF, ARRAY], &[("second", 32), ("first", 0)]);
    let object = Object::parse(&elf.build()).unwrap();
    let maps: Vec<_> = object
        .maps
        .iter()
        .map(|map| (map.name.as_str(), map.kind, map.key_size, map.value_size))
        .collect();
    assert_eq!(
        maps,
        [
            ("first", MapKind::RingBuf, 0, 16),
            ("second", MapKind::Array, 4, 8)
        ]
    );
    assert_eq!(object.programs[0].program.maps, object.maps);
}

#[test]
fn a_map_needs_a_symbol_of_its_own() {
    let elf = with_maps(&[RINGBUF, ARRAY], &[("first", 0)]);
    assert_eq!(
        error(&elf),
        ObjectError::UnnamedMap {
            section: "maps".to_owned(),
            start: 32,
            end: 64
        }
    );
    let elf = with_maps(&[RINGBUF], &[("one", 0), ("other", 0)]);
    assert!(matches!(
        error(&elf),
        ObjectError::OverlappingSymbols { .. }
    ));
    let elf = with_maps(&[RINGBUF, RINGBUF], &[("same", 0), ("same", 32)]);
    assert_eq!(
        error(&elf),
        ObjectError::DuplicateMap {
            map: "same".to_owned()
        }
    );
}

#[test]
fn misplaced_map_symbols_are_refused() {
    for offset in [8, 16, 33, 64, u64::MAX - 8] {
        let elf = with_maps(&[RINGBUF, ARRAY], &[("first", offset)]);
        assert!(
            matches!(error(&elf), ObjectError::BadSymbol { ref symbol, .. } if symbol == "first"),
            "{offset}"
        );
    }
}

#[test]
fn definitions_of_other_frameworks_are_named() {
    let mut elf = Elf::program(&[R0_ZERO, EXIT]);
    let section = elf.section("maps", PROGBITS, ALLOC | WRITE, &[0; 20]);
    elf.symbol("short", OBJECT, true, section, 0, 20);
    assert_eq!(
        error(&elf),
        ObjectError::MapDefinitionSize {
            map: "short".to_owned(),
            size: 20
        }
    );
    let mut elf = Elf::program(&[R0_ZERO, EXIT]);
    elf.section(".maps", PROGBITS, ALLOC | WRITE, &[0; 32]);
    assert!(matches!(error(&elf), ObjectError::ForeignMaps { .. }));
}

#[test]
fn impossible_sizes_and_kinds_are_refused() {
    let cases = [
        ([0, 4, 8, 1, 0, 0, 0, 0], "type 0"),
        ([8, 4, 8, 1, 0, 0, 0, 0], "type 8"),
        ([1, 2, 8, 1, 0, 0, 0, 0], "key_size"),
        ([2, 0, 8, 1, 0, 0, 0, 0], "key_size"),
        ([2, 8192, 8, 1, 0, 0, 0, 0], "key_size"),
        ([1, 4, 0, 1, 0, 0, 0, 0], "value_size"),
        ([3, 0, 8, 0, 0, 0, 0, 0], "max_entries"),
    ];
    for (definition, problem) in cases {
        let message = error(&with_maps(&[definition], &[("it", 0)])).to_string();
        assert!(
            message.contains(problem) && message.contains("`it`"),
            "{message}"
        );
    }
}

#[test]
fn kinds_of_the_application_are_its_own_affair() {
    let elf = with_maps(&[[16, 0, 0, 0, 1, 2, 3, 4]], &[("own", 0)]);
    let object = Object::parse(&elf.build()).unwrap();
    assert_eq!(object.maps[0].kind, MapKind::Application(16));
}

#[test]
fn more_maps_than_the_limit_are_refused() {
    let names: Vec<String> = (0..65).map(|n| format!("map{n}")).collect();
    let symbols: Vec<(&str, u64)> = names
        .iter()
        .zip((0..).step_by(32))
        .map(|(name, offset)| (name.as_str(), offset))
        .collect();
    assert_eq!(
        error(&with_maps(&[ARRAY; 65], &symbols)),
        ObjectError::TooMany {
            what: "maps",
            count: 65,
            limit: 64
        }
    );
    assert!(Object::parse(&with_maps(&[ARRAY; 64], &symbols[..64]).build()).is_ok());
}

/// A program that addresses byte `addend` of a section's symbol.
fn addressing(name: &str, kind: u32, flags: u64, bytes: &[u8], addend: i32) -> (Elf, u16) {
    let [first, second] = wide(0, addend);
    let mut elf = Elf::program(&[first, second, R0_ZERO, EXIT]);
    let section = elf.section(name, kind, flags, bytes);
    let symbol = elf.symbol("", SECTION, false, section, 0, 0);
    elf.relocations(1, REL, &[(0, 1, symbol)]);
    (elf, section)
}

#[test]
fn data_sections_become_arrays_of_one_value() {
    let (elf, _) = addressing(".rodata.str1.1", PROGBITS, ALLOC, b"text\0", 2);
    let object = Object::parse(&elf.build()).unwrap();
    let map = &object.maps[0];
    assert_eq!(
        (map.name.as_str(), map.kind, map.key_size, map.value_size),
        (".rodata.str1.1", MapKind::Array, 4, 5)
    );
    let section = map.section.as_ref().unwrap();
    assert!(section.read_only);
    assert_eq!(&*section.contents, b"text\0");
    let load = object.programs[0].program.insns[0];
    assert_eq!((load.src, load.imm), (6, 0));
    assert_eq!(object.programs[0].program.insns[1].imm, 2);
}

#[test]
fn bss_is_zeros_of_its_size() {
    let (mut elf, section) = addressing(".bss", NOBITS, ALLOC | WRITE, b"", 0);
    elf.claim_size(section, 100);
    let object = Object::parse(&elf.build()).unwrap();
    let contents = &object.maps[0].section.as_ref().unwrap().contents;
    assert_eq!(**contents, [0; 100]);
    assert!(!object.maps[0].section.as_ref().unwrap().read_only);
}

#[test]
fn a_huge_bss_is_refused_without_making_it() {
    let (mut elf, section) = addressing(".bss", NOBITS, ALLOC | WRITE, b"", 0);
    elf.claim_size(section, u64::MAX - 7);
    assert!(matches!(error(&elf), ObjectError::DataSectionSize { .. }));
}

#[test]
fn many_data_sections_are_refused_without_making_them() {
    let loads: Vec<[u8; 8]> = (0..40).flat_map(|_| wide(0, 0)).collect();
    let mut elf = Elf::program(&[&loads[..], &[R0_ZERO, EXIT]].concat());
    let mut relocations = Vec::new();
    for number in 0..40 {
        let name = format!(".bss.{number}");
        let section = elf.section(&name, NOBITS, ALLOC | WRITE, &[]);
        elf.claim_size(section, 1 << 20);
        let symbol = elf.symbol(&name, OBJECT, true, section, 0, 1 << 20);
        relocations.push((number * 16, 1, symbol));
    }
    elf.relocations(1, REL, &relocations);
    assert!(matches!(error(&elf), ObjectError::DataSectionSize { .. }));
}

#[test]
fn data_that_nothing_refers_to_is_no_map() {
    let mut elf = Elf::program(&[R0_ZERO, EXIT]);
    elf.section(".data", PROGBITS, ALLOC | WRITE, &[1; 8]);
    assert!(Object::parse(&elf.build()).unwrap().maps.is_empty());
}

#[test]
fn addresses_outside_of_the_data_are_refused() {
    for addend in [-1, 9, i32::MIN, i32::MAX] {
        let (elf, _) = addressing(".data", PROGBITS, ALLOC | WRITE, &[1; 8], addend);
        assert!(
            matches!(error(&elf), ObjectError::BadReference { .. }),
            "{addend}"
        );
    }
}

#[test]
fn pointers_in_data_are_refused() {
    let (mut elf, section) = addressing(".data.rel.ro", PROGBITS, ALLOC, &[0; 16], 0);
    elf.relocations(section, REL, &[(8, 2, 1)]);
    assert_eq!(
        error(&elf),
        ObjectError::PointerInData {
            section: ".data.rel.ro".to_owned(),
            offset: 8
        }
    );
}

#[test]
fn sections_that_are_no_data_cannot_be_addressed() {
    let (elf, _) = addressing("license", PROGBITS, ALLOC | WRITE, b"GPL\0", 0);
    assert!(error(&elf).to_string().contains("`license`"));
}

#[test]
fn a_name_that_no_request_could_have_is_refused() {
    let parse = |len: usize| {
        let name = "m".repeat(len);
        Object::parse(&with_maps(&[RINGBUF], &[(&name, 0)]).build())
    };
    assert!(parse(255).is_ok());
    let error = parse(256).unwrap_err().to_string();
    assert!(
        error.ends_with("its name has 256 bytes; the limit is 255"),
        "{error}"
    );
}

/// A section `.BTF` in which the records of `outmap` are a struct of `fields` bytes, all called
/// `name`.
fn types_of_bytes(fields: u32, name: &str) -> Vec<u8> {
    let mut strings = vec![0];
    let mut intern = |name: &str| {
        let at = strings.len() as u32;
        strings.extend(name.bytes());
        strings.push(0);
        at
    };
    let (byte, variable) = (intern("u8"), intern("outmap__record"));
    let (section, field) = (intern(".jbpf.types"), intern(name));
    let (int, array, structure, var, datasec) = (1 << 24, 3 << 24, 4 << 24, 14 << 24, 15 << 24);
    let mut words = vec![byte, int, 1, 8];
    words.extend([0, structure | fields, fields]);
    words.extend((0..fields).flat_map(|at| [field, 1, at * 8]));
    words.extend([0, array, 0, 2, 1, 0]);
    words.extend([variable, var, 3, 1]);
    words.extend([section, datasec | 1, 0, 4, 0, 0]);
    let types: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
    let lengths = [24, 0, types.len(), types.len(), strings.len()];
    let mut bytes = vec![0x9f, 0xeb, 1, 0];
    bytes.extend(lengths.iter().flat_map(|len| (*len as u32).to_le_bytes()));
    bytes.extend(types);
    bytes.extend(strings);
    bytes
}

/// Otherwise one codelet's layout would make the answer about all codelets too long.
#[test]
fn a_layout_that_no_answer_could_hold_is_left_out() {
    let layout = |fields: u32, name: &str| {
        let mut elf = with_maps(&[[3, 0, fields, 4, 0, 0, 0, 0]], &[("outmap", 0)]);
        elf.section(".BTF", PROGBITS, 0, &types_of_bytes(fields, name));
        let mut object = Object::parse(&elf.build()).unwrap();
        assert_eq!(object.warnings, Vec::<String>::new());
        object.record_types.remove("outmap")
    };
    assert_eq!(layout(1000, "short").unwrap().fields.len(), 1000);
    assert_eq!(layout(1000, &"x".repeat(1000)), None);
    assert_eq!(layout(16_000, "short"), None);
}
