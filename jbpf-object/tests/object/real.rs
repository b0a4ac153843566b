//! Objects that clang made.

use jbpf_object::{FieldType, NumberKind, Object, RecordType};
use jbpf_verifier::types::MapKind;

use crate::codelet;

#[test]
fn the_first_example_has_its_maps() {
    let object = Object::parse(&codelet("first_example/example_codelet.o")).unwrap();
    let maps: Vec<_> = object
        .maps
        .iter()
        .map(|map| {
            (
                map.name.as_str(),
                map.kind,
                map.key_size,
                map.value_size,
                map.max_entries,
            )
        })
        .filter(|map| !map.0.starts_with('.'))
        .collect();
    assert_eq!(
        maps,
        [
            ("outmap", MapKind::RingBuf, 0, 40, 256),
            ("inmap", MapKind::ControlInput, 0, 4, 256),
            ("counter", MapKind::Array, 4, 4, 1),
        ]
    );
    assert_eq!(object.warnings, Vec::<String>::new());
    let [program] = &object.programs[..] else {
        panic!("one program");
    };
    assert_eq!(
        (program.section.as_str(), program.entry.as_str()),
        ("jbpf_generic", "jbpf_main")
    );
}

#[test]
fn lines_point_into_the_source() {
    let object = Object::parse(&codelet("first_example/example_codelet.o")).unwrap();
    let source = codelet("first_example/example_codelet.c");
    let source: Vec<&str> = std::str::from_utf8(&source).unwrap().lines().collect();
    let lines = &object.programs[0].program.lines;
    assert!(lines.len() > 10);
    assert!(lines.is_sorted_by(|a, b| a.insn < b.insn));
    for line in lines {
        assert_eq!(&*line.file, "./first_example/example_codelet.c");
        assert_eq!(&*line.text, source[line.line as usize - 1]);
    }
}

#[test]
fn the_map_macros_leave_their_types() {
    let object = Object::parse(&codelet("first_example/example_codelet.o")).unwrap();
    let packet = &object.record_types["outmap"];
    assert_eq!((packet.name.as_str(), packet.size), ("Packet", 40));
    let fields: Vec<_> = packet
        .fields
        .iter()
        .map(|field| (field.name.as_str(), field.offset, field.ty.size()))
        .collect();
    assert_eq!(fields, [("seq_no", 0, 4), ("value", 4, 4), ("name", 8, 32)]);
    assert_eq!(
        packet.fields[2].ty,
        FieldType::Array {
            element: Box::new(FieldType::Number {
                kind: NumberKind::Char,
                size: 1
            }),
            len: 32
        }
    );
    assert_eq!(object.record_types["inmap"].name, "PacketResp");
    assert_eq!(
        object.record_types["counter"].fields[0].ty,
        FieldType::Number {
            kind: NumberKind::Signed,
            size: 4
        }
    );
    assert_eq!(object.key_types["counter"].name, "uint32_t");
}

#[test]
fn functions_that_were_not_inlined_are_linked() {
    let object = Object::parse(&codelet("stats_report/stats_report.o")).unwrap();
    let program = &object.programs[0].program;
    let names: Vec<&str> = program
        .functions
        .iter()
        .map(|function| function.name.as_str())
        .collect();
    assert_eq!(names, ["jbpf_main", "median"]);
    assert_eq!(object.programs[0].section, "jbpf_stats");
}

#[test]
fn a_record_of_billions_of_nothing_is_none() {
    let mut object = codelet("first_example/example_codelet.o");
    // The types behind the header of section .BTF: three words each, and more by kind.
    let btf = object
        .windows(4)
        .position(|bytes| bytes == [0x9f, 0xeb, 1, 0])
        .unwrap();
    let word = |object: &[u8], at: usize| {
        u32::from_le_bytes(object[at..at + 4].try_into().unwrap()) as usize
    };
    let types = btf + word(&object, btf + 4);
    let (mut at, mut id) = (types, 1_u32);
    let (mut empty, mut of_32) = (Vec::new(), None);
    while at < types + word(&object, btf + 12) {
        let info = word(&object, at + 4);
        let (kind, count) = (info >> 24 & 0x1f, info & 0xffff);
        if kind == 3 {
            match word(&object, at + 20) {
                0 => empty.push(id),
                32 => of_32 = Some(at),
                _ => {}
            }
        }
        at += 12
            + match kind {
                1 | 14 => 4,
                3 => 12,
                4 | 15 => 12 * count,
                6 | 13 => 8 * count,
                _ => 0,
            };
        id += 1;
    }
    let array = of_32.expect("the packet's name");
    for empty in empty {
        object[array + 12..array + 16].copy_from_slice(&empty.to_le_bytes());
        object[array + 20..array + 24].copy_from_slice(&u32::MAX.to_le_bytes());
        let object = Object::parse(&object).unwrap();
        assert!(!object.record_types.contains_key("outmap"));
    }
}

