//! Objects that clang made.

use jbpf_core::object::{FieldType, NumberKind, Object};
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
