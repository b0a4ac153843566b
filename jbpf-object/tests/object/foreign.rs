//! Files that are no codelets: the refusal of each names the fault.

use jbpf_object::{Object, ObjectError};

use crate::codelet;
use crate::elf::*;

fn error(elf: &Elf) -> ObjectError {
    Object::parse(&elf.build()).expect_err("a broken object was accepted")
}

fn trivial() -> Elf {
    Elf::program(&[R0_ZERO, EXIT])
}

#[test]
fn a_hand_made_object_is_accepted() {
    let object = Object::parse(&trivial().build()).unwrap();
    assert_eq!(object.programs[0].entry, "jbpf_main");
    assert_eq!(object.programs[0].program.insns.len(), 2);
    assert!(object.maps.is_empty());
}

#[test]
fn what_is_no_elf_file_is_called_so() {
    for bytes in [&b""[..], b"\x7fEL", b"#!/bin/sh\n", b"\0\0\0\0\0\0\0\0"] {
        assert_eq!(Object::parse(bytes), Err(ObjectError::NotElf));
    }
}

#[test]
fn other_machines_and_encodings_are_named() {
    let mut elf = trivial();
    elf.class = 1;
    assert_eq!(error(&elf), ObjectError::NotElf64);

    let mut elf = trivial();
    elf.encoding = 2;
    assert_eq!(error(&elf), ObjectError::BigEndian);

    let mut elf = trivial();
    elf.machine = 62;
    assert_eq!(error(&elf), ObjectError::ForeignMachine { machine: 62 });
    assert!(error(&elf).to_string().contains("x86-64"));

    let mut elf = trivial();
    elf.file_type = 2;
    assert_eq!(error(&elf), ObjectError::NotRelocatable { file_type: 2 });
}

#[test]
fn this_test_program_is_refused_as_foreign() {
    let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    assert!(matches!(
        Object::parse(&own),
        Err(ObjectError::ForeignMachine { .. })
    ));
}

#[test]
fn every_truncation_of_a_real_object_is_an_error() {
    let whole = codelet("first_example/example_codelet.o");
    for len in 0..whole.len() {
        assert!(Object::parse(&whole[..len]).is_err(), "cut at {len}");
    }
}

#[test]
fn a_section_beyond_the_file_is_named() {
    let mut elf = trivial();
    let section = elf.section("far", PROGBITS, ALLOC, &[0; 8]);
    elf.claim_size(section, 1 << 40);
    assert_eq!(
        error(&elf),
        ObjectError::SectionBeyondFile {
            section: "far".to_owned()
        }
    );
}

#[test]
fn a_stripped_object_is_refused() {
    let mut elf = trivial();
    elf.strip = true;
    assert_eq!(error(&elf), ObjectError::NoSymbols);
}

#[test]
fn an_object_without_code_is_refused() {
    assert_eq!(error(&Elf::new()), ObjectError::NoProgram);
}

#[test]
fn code_of_half_an_instruction_is_refused() {
    let mut elf = trivial();
    elf.section("jbpf_odd", PROGBITS, ALLOC | EXEC, &[0; 12]);
    assert_eq!(
        error(&elf),
        ObjectError::UnevenCode {
            section: "jbpf_odd".to_owned(),
            size: 12
        }
    );
}

#[test]
fn too_many_symbols_are_refused_before_they_are_read() {
    let mut elf = trivial();
    for _ in 0..70_000 {
        elf.symbol("x", NOTYPE, false, 1, 0, 0);
    }
    assert!(matches!(
        error(&elf),
        ObjectError::TooMany {
            what: "symbols",
            ..
        }
    ));
}

#[test]
fn long_names_do_not_cost_the_square_of_the_file() {
    let mut elf = trivial();
    elf.symbol(&"x".repeat(1 << 20), NOTYPE, false, 1, 0, 0);
    assert!(matches!(error(&elf), ObjectError::Malformed(_)));
}

/// Errors quote names, and terminals show errors.
#[test]
fn names_with_control_characters_are_refused() {
    for control in ["\u{1b}[2J", "\r", "\n", "\u{7f}", "\u{9b}2J"] {
        let name = format!("jbpf{control}");
        let mut with_symbol = trivial();
        with_symbol.symbol(&name, NOTYPE, false, 1, 0, 0);
        let mut with_section = trivial();
        with_section.section(&name, PROGBITS, ALLOC | EXEC, &EXIT);
        for elf in [with_symbol, with_section] {
            let error = error(&elf);
            assert!(matches!(error, ObjectError::Malformed(_)), "{error:?}");
            let said = error.to_string();
            assert!(!said.contains(char::is_control), "{said:?}");
        }
    }
}

#[test]
fn sentences_name_the_culprit() {
    let mut elf = Elf::new();
    let code = elf.code("jbpf_generic", &[R0_ZERO, EXIT]);
    elf.symbol("stray", FUNC, true, code, 8, 800);
    let error = error(&elf);
    assert_eq!(error.code(), "O0013");
    assert!(error.to_string().contains("`stray`"), "{error}");
}
