//! Pointers that are compared with the end of the region by `==` and `!=`, and the bytes before a
//! length that is known to fit.

use super::{accepted, rejected, with_region};
use jbpf_verifier::report::Code;

/// Reads `access` if r2 plus `lead` is not the end, after as many bytes as `known` were compared.
fn apart(known: i32, comparison: &str, lead: i32, access: &str) -> String {
    with_region(&format!(
        "
            mov r5, r2
            add r5, {known}
            jgt r5, r3, out
            mov r5, r2
            add r5, {lead}
            {comparison}
            {access}
            ja out
        "
    ))
}

#[test]
fn a_pointer_that_is_not_the_end_has_a_byte_before_it() {
    for comparison in [
        "jeq r5, r3, out",
        "jeq r3, r5, out",
        "jne r5, r3, +1\nja out",
        "jne r3, r5, +1\nja out",
    ] {
        accepted(&apart(0, comparison, 0, "ldxb r0, [r2]"));
        accepted(&apart(4, comparison, 4, "ldxb r0, [r2+4]"));
        // One byte more than that is not known.
        let two = apart(0, comparison, 0, "ldxh r0, [r2]");
        rejected(Code::RegionOutOfBounds, &two);
        let next = apart(4, comparison, 4, "ldxb r0, [r2+5]");
        rejected(Code::RegionOutOfBounds, &next);
        // A pointer that may be behind the end is not the end, either.
        let behind = apart(3, comparison, 4, "ldxb r0, [r2+4]");
        rejected(Code::RegionOutOfBounds, &behind);
        let behind = apart(0, comparison, 1, "ldxb r0, [r2]");
        rejected(Code::RegionOutOfBounds, &behind);
        // Another place than the end itself is known less of.
        let before = apart(8, comparison, 4, "ldxb r0, [r2+8]");
        rejected(Code::RegionOutOfBounds, &before);
    }
    // The pointer that is the end has nothing before the end.
    for equal in ["jne r5, r3, out", "jeq r5, r3, +1\nja out"] {
        rejected(
            Code::RegionOutOfBounds,
            &apart(0, equal, 0, "ldxb r0, [r2]"),
        );
        accepted(&apart(0, equal, 1, "ldxb r0, [r2]"));
    }
}

#[test]
fn an_end_that_was_moved_is_told_apart_from_the_end() {
    let moved = |by: i32, access: &str| {
        with_region(&format!(
            "
                mov r5, r2
                add r5, 2
                jgt r5, r3, out
                mov r5, r3
                add r5, {by}
                jeq r2, r5, out
                {access}
            "
        ))
    };
    // data != data_end - 2, and two bytes are there: so three are.
    accepted(&moved(-2, "ldxb r0, [r2+2]"));
    rejected(Code::RegionOutOfBounds, &moved(-1, "ldxb r0, [r2+2]"));
    rejected(Code::RegionOutOfBounds, &moved(-2, "ldxb r0, [r2+3]"));
    rejected(Code::RegionOutOfBounds, &moved(1, "ldxb r0, [r2+2]"));
}

#[test]
fn a_variable_offset_that_is_not_the_end_has_a_byte_behind_it() {
    let with = |known: i32, lead: i32, access: &str| {
        with_region(&format!(
            "
                mov r5, r2
                add r5, r4
                mov r6, r5
                add r6, {known}
                jgt r6, r3, out
                mov r6, r5
                add r6, {lead}
                jeq r6, r3, out
                {access}
            "
        ))
    };
    accepted(&with(2, 2, "ldxb r0, [r5+2]"));
    rejected(Code::RegionOutOfBounds, &with(2, 2, "ldxh r0, [r5+2]"));
    rejected(Code::RegionOutOfBounds, &with(2, 3, "ldxb r0, [r5+2]"));
    rejected(Code::RegionOutOfBounds, &with(2, 1, "ldxb r0, [r5+2]"));
    // Another variable offset.
    rejected(
        Code::RegionOutOfBounds,
        &with(2, 2, "ldxh r4, [r1+24]\nadd r2, r4\nldxb r0, [r2+2]"),
    );
    // The offset is bounded, so that the bytes known from the start are enough.
    let bounded = |mask: i32| {
        with_region(&format!(
            "
                mov r5, r2
                add r5, 15
                jgt r5, r3, out
                and r4, {mask}
                add r2, r4
                jeq r2, r3, out
                ldxb r0, [r2]
            "
        ))
    };
    accepted(&bounded(15));
    rejected(Code::RegionOutOfBounds, &bounded(31));
}

/// A loop from r2 to the end r3, 64 times at most. `body` uses r2, and `step` moves it.
fn walk(body: &str, step: &str) -> String {
    with_region(&format!(
        "
            mov r5, 0
            mov r0, 0
            jeq r2, r3, out
        again:
            {body}
            {step}
            add r5, 1
            jgt r5, 63, out
            jne r2, r3, again
        "
    ))
}

