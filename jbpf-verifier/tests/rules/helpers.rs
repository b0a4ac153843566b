//! Helpers: prototypes, map kinds, memory, formats, and the state after calls.

use std::sync::Arc;

use super::{accepted, assembly, rejected};
use jbpf_verifier::program::{Fact, StackBytes};
use jbpf_verifier::report::Code;
use jbpf_verifier::types::{ArgKind, HelperProto, ReturnKind};

const MAPS: &str = "
    .map values array key 4 value 8 entries 4
    .map ring ringbuf value 16 entries 4
    .map input control_input value 16 entries 4
    .map out output value 16 entries 4
    .map hash hash key 8 value 8 entries 4
";

fn program(body: &str) -> String {
    format!("{MAPS}\n{body}\nmov r0, 0\nexit")
}

/// r2 = a pointer to `size` zeroed bytes at the top of the stack.
fn buffer(size: usize) -> String {
    let zeroes = (1..=size / 8).map(|slot| format!("stxdw [r10-{}], r0\n", slot * 8));
    let zeroes: String = zeroes.collect();
    format!("mov r0, 0\n{zeroes}mov r2, r10\nadd r2, -{size}\n")
}

#[test]
fn maps_are_of_the_kinds_that_the_helper_takes() {
    let call = |helper, map| {
        program(&format!(
            "{}\nlddw r1, map {map}\nmov r3, 8\ncall {helper}",
            buffer(16)
        ))
    };
    accepted(&call("map_lookup_elem", "values"));
    accepted(&call("map_lookup_elem", "hash"));
    accepted(&call("ringbuf_output", "ring"));
    accepted(&call("control_input_receive", "input"));
    for (helper, map) in [
        ("map_lookup_elem", "ring"),
        ("map_delete_elem", "out"),
        ("ringbuf_output", "out"),
        ("ringbuf_output", "values"),
        ("control_input_receive", "ring"),
        ("get_output_buf", "ring"),
        ("map_clear", "input"),
    ] {
        rejected(Code::HelperMapKind, &call(helper, map));
    }
    rejected(
        Code::HelperArgument,
        &program("mov r1, 0\ncall get_output_buf"),
    );
}

#[test]
fn keys_and_values_are_readable_in_whole() {
    accepted(&program(
        "mov r0, 0\nstxw [r10-4], r0\nlddw r1, map values\nmov r2, r10\nadd r2, -4\ncall map_lookup_elem",
    ));
    rejected(
        Code::UninitialisedStack,
        &program(
            "mov r0, 0\nstxw [r10-8], r0\nlddw r1, map hash\nmov r2, r10\nadd r2, -8\ncall map_lookup_elem",
        ),
    );
    rejected(
        Code::HelperMemory,
        &program(
            "mov r0, 0\nstxw [r10-4], r0\nlddw r1, map hash\nmov r2, r10\nadd r2, -4\ncall map_lookup_elem",
        ),
    );
}

#[test]
fn sizes_are_bounded_by_the_memory() {
    let send = |size| {
        program(&format!(
            "ldxdw r3, [r1+16]\n{}\n{size}\nlddw r1, map ring\ncall ringbuf_output",
            buffer(16)
        ))
    };
    accepted(&send("mov r3, 16"));
    accepted(&send("mov r3, 0"));
    accepted(&send("and r3, 15"));
    rejected(Code::HelperMemory, &send("mov r3, 17"));
    rejected(Code::HelperMemory, &send("and r3, 31"));
    rejected(Code::HelperSize, &send("mov r3, -1"));
    rejected(Code::HelperSize, &send("add r3, 0"));
}

