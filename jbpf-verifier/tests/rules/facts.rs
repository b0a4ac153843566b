//! The facts that the engine gets of each instruction hold on every path that reaches it.

use super::accepted;
use jbpf_verifier::program::{BranchOutcome, Fact, MemorySpace, Objects};

/// Facts of the instructions of one kind, in order.
fn facts_of(text: &str, is_kind: fn(&Fact) -> bool) -> Vec<Fact> {
    let program = accepted(text);
    let facts = program.facts().iter().copied();
    facts.filter(is_kind).collect()
}

fn branches(text: &str) -> Vec<BranchOutcome> {
    let facts = facts_of(text, |fact| matches!(fact, Fact::Branch(_)));
    let outcome = |fact| match fact {
        Fact::Branch(outcome) => outcome,
        _ => BranchOutcome::Both,
    };
    facts.into_iter().map(outcome).collect()
}

/// The kind of memory that one load touches. A function makes the load through the pointers that
/// `calls` pass to it in turn.
fn loaded(calls: &str) -> Vec<Fact> {
    let program = accepted(&looking(calls));
    let insns = &program.program().insns;
    let loads = insns.iter().zip(program.facts());
    let loads = loads.filter(|(insn, _)| insn.opcode == 0x71);
    loads.map(|(_, fact)| *fact).collect()
}

/// A program that makes these calls of a function that loads a byte.
fn looking(calls: &str) -> String {
    format!(
        "
            .context writable 16
            .map shared array key 4 value 8 entries 4
            .map own per_thread_array key 4 value 8 entries 4
            .map output output value 8 entries 4
            .rodata constant 01 02 03 04 05 06 07 08
            mov r6, r1
            stdw [r10-8], 0
            {calls}
        out:
            mov r0, 0
            exit
        look:
            ldxb r0, [r1]
            exit
        "
    )
}

const FRAME: &str = "mov r1, r10\nadd r1, -8\ncall look\n";
const REGION: &str = "ldxdw r1, [r6]\ncall look\n";
const CONTEXT: &str = "mov r1, r6\nadd r1, 24\ncall look\n";
const CONSTANT: &str = "lddw r1, section constant\ncall look\n";

fn value(map: &str) -> String {
    format!(
        "lddw r1, map {map}\nmov r2, r10\nadd r2, -8\ncall map_lookup_elem\njeq r0, 0, out\n\
         mov r1, r0\ncall look\n"
    )
}

#[test]
fn a_branch_goes_where_every_path_goes() {
    let with = |first: u32, second: u32| {
        branches(&format!(
            "
                mov r1, {first}
                call is_one
                mov r1, {second}
                call is_one
                exit
            is_one:
                mov r0, 1
                jeq r1, 1, out
                mov r0, 0
            out:
                exit
            "
        ))
    };
    assert_eq!(with(1, 1), [BranchOutcome::Always]);
    assert_eq!(with(2, 3), [BranchOutcome::Never]);
    assert_eq!(with(1, 2), [BranchOutcome::Both]);
    assert_eq!(with(2, 1), [BranchOutcome::Both]);
}

#[test]
fn an_access_touches_the_kind_of_memory_that_it_touches_on_every_path() {
    use MemorySpace::{Context, MapValue, Mixed, PrivateValue, Region, Stack};
    let (shared, own) = (value("shared"), value("own"));
    for (calls, space) in [
        ([FRAME, FRAME], Stack),
        ([REGION, REGION], Region),
        ([CONTEXT, CONTEXT], Context),
        ([&shared, &shared], MapValue),
        ([&own, CONSTANT], PrivateValue),
        ([FRAME, REGION], Mixed),
        ([REGION, FRAME], Mixed),
        ([CONTEXT, &shared], Mixed),
        ([&own, FRAME], Mixed),
        // If one path shares the memory, all do.
        ([&own, &shared], MapValue),
        ([&shared, CONSTANT], MapValue),
    ] {
        assert_eq!(loaded(&calls.concat()), [Fact::Memory(space)], "{calls:?}");
    }
}

