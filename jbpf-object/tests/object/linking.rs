//! Functions, calls and relocations.

use jbpf_object::{Object, ObjectError, ProgramType};
use proptest::prelude::*;

use crate::elf::*;

fn parse(elf: &Elf) -> Object {
    Object::parse(&elf.build()).unwrap()
}

fn error(elf: &Elf) -> ObjectError {
    Object::parse(&elf.build()).expect_err("a broken object was accepted")
}

fn call(imm: i32) -> [u8; 8] {
    insn(0x85, 0, 1, 0, imm)
}

/// A function that returns a number.
fn returns(number: i32) -> [[u8; 8]; 2] {
    [insn(0xb7, 0, 0, 0, number), EXIT]
}

#[test]
fn called_functions_are_appended_once_in_the_order_of_calls() {
    let mut elf = Elf::program(&[call(-1), call(-1), call(-1), EXIT]);
    let [a, b] = returns(1);
    let [c, d] = returns(2);
    let text = elf.code(".text", &[a, b, c, d]);
    let one = elf.symbol("one", FUNC, true, text, 0, 16);
    let two = elf.symbol("two", FUNC, false, text, 16, 16);
    elf.relocations(1, REL, &[(0, 10, two), (8, 10, one), (16, 10, two)]);

    let program = parse(&elf).programs.remove(0).program;
    let targets: Vec<i64> = (0..3)
        .map(|at| at + 1 + i64::from(program.insns[at as usize].imm))
        .collect();
    assert_eq!(targets, [4, 6, 4]);
    let names: Vec<_> = program
        .functions
        .iter()
        .map(|function| (function.start, function.name.as_str()))
        .collect();
    assert_eq!(names, [(0, "jbpf_main"), (4, "two"), (6, "one")]);
    assert_eq!(program.insns[4].imm, 2);
    assert_eq!(program.insns[6].imm, 1);
}

#[test]
fn calls_relative_to_a_section_count_in_instructions() {
    let [a, b] = returns(1);
    let [c, d] = returns(2);
    let mut elf = Elf::program(&[call(1), EXIT]);
    let text = elf.code(".text", &[a, b, c, d]);
    elf.symbol("one", FUNC, false, text, 0, 16);
    elf.symbol("two", FUNC, false, text, 16, 16);
    let section = elf.symbol("", SECTION, false, text, 0, 0);
    elf.relocations(1, REL, &[(0, 10, section)]);
    let program = parse(&elf).programs.remove(0).program;
    assert_eq!(program.functions[1].name, "two");
    assert_eq!(program.insns.len(), 4);
}

#[test]
fn calls_within_a_section_need_no_relocation() {
    let [a, b] = returns(7);
    let mut elf = Elf::new();
    let code = elf.code("jbpf_generic", &[a, b, call(-3), EXIT]);
    elf.symbol("seven", FUNC, false, code, 0, 16);
    elf.symbol("jbpf_main", FUNC, true, code, 16, 16);
    let program = parse(&elf).programs.remove(0).program;
    // The entry comes first, for any order in the section.
    assert_eq!(program.insns[0].imm, 1);
    assert_eq!(program.functions[1].name, "seven");
}

#[test]
fn recursion_is_linked_and_left_to_the_verifier() {
    let program = parse(&Elf::program(&[call(-1), EXIT]))
        .programs
        .remove(0)
        .program;
    assert_eq!(program.insns.len(), 2);
    assert_eq!(program.insns[0].imm, -1);
}

#[test]
fn a_call_of_what_is_not_there_names_it() {
    let mut elf = Elf::program(&[call(-1), EXIT]);
    let symbol = elf.symbol("memcpy", NOTYPE, true, 0, 0, 0);
    elf.relocations(1, REL, &[(0, 10, symbol)]);
    let error = error(&elf);
    assert!(matches!(error, ObjectError::UndefinedSymbol { .. }));
    let message = error.to_string();
    assert!(
        message.contains("`memcpy`") && message.contains("small constant"),
        "{message}"
    );
}