#[test]
fn a_helper_with_room_for_some_bytes_is_given_no_more() {
    let verify = |size: &str| {
        let mut example = assembly::assemble(&program(&format!(
            "ldxdw r3, [r1+16]\n{}\nmov r2, r3\n{size}\nmov r1, r10\nadd r1, -16\ncall hash",
            buffer(16)
        )));
        let room = [ArgKind::Readable, ArgKind::SizeUpTo(8)];
        example
            .helpers
            .insert(HelperProto {
                id: 10,
                name: "hash".to_owned(),
                args: room.to_vec(),
                returns: ReturnKind::AnyNumber,
                work: Vec::new(),
            })
            .unwrap();
        let verified = jbpf_verifier::verify(
            &Arc::new(example.program),
            &Arc::new(example.context),
            &Arc::new(example.helpers),
        );
        verified.map(drop).map_err(|rejection| rejection.code)
    };
    for size in ["mov r2, 8", "mov r2, 0", "and r2, 7"] {
        assert_eq!(verify(size), Ok(()), "{size}");
    }
    for size in ["mov r2, 9", "and r2, 15", "add r2, 0"] {
        assert_eq!(verify(size), Err(Code::HelperSize), "{size}");
    }
}

#[test]
fn a_buffer_that_a_helper_fills_need_not_be_written_before() {
    let verified = accepted(&program(
        "mov r2, r10\nadd r2, -24\nlddw r1, map input\nmov r3, 16\ncall control_input_receive\nldxdw r3, [r10-24]\nldxdw r3, [r10-16]",
    ));
    assert_eq!(
        verified.functions()[0].zero_on_entry,
        [StackBytes {
            offset: -24,
            len: 16
        }]
    );
    // The helper does not fill bytes beyond the size.
    rejected(
        Code::UninitialisedStack,
        &program(
            "mov r2, r10\nadd r2, -24\nlddw r1, map input\nmov r3, 16\ncall control_input_receive\nldxb r3, [r10-8]",
        ),
    );
    // The engine does not zero bytes that are written already.
    let verified = accepted(&program(&format!(
        "{}\nlddw r1, map input\nmov r3, 16\ncall control_input_receive\nldxdw r3, [r10-16]",
        buffer(16)
    )));
    assert!(verified.functions()[0].zero_on_entry.is_empty());
}

#[test]
fn a_pointer_does_not_survive_where_a_helper_may_write() {
    rejected(
        Code::PointerPartial,
        &program(
            "stxdw [r10-16], r10\nmov r2, r10\nadd r2, -16\nlddw r1, map input\nmov r3, 16\ncall control_input_receive\nldxdw r3, [r10-16]",
        ),
    );
}

#[test]
fn helpers_write_writable_memory_only() {
    rejected(
        Code::HelperMemory,
        &format!(
            "{MAPS}\n.context read_only 16\nldxdw r2, [r1]\nlddw r1, map input\nmov r3, 16\ncall control_input_receive\nmov r0, 0\nexit"
        ),
    );
    accepted(&format!(
        "{MAPS}\n.context writable 16\nldxdw r2, [r1]\nlddw r1, map input\nmov r3, 16\ncall control_input_receive\nmov r0, 0\nexit"
    ));
}

#[test]
fn calls_leave_nothing_in_r1_to_r5() {
    for reg in 1..=5 {
        rejected(
            Code::UninitialisedRegister,
            &program(&format!("mov r{reg}, 1\ncall rand\nmov r0, r{reg}")),
        );
    }
    accepted(&program("mov r6, 1\ncall rand\nmov r0, r6"));
}

#[test]
fn results_are_bounded() {
    accepted(&program(
        "mov r0, 0\nstxdw [r10-8], r0\ncall runtime_limit_exceeded\nmov r1, r10\nadd r1, -2\nadd r1, r0\nldxb r0, [r1]",
    ));
}

#[test]
fn formats_are_read_where_they_are_known() {
    // "%d %s" on the stack, byte by byte and in words.
    let format = |second: char| {
        let number = u64::from_le_bytes([b'%', b'd', b' ', b'%', second as u8, 0, 0, 0]);
        format!(
            "lddw r1, {number:#x}\nstxdw [r10-8], r1\nmov r1, r10\nadd r1, -8\nmov r2, 6\nmov r3, 1\nmov r4, 2\ncall printf"
        )
    };
    accepted(&program(&format('u')));
    rejected(Code::Format, &program(&format('s')));
    rejected(Code::Format, &program(&format('p')));
}