#[test]
fn a_helper_is_known_to_get_a_map_if_every_path_passes_it() {
    let with = |first: &str, second: &str| {
        let text = format!(
            "
                .map a array key 4 value 8 entries 4
                .map b array key 4 value 8 entries 4
                stw [r10-4], 0
                lddw r1, map {first}
                call look
                lddw r1, map {second}
                call look
                mov r0, 0
                exit
            look:
                stw [r10-4], 0
                mov r2, r10
                add r2, -4
                call map_lookup_elem
                mov r0, 0
                exit
            "
        );
        facts_of(&text, |fact| matches!(fact, Fact::HelperCall { .. }))
    };
    assert_eq!(with("b", "b"), [Fact::HelperCall { map: Some(1) }]);
    assert_eq!(with("a", "b"), [Fact::HelperCall { map: None }]);
    assert_eq!(with("b", "a"), [Fact::HelperCall { map: None }]);
}

#[test]
fn what_some_path_reaches_is_reached() {
    let program = accepted(
        "
            ldxw r1, [r1+24]
            mov r0, 0
            jle r1, 5, out
            jgt r1, 5, out
            mov r0, 7
        out:
            exit
        ",
    );
    let unreachable = |fact: &Fact| *fact == Fact::Unreachable;
    let facts: Vec<bool> = program.facts().iter().map(unreachable).collect();
    assert_eq!(facts, [false, false, false, false, true, false]);
}

#[test]
fn a_frame_holds_all_that_is_accessed_in_it_by_whomever() {
    let program = accepted(
        "
            mov r1, r10
            add r1, -24
            call fill
            stdw [r10-8], 0
            mov r0, 0
            exit
        fill:
            stdw [r1-16], 0
            stb [r10-3], 0
            mov r0, 0
            exit
        ",
    );
    let sizes: Vec<u32> = program.functions().iter().map(|f| f.stack_size).collect();
    assert_eq!(sizes, [40, 8]);
}

/// The objects that the load of `look` may touch.
fn objects_of(calls: &str) -> Objects {
    let text = looking(calls);
    let program = accepted(&text);
    let insns = &program.program().insns;
    let load = insns.iter().position(|insn| insn.opcode == 0x71).unwrap();
    program.objects(load, 0).unwrap().clone()
}

#[test]
fn an_operand_points_into_what_it_points_into_on_any_path() {
    let (shared, own) = (value("shared"), value("own"));
    let record =
        "lddw r1, map output\ncall get_output_buf\njeq r0, 0, out\nmov r1, r0\ncall look\n";
    let none = Objects::default;
    // The load is in a function: the frame is its caller's.
    let frame = |objects| Objects {
        caller_frames: true,
        ..objects
    };
    let region = |objects| Objects {
        region: true,
        ..objects
    };
    let of = |values: &[usize]| Objects {
        values: values.to_vec(),
        ..none()
    };
    assert_eq!(objects_of(FRAME), frame(none()));
    assert_eq!(objects_of(&[FRAME, REGION].concat()), frame(region(none())));
    assert_eq!(objects_of(&[REGION, FRAME].concat()), frame(region(none())));
    assert_eq!(objects_of(&shared), of(&[0]));
    assert_eq!(objects_of(&[&own, &shared[..], &own].concat()), of(&[0, 1]));
    assert_eq!(objects_of(&[&shared, CONSTANT].concat()), of(&[0, 3]));
    assert_eq!(objects_of(record).records, [2]);
    assert!(objects_of(&[CONTEXT, record].concat()).context);
}

#[test]
fn arguments_point_into_what_they_are_given() {
    let program = accepted(
        "
            .map hash hash key 4 value 8 entries 4
            stw [r10-4], 0
            ldxdw r6, [r1]
            lddw r1, map hash
            mov r2, r10
            add r2, -4
            mov r3, r6
            mov r4, 0
            call map_update_elem
            mov r1, 9
            mov r2, 0
            mov r0, 0
            exit
            .context writable 16
        ",
    );
    let insns = &program.program().insns;
    let call = insns.iter().position(|insn| insn.opcode == 0x85).unwrap();
    let objects = |operand| program.objects(call, operand);
    assert_eq!(objects(0), None);
    assert_eq!(objects(1).unwrap().maps, [0]);
    assert!(objects(2).unwrap().own_frame && !objects(2).unwrap().region);
    assert!(objects(3).unwrap().region && !objects(3).unwrap().own_frame);
    assert_eq!(objects(4), None, "it is a number");
}