#[test]
fn a_call_into_a_function_is_refused() {
    let [a, b] = returns(1);
    let mut elf = Elf::program(&[call(0), EXIT]);
    let text = elf.code(".text", &[a, b]);
    let one = elf.symbol("one", FUNC, true, text, 0, 16);
    elf.relocations(1, REL, &[(0, 10, one)]);
    assert_eq!(
        error(&elf),
        ObjectError::BadCallTarget {
            function: "jbpf_main".to_owned(),
            offset: 0,
            section: ".text".to_owned(),
            target: 8
        }
    );
    let far = Elf::program(&[call(i32::MAX), EXIT]);
    assert!(matches!(error(&far), ObjectError::BadCallTarget { .. }));
}

#[test]
fn misplaced_relocations_are_refused() {
    let [first, second] = wide(0, 0);
    let base = || {
        let mut elf = Elf::program(&[first, second, R0_ZERO, EXIT]);
        let maps = elf.maps(&[[1, 4, 4, 1, 0, 0, 0, 0]]);
        let map = elf.symbol("map", OBJECT, true, maps, 0, 32);
        (elf, map)
    };
    // In order: in the middle of a slot, on a wide load's second slot, on an instruction without a
    // reference, beyond the section, a type for calls, an unknown type, and two relocations of one
    // instruction.
    for entries in [
        vec![(4, 1)],
        vec![(8, 1)],
        vec![(16, 1)],
        vec![(32, 1)],
        vec![(0, 10)],
        vec![(0, 99)],
        vec![(0, 1), (0, 1)],
    ] {
        let (mut elf, map) = base();
        let entries: Vec<_> = entries
            .into_iter()
            .map(|(at, kind)| (at, kind, map))
            .collect();
        elf.relocations(1, REL, &entries);
        assert!(
            matches!(error(&elf), ObjectError::BadRelocation { .. }),
            "{entries:?}: {}",
            error(&elf)
        );
    }
    let (mut elf, map) = base();
    elf.relocations(1, REL, &[(0, 1, map + 1)]);
    assert!(matches!(error(&elf), ObjectError::BadRelocation { .. }));
    let (mut elf, map) = base();
    elf.relocations(1, RELA, &[(0, 1, map)]);
    assert!(matches!(error(&elf), ObjectError::BadRelocation { .. }));
}

#[test]
fn a_map_is_loaded_by_its_index() {
    let [first, second] = wide(0, 32);
    let mut elf = Elf::program(&[first, second, R0_ZERO, EXIT]);
    let maps = elf.maps(&[[1, 4, 4, 1, 0, 0, 0, 0], [3, 0, 4, 1, 0, 0, 0, 0]]);
    elf.symbol("a", OBJECT, false, maps, 0, 32);
    elf.symbol("b", OBJECT, false, maps, 32, 32);
    let section = elf.symbol("", SECTION, false, maps, 0, 0);
    elf.relocations(1, REL, &[(0, 1, section)]);
    let object = parse(&elf);
    let load = object.programs[0].program.insns[0];
    assert_eq!((load.src, load.imm), (5, 1));
}

#[test]
fn the_middle_of_a_map_definition_has_no_address() {
    let [first, second] = wide(0, 8);
    let mut elf = Elf::program(&[first, second, R0_ZERO, EXIT]);
    let maps = elf.maps(&[[1, 4, 4, 1, 0, 0, 0, 0]]);
    let map = elf.symbol("a", OBJECT, true, maps, 0, 32);
    elf.relocations(1, REL, &[(0, 1, map)]);
    assert!(matches!(error(&elf), ObjectError::BadReference { .. }));
}

#[test]
fn an_object_cannot_bring_linked_loads() {
    for src in 1..=15 {
        let [first, second] = wide(src, 0);
        let elf = Elf::program(&[first, second, R0_ZERO, EXIT]);
        assert!(matches!(error(&elf), ObjectError::LinkedWideLoad { .. }));
    }
}

#[test]
fn functions_have_no_address() {
    let [first, second] = wide(0, 0);
    let mut elf = Elf::program(&[first, second, R0_ZERO, EXIT]);
    elf.relocations(1, REL, &[(0, 1, 1)]);
    assert!(error(&elf).to_string().contains("call it directly"));
}

#[test]
fn overlapping_functions_are_refused() {
    let mut elf = Elf::program(&[R0_ZERO, EXIT, R0_ZERO, EXIT]);
    elf.symbol("inner", FUNC, false, 1, 16, 16);
    assert_eq!(
        error(&elf),
        ObjectError::OverlappingSymbols {
            first: "jbpf_main".to_owned(),
            second: "inner".to_owned(),
            section: "jbpf_generic".to_owned()
        }
    );
}