#[test]
fn arguments_of_a_format_are_numbers() {
    let print = |setup: &str| {
        format!(
            ".rodata f 25 64 00\nlddw r1, section f\nmov r2, 3\n{setup}\ncall printf\nmov r0, 0\nexit"
        )
    };
    accepted(&print("mov r3, 1"));
    // The verifier does not look at arguments that the format does not use.
    accepted(&print("mov r3, 1\nmov r4, r10"));
    rejected(Code::PointerLeak, &print("mov r3, r10"));
    rejected(Code::UninitialisedRegister, &print(""));
    // An unknown format may use all arguments.
    let unknown = "ldxdw r3, [r1+16]\nstxdw [r10-8], r3\nmov r1, r10\nadd r1, -8\nmov r2, 8\nmov r3, 1\nmov r4, 1\n";
    accepted(&format!("{unknown}mov r5, 1\ncall printf\nmov r0, 0\nexit"));
    rejected(
        Code::PointerLeak,
        &format!("{unknown}mov r5, r10\ncall printf\nmov r0, 0\nexit"),
    );
}

#[test]
fn facts_name_the_map_when_it_is_one() {
    let verified = accepted(&program(&format!(
        "{}\nlddw r1, map hash\ncall map_delete_elem",
        buffer(8)
    )));
    let call = verified
        .facts()
        .iter()
        .find(|fact| matches!(fact, Fact::HelperCall { .. }));
    assert_eq!(call, Some(&Fact::HelperCall { map: Some(4) }));
    assert_eq!(verified.summary().maps, [4]);
    assert_eq!(verified.summary().helpers, [4]);
}

/// The worst case of a program on maps, with 8 and 24 bytes an element unless they say otherwise.
fn worst_case(maps: &str, body: &str) -> u64 {
    let text = format!("{maps}\n{body}\nmov r0, 0\nexit");
    accepted(&text).summary().worst_case_instructions
}

/// A key of zeros in 8 bytes at fp-8, and as many bytes of a value as a stack has room for.
fn with_key(map: &str, call: &str) -> String {
    format!(
        "mov r0, 0\nstxdw [r10-8], r0\nlddw r6, map {map}\nmov r1, r6\nmov r2, r10\nadd r2, -8\n{call}"
    )
}