#[test]
fn a_loop_may_run_until_its_pointer_is_the_end() {
    accepted(&walk("ldxb r6, [r2]\nadd r0, r6", "add r2, 1"));
    rejected(Code::RegionOutOfBounds, &walk("ldxb r6, [r2]", "add r2, 2"));
    rejected(Code::RegionOutOfBounds, &walk("ldxh r6, [r2]", "add r2, 1"));
    rejected(
        Code::RegionOutOfBounds,
        &walk("ldxb r6, [r2+1]", "add r2, 1"),
    );
    rejected(
        Code::RegionOutOfBounds,
        &walk("ldxb r6, [r2-1]", "add r2, 1"),
    );
}

#[test]
fn merged_iterations_keep_the_bytes_behind_their_pointers() {
    // The paths through an iteration multiply, so that iterations are merged. On some paths, the
    // pointer moves two bytes, after a comparison of its own.
    let scan = |least: i32| {
        walk(
            &format!(
                "
                    ldxb r6, [r2]
                    jlt r6, 32, a
                    add r0, 1
                a:
                    jgt r6, 126, b
                    add r0, 2
                b:
                    jne r6, 27, c
                    mov r7, r2
                    add r7, {least}
                    jgt r7, r3, out
                    add r2, 1
                c:
                "
            ),
            "add r2, 1",
        )
    };
    let verified = accepted(&scan(2));
    assert!(verified.summary().merged > 0);
    rejected(Code::RegionOutOfBounds, &scan(1));
}

/// r5 is at least `least`, r2 + r5 is at most the end. `way` changes r5, and r2 + r5 is read.
fn before_length(least: i32, way: &str) -> String {
    with_region(&format!(
        "
            ldxh r5, [r1+24]
            jlt r5, {least}, out
            mov r4, r2
            add r4, r5
            jgt r4, r3, out
            mov r4, 0
            {way}
            add r2, r5
            ldxb r0, [r2]
        "
    ))
}

#[test]
fn the_last_byte_of_a_length_stays_that_through_an_extension() {
    for extension in [
        "lsh r5, 32\nrsh r5, 32",
        "lsh r5, 32\narsh r5, 32",
        "mov32 r5, r5",
        "movsx32 r5, r5",
    ] {
        for less in ["add r5, -1", "sub r5, 1", "add32 r5, -1"] {
            accepted(&before_length(1, &format!("{less}\n{extension}")));
            rejected(
                Code::RegionOutOfBounds,
                &before_length(1, &format!("{extension}\n{less}\nadd r5, 1")),
            );
        }
        // A length of 0 has no last byte: its number wraps, and the extension cuts it.
        let none = before_length(0, &format!("add r5, -1\n{extension}"));
        assert!(super::verify(&none).is_err(), "{extension}");
        let further = before_length(1, &format!("add r5, -2\n{extension}"));
        assert!(super::verify(&further).is_err(), "{extension}");
    }
}

#[test]
fn an_extension_that_cuts_a_number_makes_another() {
    // The low half of r5 is bounded, and its copy r6 is an index.
    let cut = |bits: u32| {
        format!(
            "
                .data table 00 00 00 00 00 00 00 00
                ldxdw r5, [r1+16]
                rsh r5, {}
                mov r6, r5
                lsh r5, 32
                rsh r5, 32
                jgt r5, 7, out
                lddw r1, section table
                add r1, r6
                ldxb r0, [r1]
            out:
                mov r0, 0
                exit
            ",
            64 - bits
        )
    };
    accepted(&cut(32));
    rejected(Code::Unbounded, &cut(33));
}

#[test]
fn a_merged_pointer_has_behind_it_what_every_way_has_compared() {
    // Both ways of an iteration move r2 and leave as many bytes behind it as `left` says. The read
    // comes in the middle of a hundred iterations, whose ways are merged by then.
    let ways = |left: [i32; 2], access: &str| {
        let way = |step: i32, left: i32| {
            format!(
                "mov r6, r2\nadd r6, {}\njgt r6, r3, out\nadd r2, {step}\n",
                step + left
            )
        };
        with_region(&format!(
            "
                mov r5, 0
            again:
                jne r5, 50, on
                {access}
            on:
                ldxdw r7, [r1+16]
                rsh r7, r5
                and r7, 1
                jeq r7, 0, other
                {}
                ja next
            other:
                {}
            next:
                add r5, 1
                jlt r5, 100, again
            ",
            way(1, left[0]),
            way(2, left[1])
        ))
    };
    accepted(&ways([4, 4], "ldxw r0, [r2]"));
    accepted(&ways([7, 4], "ldxw r0, [r2]"));
    for left in [[7, 3], [3, 7], [4, 0]] {
        assert!(
            super::verify(&ways(left, "ldxw r0, [r2]")).is_err(),
            "{left:?}"
        );
    }
}