#[test]
fn two_names_for_one_function_are_one_function() {
    let mut elf = Elf::new();
    let code = elf.code("jbpf_generic", &[R0_ZERO, EXIT]);
    elf.symbol("alias", FUNC, false, code, 0, 16);
    elf.symbol("jbpf_main", FUNC, true, code, 0, 16);
    assert_eq!(parse(&elf).programs[0].entry, "jbpf_main");
}

#[test]
fn assembly_without_symbol_types_is_one_function() {
    let mut elf = Elf::new();
    elf.code("jbpf_generic", &[R0_ZERO, call(1), EXIT, R0_ZERO, EXIT]);
    let object = parse(&elf);
    assert_eq!(object.programs[0].entry, "jbpf_generic");
    assert_eq!(object.programs[0].program.insns[1].imm, 1);
}

#[test]
fn entries_are_found_where_there_is_one() {
    // The only function is the entry under any name.
    let mut elf = Elf::new();
    let code = elf.code("jbpf_stats", &[R0_ZERO, EXIT]);
    elf.symbol("report", FUNC, true, code, 0, 16);
    assert_eq!(parse(&elf).programs[0].entry, "report");

    // If there are two functions, one must be called jbpf_main.
    let mut elf = Elf::new();
    let code = elf.code("jbpf_stats", &[R0_ZERO, EXIT, R0_ZERO, EXIT]);
    elf.symbol("one", FUNC, true, code, 0, 16);
    elf.symbol("two", FUNC, true, code, 16, 16);
    assert_eq!(
        error(&elf),
        ObjectError::AmbiguousEntry {
            section: "jbpf_stats".to_owned(),
            functions: "`one`, `two`".to_owned()
        }
    );

    // Code of .text is a program when there is no other.
    let mut elf = Elf::new();
    let code = elf.code(".text", &[R0_ZERO, EXIT]);
    elf.symbol("jbpf_main", FUNC, true, code, 0, 16);
    assert_eq!(parse(&elf).programs[0].section, ".text");
}

#[test]
fn the_longest_declared_prefix_gives_the_type() {
    let typed = |section: &str| {
        let mut elf = Elf::new();
        let code = elf.code(section, &[R0_ZERO, EXIT]);
        elf.symbol("jbpf_main", FUNC, true, code, 0, 16);
        let program = parse(&elf).programs.remove(0);
        let declared = ["jbpf_ran", "jbpf_ran_layer2"];
        match program.program_type(declared) {
            ProgramType::Declared(name) => name,
            ProgramType::Any => "any",
            ProgramType::Stats => "stats",
        }
    };
    assert_eq!(typed("jbpf_ran_fapi"), "jbpf_ran");
    assert_eq!(typed("jbpf_ran_layer2/x"), "jbpf_ran_layer2");
    assert_eq!(typed("jbpf_generic"), "any");
    assert_eq!(typed("jbpf_stats"), "stats");
    assert_eq!(typed("something"), "any");
    assert_eq!(typed(".text"), "any");
}

#[test]
fn a_program_longer_than_the_limit_is_refused() {
    let mut insns = vec![R0_ZERO; 65_535];
    insns.push(EXIT);
    assert_eq!(
        parse(&Elf::program(&insns)).programs[0].program.insns.len(),
        65_536
    );
    insns.push(EXIT);
    assert!(matches!(
        error(&Elf::program(&insns)),
        ObjectError::ProgramTooLong { limit: 65_536, .. }
    ));
}

#[test]
fn shared_functions_do_not_multiply_without_limit() {
    let mut insns = vec![R0_ZERO; 60_000];
    insns.push(EXIT);
    let mut elf = Elf::new();
    let text = elf.code(".text", &insns);
    let shared = elf.symbol("shared", FUNC, false, text, 0, insns.len() as u64 * 8);
    for number in 0..8 {
        let section = elf.code(&format!("jbpf_{number}"), &[call(-1), EXIT]);
        elf.symbol(&format!("main{number}"), FUNC, true, section, 0, 16);
        elf.relocations(section, REL, &[(0, 10, shared)]);
    }
    assert!(matches!(
        error(&elf),
        ObjectError::TooMany {
            what: "linked instructions",
            ..
        }
    ));
}

