//! Reports: the content of a rejection.

use std::sync::Arc;

use super::{assembly, rejected, with_value};
use jbpf_verifier::program::{FunctionName, LineInfo};
use jbpf_verifier::report::Code;

#[test]
fn a_null_dereference_says_where_null_came_from() {
    let text = with_value(8, "ldxdw r1, [r0]").replace("jeq r0, 0, out", "");
    let rejection = rejected(Code::NullDereference, &text);
    assert_eq!(rejection.insn, 8);
    assert_eq!(rejection.disassembly, "ldxdw r1, [r0]");
    let origin = rejection.origin.unwrap();
    assert_eq!(origin.disassembly, "call map_lookup_elem");
    assert_eq!(
        rejection.registers,
        [("r0".to_owned(), "value of m, or null".to_owned())]
    );
    assert!(rejection.hint.is_some());
}

#[test]
fn an_access_out_of_bounds_is_told_in_numbers() {
    let text = with_value(
        64,
        "ldxw r1, [r6+24]\nand r1, 15\nlsh r1, 3\nadd r0, r1\nstxdw [r0], r1",
    );
    let rejection = rejected(Code::MapValueOutOfBounds, &text);
    assert_eq!(
        rejection.obligation.unwrap(),
        "writes 8 bytes at value of m+(0..=120, multiple of 8); 64 bytes are there"
    );
}

#[test]
fn the_path_tells_branches_and_calls_in_source_lines() {
    let mut example = assembly::assemble(
        "
            ldxw r2, [r1+24]
            jeq r2, 7, other
            call f
            exit
        other:
            mov r0, 0
            exit
        f:
            ldxdw r0, [r0]
            exit
        ",
    );
    let line = |insn, line| LineInfo {
        insn,
        file: "codelet.c".into(),
        line,
        column: 5,
        text: format!("line {line}").into(),
    };
    example.program.lines = vec![line(0, 10), line(1, 11), line(2, 12), line(6, 20)];
    example.program.functions = ["jbpf_main", "f"]
        .iter()
        .zip([0, 6])
        .map(|(name, start)| FunctionName {
            start,
            name: (*name).to_owned(),
        })
        .collect();
    let rejection = jbpf_verifier::verify(
        &Arc::new(example.program),
        &Arc::new(example.context),
        &Arc::new(example.helpers),
    )
    .unwrap_err();
    assert_eq!(rejection.code, Code::UninitialisedRegister);
    assert_eq!(rejection.function.as_deref(), Some("f"));
    assert_eq!(rejection.location.as_ref().unwrap().line, 20);
    let path: Vec<_> = rejection
        .path
        .iter()
        .map(|step| (step.location.as_ref().unwrap().line, step.what.as_str()))
        .collect();
    assert_eq!(path[0], (11, "if r2 == 7: not taken"));
    assert_eq!(path[1], (12, "calls f"));
    assert_eq!(path.len(), 3);
    assert_eq!(rejection.frames.len(), 2);
    assert!(rejection.frames[0].starts_with("f:"));
}

#[test]
fn a_long_path_is_shortened_in_the_middle() {
    let rejection = rejected(
        Code::NotAPointer,
        "mov r2, 0\nagain:\nadd r2, 1\njlt r2, 500, again\nldxdw r0, [r2]\nexit",
    );
    assert!(rejection.path.len() < 40);
    assert!(
        rejection
            .path
            .iter()
            .any(|step| step.what.contains("more steps"))
    );
}