fn number(kind: NumberKind, size: u32) -> FieldType {
    FieldType::Number { kind, size }
}

#[test]
fn records_are_described_to_the_last_bit() {
    use NumberKind::{Bool, Char, Float, Signed, Unsigned};

    let object = Object::parse(&codelet("tests/v3/record_of_all_types.o")).unwrap();
    let record = &object.record_types["everything"];
    assert_eq!((record.name.as_str(), record.size), ("everything", 41));
    let array = |element, len| FieldType::Array {
        element: Box::new(element),
        len,
    };
    let bits = |first_bit, width| FieldType::Bits {
        kind: Unsigned,
        first_bit,
        width,
    };
    let field = |name: &str, offset, ty| jbpf_object::RecordField {
        name: name.to_owned(),
        offset,
        ty,
    };
    let pair = FieldType::Struct(RecordType {
        name: "pair_t".to_owned(),
        size: 2,
        fields: vec![
            field("low", 0, number(Unsigned, 1)),
            field("high", 1, number(Unsigned, 1)),
        ],
    });
    let expected = [
        field("wide", 0, number(Signed, 8)),
        field("small", 8, number(Signed, 1)),
        field("flag", 9, number(Bool, 1)),
        field("first", 12, bits(0, 3)),
        field("second", 12, bits(3, 5)),
        field("color", 13, number(Unsigned, 4)),
        field("ratio", 17, number(Float, 4)),
        field("pairs", 21, array(array(pair, 1), 2)),
        field("word", 25, number(Unsigned, 4)),
        field("bytes", 25, array(number(Unsigned, 1), 4)),
        field("text", 29, array(number(Char, 1), 4)),
        field("opaque", 33, FieldType::Opaque { size: 8 }),
    ];
    assert_eq!(record.fields, expected);
}

/// The object with one section renamed.
fn renamed(object: &[u8], section: &str, name: &str) -> Vec<u8> {
    assert_eq!(section.len(), name.len());
    let pattern = format!("\0{section}\0").into_bytes();
    let at = object
        .windows(pattern.len())
        .rposition(|window| window == pattern)
        .unwrap();
    let mut renamed = object.to_vec();
    renamed[at + 1..at + 1 + name.len()].copy_from_slice(name.as_bytes());
    renamed
}

#[test]
fn debug_information_may_be_missing() {
    let whole = codelet("first_example/example_codelet.o");
    let with = Object::parse(&whole).unwrap();
    // `.rel.BTF` shares the tail of its name.
    let without = Object::parse(&renamed(&whole, ".rel.BTF", ".rel.XXX")).unwrap();
    assert_eq!(without.programs[0].program.lines, []);
    assert!(without.record_types.is_empty());
    assert_eq!(without.warnings, Vec::<String>::new());
    assert_eq!(without.maps, with.maps);
    assert_eq!(
        without.programs[0].program.insns,
        with.programs[0].program.insns
    );
}

#[test]
fn damaged_debug_information_is_left_out_with_a_warning() {
    let whole = codelet("first_example/example_codelet.o");
    let magics: Vec<usize> = (0..whole.len() - 4)
        .filter(|&at| whole[at..at + 4] == [0x9f, 0xeb, 1, 0])
        .collect();
    let [types, lines] = magics[..] else {
        panic!("one .BTF and one .BTF.ext");
    };

    let mut damaged = whole.clone();
    damaged[lines] = 0;
    let object = Object::parse(&damaged).unwrap();
    assert_eq!(object.programs[0].program.lines, []);
    assert_eq!(object.record_types.len(), 3);
    let [warning] = &object.warnings[..] else {
        panic!("one warning");
    };
    assert!(warning.contains(".BTF.ext"), "{warning}");

    let mut damaged = whole.clone();
    damaged[types] = 0;
    let object = Object::parse(&damaged).unwrap();
    assert_eq!(object.programs[0].program.lines, []);
    assert!(object.record_types.is_empty());
    assert_eq!(object.warnings.len(), 1);
}

#[test]
fn fields_have_no_names_that_terminals_obey() {
    let object = codelet("first_example/example_codelet.o");
    let fields = |bytes: &[u8]| {
        let object = Object::parse(bytes).unwrap();
        let names = object.record_types["outmap"].fields.iter();
        names.map(|field| field.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(fields(&object), ["seq_no", "value", "name"]);
    let hostile = renamed(&object, "seq_no", "s\u{1b}]0;o");
    assert_eq!(fields(&hostile), ["", "value", "name"]);
}