#[test]
fn helpers_count_for_the_bytes_that_they_touch() {
    let hash = |size: usize| {
        let call = format!("{}\nmov r1, r2\nmov r2, {size}\ncall hash", buffer(size));
        worst_case("", &call)
    };
    // Eight bytes more cost one more store into the buffer, and one instruction for the helper's
    // work.
    assert_eq!(hash(64), hash(8) + 7 + 7);
    let sized = |kind: &str, value: usize, call: &str| {
        let maps = format!(
            ".map m {kind} key 8 value {value} entries 16\n.map v array key 4 value {value} entries 1"
        );
        worst_case(&maps, &with_key("m", call))
    };
    // A value of another map is the source of an update.
    let update = "lddw r1, map v\ncall map_lookup_elem\njeq r0, 0, out\nmov r3, r0\nmov r1, r6\nmov r2, r10\nadd r2, -8\nmov r4, 0\ncall map_update_elem\nout:";
    for kind in ["array", "hash", "per_thread_array", "per_thread_hash"] {
        for call in [update, "call map_lookup_reset_elem"] {
            let small = sized(kind, 8, call);
            assert_eq!(sized(kind, 8 + 4096, call), small + 4096 / 8, "{kind}");
        }
        for call in ["call map_lookup_elem", "call map_delete_elem"] {
            assert_eq!(sized(kind, 8 + 4096, call), sized(kind, 8, call), "{kind}");
        }
    }
    // An array has sixteen values. A hash map has four buckets, two more, and eight bytes for each
    // entry.
    let clear = |kind: &str, value| sized(kind, value, "call map_clear") - 9;
    assert_eq!(clear("array", 20), 16 * 3);
    assert_eq!(clear("hash", 20), 6 * 8 + 16);
    assert_eq!(clear("per_thread_hash", 4000), 6 * 8 + 16);
    // All buckets count, and the entries that have room.
    let dump = |size: u32| {
        let call = format!("mov r3, {size}\nmov r2, r10\nadd r2, -64\nmov r4, 0\ncall map_dump");
        sized("hash", 24, &call) - 13
    };
    assert_eq!(dump(0), 6 * 8);
    assert_eq!(dump(64), 6 * 8 + 8);
    // Records are written whole, also if less is sent.
    let record = |kind: &str, value: u32, call: &str| {
        let maps = format!(".map m {kind} value {value} entries 4");
        worst_case(&maps, &with_key("m", call))
    };
    let send = "mov r3, 8\ncall ringbuf_output";
    assert_eq!(
        record("ringbuf", 8 + 4096, send),
        record("ringbuf", 8, send) + 512
    );
    let receive = "mov r3, 8\ncall control_input_receive";
    let small = record("control_input", 8, receive);
    assert_eq!(record("control_input", 8 + 4096, receive), small + 512);
    let reserve = "call get_output_buf\nmov r1, r6\ncall send_output";
    assert_eq!(
        record("output", 4096, reserve),
        record("output", 8, reserve)
    );
    // A format is read, and a message may become longer than its format.
    let print = |size: u32| {
        let call = format!("{}\nmov r1, r2\nmov r2, {size}\ncall printf", buffer(64));
        worst_case(
            "",
            &call.replace(
                "call printf",
                "mov r3, 0\nmov r4, 0\nmov r5, 0\ncall printf",
            ),
        )
    };
    assert_eq!(print(64), print(8) + 7);
    assert!(print(8) > 1024 / 8);
}

#[test]
fn a_call_takes_no_more_instructions_than_a_million_unless_the_application_allows_more() {
    let maps = ".map big array key 4 value 134217728 entries 1\n.map from array key 4 value 134217728 entries 1";
    let update = format!(
        "{maps}\n{}\nmov r0, 0\nexit",
        with_key(
            "from",
            "call map_lookup_elem\njeq r0, 0, out\nmov r3, r0\nlddw r1, map big\nmov r2, r10\nadd r2, -8\nmov r4, 0\ncall map_update_elem\nout:"
        )
    );
    let rejection = rejected(Code::InstructionLimit, &update);
    let text = rejection.to_string();
    assert!(text.contains("1000000 are allowed where"), "{text}");
    let origin = rejection.origin.unwrap();
    assert!(
        origin
            .what
            .contains("map_update_elem counts 16777216 instructions"),
        "{}",
        origin.what
    );
    assert_eq!(origin.disassembly, "call map_update_elem");
    accepted(&format!(".limit 17000000\n{update}"));
    // 255 iterations of three ways each, each with 4 KiB. The count does not depend on the proof
    // of the loop, or on the caller.
    let looped = |bytes: u32| {
        format!(
            "
                .map big array key 4 value {bytes} entries 1
                mov r6, r1
                mov r7, 0
                mov r8, 0
            again:
                ldxb r1, [r6+24]
                jset r1, 1, skip
                add r8, 1
            skip:
                call reset
                add r7, 1
                jlt r7, 255, again
                mov r0, r8
                exit
            reset:
                mov r0, 0
                stxdw [r10-8], r0
                lddw r1, map big
                mov r2, r10
                add r2, -8
                call map_lookup_reset_elem
                mov r0, 0
                exit
            "
        )
    };
    let worst = |bytes| {
        let verified = accepted(&looped(bytes));
        verified.summary().worst_case_instructions
    };
    assert_eq!(worst(8 + 4096), worst(8) + 255 * 512);
    let rejection = rejected(Code::InstructionLimit, &looped(1 << 16));
    assert!(rejection.origin.is_none(), "{:?}", rejection.origin);
    // A bare loop counts as well.
    let bare = |times: u32| {
        format!("mov r1, 0\nmov r0, 0\nagain:\nadd r1, 1\njlt r1, {times}, again\nexit")
    };
    accepted(&bare(400_000));
    // Arithmetic on worst cases saturates.
    let huge = ".map huge hash key 8 value 8 entries 4294967295";
    let clear = "lddw r1, map huge\ncall map_clear\n".repeat(1000);
    let text = format!(".limit {}\n{huge}\n{clear}mov r0, 0\nexit", u64::MAX);
    assert!(accepted(&text).summary().worst_case_instructions > 1 << 43);
}

