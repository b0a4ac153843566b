//! The object reader on any bytes: ELF, relocations, map definitions, BTF types and source lines.

use std::collections::BTreeSet;

use jbpf_object::visible::is_invisible;
use jbpf_object::{FieldType, Object, RecordType};

/// Instructions of all programs of an object.
const MAX_INSTRUCTIONS: usize = 65_536;

/// Reads an object, and checks the properties of the result that other crates rely on.
pub fn check(bytes: &[u8]) {
    let object = match Object::parse(bytes) {
        Ok(object) => object,
        Err(error) => return check_sentence(&error.to_string()),
    };
    object.warnings.iter().for_each(|text| check_sentence(text));
    assert!(!object.programs.is_empty());
    for program in &object.programs {
        check_name(&program.section);
        check_name(&program.entry);
        assert_eq!(program.section, program.program.name);
        assert_eq!(program.program.maps, object.maps);
        assert!(object.program_in(&program.section).is_some());
        let _ = program.program_type(["jbpf_gen", "x", ""]);
        check_program(&program.program);
    }
    check_maps(&object);
    for (types, size) in [
        (
            &object.record_types,
            (|def| def.value_size) as fn(&jbpf_verifier::types::MapDef) -> u32,
        ),
        (&object.key_types, |def| def.key_size),
    ] {
        for (map, record) in types {
            let def = object.maps.iter().find(|def| def.name == *map).unwrap();
            assert_eq!(size(def), record.size);
            check_record(record, 0);
        }
    }
    // The result depends on the bytes alone.
    assert_eq!(Object::parse(bytes).as_ref(), Ok(&object));
}

fn check_program(program: &jbpf_verifier::Program) {
    let len = program.insns.len();
    assert!(len > 0 && len <= MAX_INSTRUCTIONS);
    assert!(program.lines.is_sorted_by_key(|line| line.insn));
    assert!(
        program
            .lines
            .iter()
            .all(|line| line.insn < len && line.line > 0)
    );
    let functions = &program.functions;
    assert_eq!(functions.first().map(|function| function.start), Some(0));
    assert!(functions.is_sorted_by(|a, b| a.start < b.start));
    assert!(functions.iter().all(|function| function.start < len));
    for function in functions {
        check_name(&function.name);
    }
}

fn check_maps(object: &Object) {
    let names: BTreeSet<_> = object.maps.iter().map(|map| &map.name).collect();
    assert_eq!(names.len(), object.maps.len(), "two maps of one name");
    for map in &object.maps {
        check_name(&map.name);
        if let Some(section) = &map.section {
            assert_eq!(section.contents.len(), map.value_size as usize);
        }
    }
}

/// Checks that the parts of a record lie inside it, so that a program that shows it stays within
/// its bytes.
pub fn check_record(record: &RecordType, depth: u32) {
    assert!(depth < 64, "types nest too deep");
    for field in &record.fields {
        check_name(&field.name);
        assert!(field.end() <= record.size.into(), "{field} in {record:?}");
        check_type(&field.ty, depth + 1);
    }
}

fn check_type(ty: &FieldType, depth: u32) {
    assert!(depth < 64, "types nest too deep");
    match ty {
        FieldType::Number { size, .. } => assert!(matches!(size, 1 | 2 | 4 | 8 | 16)),
        FieldType::Bits {
            first_bit, width, ..
        } => assert!(*first_bit < 8 && (1..=64).contains(width)),
        FieldType::Array { element, len } => {
            assert!(*len == 0 || element.size() > 0, "{ty}");
            check_type(element, depth + 1);
        }
        FieldType::Struct(record) => check_record(record, depth + 1),
        FieldType::Opaque { .. } => {}
    }
}

fn check_sentence(text: &str) {
    assert!(!text.is_empty());
    check_name(text);
}

/// Checks that a name, error or warning has no control characters, which terminals obey, and no
/// invisible ones.
fn check_name(name: &str) {
    assert!(!name.contains(is_invisible), "{name:?}");
}