/// The generated functions: the section of each, and the functions that it calls.
type Plan = Vec<(prop::sample::Index, Vec<(prop::sample::Index, Reach)>)>;

/// The way in which a call names its target.
#[derive(Debug, Clone, Copy)]
enum Reach {
    /// By the function's symbol.
    Symbol,
    /// By its section's symbol and a distance.
    Section,
    /// By a distance alone, within a section.
    Distance,
}

fn plan() -> impl Strategy<Value = Plan> {
    let reach = prop_oneof![
        Just(Reach::Symbol),
        Just(Reach::Section),
        Just(Reach::Distance)
    ];
    let calls = prop::collection::vec((any::<prop::sample::Index>(), reach), 0..5);
    prop::collection::vec((any::<prop::sample::Index>(), calls), 1..12)
}

proptest! {
    /// Function `n` begins with `r0 = n`, and calls others. Each linked call leads to a function
    /// that begins with the callee's number, for any section of the callee and any kind of
    /// reference.
    #[test]
    fn every_call_reaches_its_function(plan in plan()) {
        const SECTIONS: [&str; 3] = ["jbpf_generic", ".text", "more"];
        // The entry is in the program's section.
        let section_of = |function: usize| match function {
            0 => 0,
            _ => plan[function].0.index(SECTIONS.len()),
        };
        let callee = |call: &prop::sample::Index| call.index(plan.len());

        let mut code: [Vec<[u8; 8]>; 3] = Default::default();
        let mut starts = vec![0; plan.len()];
        for (number, (_, calls)) in plan.iter().enumerate() {
            let code = &mut code[section_of(number)];
            starts[number] = code.len();
            code.push(insn(0xb7, 0, 0, 0, number as i32));
            code.extend(calls.iter().map(|_| call(-1)));
            code.push(EXIT);
        }
        let mut relocations: [Vec<(usize, usize)>; 3] = Default::default();
        for (number, (_, calls)) in plan.iter().enumerate() {
            let home = section_of(number);
            for (at, (to, reach)) in (starts[number] + 1..).zip(calls) {
                let to = callee(to);
                let other = section_of(to);
                match reach {
                    Reach::Symbol => relocations[home].push((at, 3 + to)),
                    Reach::Distance if home == other => {
                        code[home][at] = call(starts[to] as i32 - (at as i32 + 1));
                    }
                    Reach::Section | Reach::Distance => {
                        code[home][at] = call(starts[to] as i32 - 1);
                        relocations[home].push((at, other));
                    }
                }
            }
        }

        let mut elf = Elf::new();
        let sections = [0, 1, 2].map(|n| elf.code(SECTIONS[n], &code[n]));
        let mut symbols: Vec<u32> = sections
            .iter()
            .map(|section| elf.symbol("", SECTION, false, *section, 0, 0))
            .collect();
        for (number, (_, calls)) in plan.iter().enumerate() {
            let name = if number == 0 { "jbpf_main".to_owned() } else { format!("f{number}") };
            let (start, size) = (starts[number] as u64 * 8, (calls.len() as u64 + 2) * 8);
            let section = sections[section_of(number)];
            symbols.push(elf.symbol(&name, FUNC, number == 0, section, start, size));
        }
        for (section, entries) in sections.into_iter().zip(&relocations) {
            let entries: Vec<_> = entries
                .iter()
                .map(|(at, symbol)| (*at as u64 * 8, 10, symbols[*symbol]))
                .collect();
            elf.relocations(section, REL, &entries);
        }

        let object = parse(&elf);
        let program = &object.program_in("jbpf_generic").unwrap().program;
        prop_assert_eq!(program.insns[0].imm, 0);
        for function in &program.functions {
            let number = program.insns[function.start].imm as usize;
            for (at, (to, _)) in (function.start + 1..).zip(&plan[number].1) {
                let target = at as i64 + 1 + i64::from(program.insns[at].imm);
                prop_assert_eq!(program.insns[target as usize].imm as usize, callee(to));
                prop_assert!(program.functions.iter().any(|f| f.start == target as usize));
            }
        }
    }
}