#[test]
fn abort_ends_its_path() {
    // Nothing is in r0, r1 to r5 keep their values, and no path goes on behind it.
    for text in [
        "mov r1, 1\ncall abort",
        "jeq r2, 7, leave\nmov r0, 0\nexit\nleave:\nmov r1, 3\ncall abort",
        // The code that follows would be refused if a path reached it.
        "mov r1, 1\ncall abort\nldxdw r0, [r9]\nexit",
        "mov r6, r1\nmov r1, 2\ncall f\nmov r0, 0\nexit\nf:\nmov r1, 2\ncall abort",
    ] {
        accepted(text);
    }
    // If null aborts, a pointer that may be null is not null afterwards.
    accepted(&program(
        "mov r0, 0\nstxw [r10-4], r0\nlddw r1, map values\nmov r2, r10\nadd r2, -4\ncall map_lookup_elem
        jne r0, 0, found\nmov r1, 4\ncall abort\nfound:\nldxdw r1, [r0]",
    ));
    // The gate knows which helper ends a path: another helper's call does not end the program.
    rejected(Code::FallsOffTheEnd, "call rand");
    let falls_into_the_next = |helper| {
        format!(
            "mov r1, 1\ncall f\ncall g\nexit\nf:\nmov r1, 1\ncall {helper}\ng:\nmov r0, 0\nexit"
        )
    };
    rejected(Code::FallsOffTheEnd, &falls_into_the_next("rand"));
    accepted(&falls_into_the_next("abort"));
    rejected(Code::UninitialisedRegister, "mov r1, r5\ncall abort");
    rejected(Code::PointerLeak, "call abort");
}

#[test]
fn abort_counts_to_its_call_and_leaves_what_follows_unreached() {
    let verified = accepted(
        "ldxdw r2, [r1+16]
        jne r2, 0, go
        mov r1, 1
        call abort
        mov r0, 1
        exit
    go:
        mov r3, 1
        mov r3, 2
        mov r3, 3
        mov r0, 0
        exit",
    );
    let facts = verified.facts();
    assert_eq!(facts[3], Fact::HelperCall { map: None });
    assert_eq!(facts[4..6], [Fact::Unreachable; 2]);
    assert_eq!(verified.summary().worst_case_instructions, 7);
    assert_eq!(verified.summary().helpers, [31]);

    // The longest way is the one that aborts, inside of a function.
    let verified = accepted(
        "ldxdw r1, [r1+16]
        call f
        mov r0, 0
        exit
    f:
        jne r1, 0, quick
        mov r2, 1
        mov r2, 2
        mov r2, 3
        mov r2, 4
        mov r1, 1
        call abort
    quick:
        mov r0, 0
        exit",
    );
    assert_eq!(verified.summary().worst_case_instructions, 9);
}

#[test]
fn an_abort_in_a_loop_is_no_way_back() {
    // The loop may abort in any iteration. Afterwards, the counter has the value that the loop
    // gave it.
    let verified = accepted(
        "ldxdw r6, [r1+16]
        mov r7, 0
    again:
        mov r2, r6
        rsh r2, r7
        and r2, 1
        jeq r2, 0, fine
        mov r1, 2
        call abort
    fine:
        add r7, 1
        jlt r7, 10, again
        mov r0, r7
        exit",
    );
    assert_eq!(verified.summary().worst_case_instructions, 2 + 10 * 6 + 2);
}
