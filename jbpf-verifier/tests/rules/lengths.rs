//! Indexes below a length, and the lengths that they are below: what is left of the region, what
//! was compared with its end, and numbers of elements.

use super::{accepted, verify, with_region};
use jbpf_verifier::report::Code;

/// An access beyond the bytes that are known to be there is refused. If the offset is not bounded
/// either, the report says that.
#[track_caller]
fn refused(text: &str) {
    match verify(text) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(rejection) => {
            let is_bounds = matches!(rejection.code, Code::RegionOutOfBounds | Code::Unbounded);
            assert!(is_bounds, "{rejection}");
        }
    }
}

/// r5 is the length of the region, and r4 an index. `below` leaves for `out` if r4 is not below
/// r5. A byte at r2 + r4 + `offset` is read.
fn indexed(below: &str, offset: i32) -> String {
    with_region(&format!(
        "mov r5, r3\nsub r5, r2\n{below}\nadd r2, r4\nldxb r0, [r2+{offset}]"
    ))
}

#[test]
fn an_index_below_the_length_has_a_byte() {
    for below in [
        "jge r4, r5, out",
        "jle r5, r4, out",
        "jlt r4, r5, +1\nja out",
        "jgt r5, r4, +1\nja out",
        "jsge r4, r5, out",
        "jge32 r4, r5, out",
        "mov32 r5, r5\njge r4, r5, out",
        "add r5, -1\njsgt r4, r5, out",
        "mov r7, r4\nadd r7, 1\njgt r7, r5, out",
        "mov r7, r4\nadd r7, 1\njne r7, r5, out",
    ] {
        accepted(&indexed(below, 0));
        refused(&indexed(below, 1));
    }
    for above in [
        "jgt r4, r5, out",
        "jlt r5, r4, out",
        "jlt r4, r5, out",
        "jeq r4, r5, out",
        "jne r4, r5, out",
        "jset r4, r5, out",
        "add r5, 1\njge r4, r5, out",
        // The index, or the length, is another one afterwards.
        "jge r4, r5, out\nadd r4, 1",
        "jge r4, r5, out\nldxw r4, [r1+24]",
        "jge r4, r5, out\nmul r4, 2",
        "ldxdw r5, [r1+16]\njge r4, r5, out",
    ] {
        refused(&indexed(above, 0));
    }
}

#[test]
fn an_index_of_64_bits_is_compared_as_one() {
    let wide = |below: &str| indexed(&format!("ldxdw r4, [r1+16]\n{below}"), 0);
    accepted(&wide("jge r4, r5, out"));
    accepted(&wide("jslt r4, 0, out\njsge r4, r5, out"));
    // An index may be negative.
    refused(&wide("jsge r4, r5, out"));
    // The lower half is compared.
    refused(&wide("jge32 r4, r5, out"));
    // An index of 34 bits may have a small half.
    let half = "ldxdw r4, [r1+16]\nrsh r4, 30\n";
    accepted(&indexed(&format!("{half}jge r4, r5, out"), 0));
    refused(&indexed(&format!("{half}jge32 r4, r5, out"), 0));
    refused(&wide("mov32 r7, r4\njge r7, r5, out"));
    refused(&wide("jsge32 r4, r5, out"));
}

#[test]
fn a_length_that_may_be_negative_bounds_nothing() {
    // The rest behind data + 16 may be negative, and large as an unsigned number.
    let behind = |below: &str| {
        with_region(&format!(
            "
                mov r6, r2
                add r6, 16
                mov r5, r3
                sub r5, r6
                {below}
                add r6, r4
                ldxb r0, [r6]
            "
        ))
    };
    refused(&behind("jge r4, r5, out"));
    refused(&behind("and r5, 0xff\njge r4, r5, out"));
    accepted(&behind("jsge r4, r5, out"));
    accepted(&behind("jslt r5, 0, out\njge r4, r5, out"));
    accepted(&behind(
        "jgt r6, r3, out\nmov r5, r3\nsub r5, r6\njge r4, r5, out",
    ));
}

#[test]
fn an_index_below_a_compared_length_has_a_byte() {
    let compared = |at: i32, order: &str, read: &str| {
        with_region(&format!(
            "
                ldxh r5, [r1+24]
                ldxh r4, [r1+26]
                mov r6, r2
                add r6, {at}
                mov r7, r6
                add r7, r5
                jgt r7, r3, out
                {order}
                add r6, r4
                {read}
            "
        ))
    };
    for at in [0, 4] {
        accepted(&compared(at, "jge r4, r5, out", "ldxb r0, [r6]"));
        accepted(
            &compared(at, "jgt r4, r5, out", "ldxb r0, [r6-1]\n")
                .replace("jgt r4", "jeq r4, 0, out\njgt r4"),
        );
        refused(&compared(at, "jge r4, r5, out", "ldxb r0, [r6+1]"));
        refused(&compared(at, "jgt r4, r5, out", "ldxb r0, [r6]"));
        // Another number than the compared one.
        refused(&compared(
            at,
            "ldxh r5, [r1+24]\njge r4, r5, out",
            "ldxb r0, [r6]",
        ));
        refused(&compared(at, "add r5, 1\njge r4, r5, out", "ldxb r0, [r6]"));
    }
}

#[test]
fn an_index_and_a_length_may_be_behind_another_index() {
    // r6 = data + r8, and r6 + r5 is compared. The order is known before the comparison, or after.
    let behind = |before: &str, after: &str, read: &str| {
        with_region(&format!(
            "
                ldxh r5, [r1+24]
                ldxh r4, [r1+26]
                ldxb r8, [r1+16]
                mov r6, r2
                add r6, r8
                {before}
                mov r7, r6
                add r7, r5
                jgt r7, r3, out
                {after}
                add r6, r4
                {read}
            "
        ))
    };
    let order = "jge r4, r5, out";
    accepted(&behind("", order, "ldxb r0, [r6]"));
    refused(&behind("", order, "ldxb r0, [r6+1]"));
    refused(&behind("", "jgt r4, r5, out", "ldxb r0, [r6]"));
    // The pointer starts elsewhere afterwards.
    let moved = "jge r4, r5, out\nldxb r8, [r1+16]\nmov r6, r2\nadd r6, r8";
    refused(&behind("", moved, "ldxb r0, [r6]"));
    // The rest behind r6, as a number.
    let left = "mov r7, r3\nsub r7, r6\njsge r4, r7, out";
    accepted(&behind("", left, "ldxb r0, [r6]"));
    let other = "mov r7, r3\nsub r7, r2\njsge r4, r7, out";
    refused(&behind("", other, "ldxb r0, [r6]"));
}

/// r5 is the number of elements of `size` bytes. `below` compares r4 with it, and r2 + r4 * `size`
/// is read.
fn element(count: &str, below: &str, scale: &str, read: &str) -> String {
    with_region(&format!(
        "
            mov r5, r3
            sub r5, r2
            {count}
            {below}
            {scale}
            add r2, r4
            {read}
        "
    ))
}

#[test]
fn an_index_below_the_number_of_elements_has_an_element() {
    let below = "jge r4, r5, out";
    for count in [
        "rsh r5, 3",
        "div r5, 8",
        "and r5, -8\nrsh r5, 3",
        "mov32 r5, r5\nrsh r5, 3",
        "mov32 r5, r5\nrsh32 r5, 3",
        "lsh r5, 32\nrsh r5, 32\nrsh r5, 3",
    ] {
        for scale in [
            "lsh r4, 3",
            "mul r4, 8",
            "lsh r4, 32\nrsh r4, 29",
            "lsh r4, 32\nrsh r4, 32\nlsh r4, 3",
        ] {
            accepted(&element(count, below, scale, "ldxdw r0, [r2]"));
            accepted(&element(count, below, scale, "ldxb r0, [r2+7]"));
            refused(&element(count, below, scale, "ldxb r0, [r2+8]"));
            refused(&element(count, "jgt r4, r5, out", scale, "ldxb r0, [r2]"));
        }
        // Elements of another size.
        for scale in ["lsh r4, 4", "mul r4, 9", "lsh r4, 32\nrsh r4, 28"] {
            refused(&element(count, below, scale, "ldxb r0, [r2]"));
        }
        accepted(&element(count, below, "mul r4, 5", "ldxdw r0, [r2]"));
        accepted(&element(count, below, "", "ldxdw r0, [r2]"));
    }
    // Twelve bytes.
    accepted(&element(
        "div r5, 12",
        below,
        "mul r4, 12",
        "ldxw r0, [r2+8]",
    ));
    refused(&element(
        "div r5, 12",
        below,
        "mul r4, 12",
        "ldxw r0, [r2+9]",
    ));
    refused(&element("div r5, 12", below, "mul r4, 13", "ldxb r0, [r2]"));
    // Products that wrap in 32 bits are not below the length.
    refused(&element("rsh r5, 2", below, "lsh32 r4, 3", "ldxb r0, [r2]"));
    // The length is divided twice, and its index multiplied once.
    accepted(&element(
        "rsh r5, 1\nrsh r5, 2",
        below,
        "lsh r4, 3",
        "ldxdw r0, [r2]",
    ));
}

#[test]
fn a_count_proves_its_elements() {
    let count = |divided: &str, least: i32, read: &str| {
        with_region(&format!(
            "mov r5, r3\nsub r5, r2\n{divided}\njlt r5, {least}, out\n{read}"
        ))
    };
    for divided in ["rsh r5, 3", "div r5, 8", "mov32 r5, r5\nrsh32 r5, 3"] {
        accepted(&count(divided, 1, "ldxdw r0, [r2]"));
        accepted(&count(divided, 2, "ldxdw r0, [r2+8]"));
        refused(&count(divided, 1, "ldxb r0, [r2+8]"));
        refused(&count(divided, 0, "ldxb r0, [r2]"));
    }
    // Masks: at least one multiple of 16.
    accepted(&count("and r5, -16", 1, "ldxdw r0, [r2+8]"));
    refused(&count("and r5, -16", 1, "ldxdw r0, [r2+9]"));
    accepted(&count("and r5, 6", 1, "ldxh r0, [r2]"));
    refused(&count("or r5, 16", 1, "ldxb r0, [r2]"));
    refused(&count("xor r5, 1", 1, "ldxb r0, [r2]"));
    accepted(&count("mod r5, 7", 3, "ldxh r0, [r2]"));
    refused(&count("mod r5, 7", 3, "ldxw r0, [r2]"));
}

#[test]
fn loops_below_a_length_are_accepted() {
    let looped = |length: &str, body: &str| {
        with_region(&format!(
            "
                mov r5, r3
                sub r5, r2
                {length}
                mov r4, 0
                mov r0, 0
            again:
                jge r4, r5, out
                {body}
                add r4, 1
                jlt r4, 64, again
            "
        ))
    };
    let byte = "mov r6, r2\nadd r6, r4\nldxb r6, [r6]\nadd r0, r6";
    accepted(&looped("", byte));
    refused(&looped("", &byte.replace("[r6]", "[r6+1]")));
    refused(&looped("add r5, 1", byte));
    let element = "mov r6, r4\nlsh r6, 3\nmov r7, r2\nadd r7, r6\nldxdw r6, [r7]";
    accepted(&looped("rsh r5, 3", element));
    refused(&looped("rsh r5, 2", element));
    // Two ways through each iteration.
    let ways = format!("{byte}\njset r6, 1, +1\nadd r0, 7\njset r6, 2, +1\nadd r0, 9");
    accepted(&looped("", &ways));
    refused(&looped("", &ways.replace("[r6]", "[r6+1]")));
}

#[test]
fn the_rest_of_a_length_is_behind_what_was_taken() {
    // r4 bytes of r5 are taken. r6 is the rest.
    let rest = |taken: &str, way: &str| {
        with_region(&format!(
            "
                mov r5, r3
                sub r5, r2
                {taken}
                mov r6, r5
                sub r6, r4
                add r2, r4
                {way}
            "
        ))
    };
    let taken = "jgt r4, r5, out";
    accepted(&rest(taken, "jlt r6, 4, out\nldxw r0, [r2]"));
    accepted(&rest(taken, "jeq r6, 0, out\nldxb r0, [r2]"));
    accepted(&rest("", "jslt r6, 4, out\nldxw r0, [r2]"));
    refused(&rest(taken, "jlt r6, 3, out\nldxw r0, [r2]"));
    // More may have been taken than there was.
    refused(&rest("", "jlt r6, 4, out\nldxw r0, [r2]"));
    refused(&rest("", "jeq r6, 0, out\nldxb r0, [r2]"));
    // An index below the rest.
    let index = "ldxb r7, [r1+16]\njge r7, r6, out\nadd r2, r7\nldxb r0, [r2]";
    accepted(&rest(taken, index));
    refused(&rest("", index));
    refused(&rest(taken, &index.replace("[r2]", "[r2+1]")));
    refused(&rest(taken, &index.replace("jge", "jgt")));
}

#[test]
fn the_last_element_of_the_length_is_there() {
    let last = |least: i32, less: i32| {
        with_region(&format!(
            "mov r5, r3\nsub r5, r2\njlt r5, {least}, out\nadd r5, -{less}\nadd r2, r5\nldxw r0, [r2]"
        ))
    };
    accepted(&last(4, 4));
    accepted(&last(9, 8));
    refused(&last(4, 3));
    refused(&last(3, 4));
}

#[test]
fn a_bound_of_one_path_is_none_of_another() {
    // On one path the index is below the length. The paths meet before the access.
    let joined = |other: &str| {
        with_region(&format!(
            "
                mov r5, r3
                sub r5, r2
                ldxb r6, [r1+16]
                ldxb r7, [r1+17]
                .repeat 8 mov r0, 0
                jgt r6, 7, a
                jge r4, r5, out
                mov r8, 1
                ja b
            a:
                {other}
                mov r8, 2
            b:
                jgt r7, 3, +1
                mov r8, 3
                jgt r7, 5, +1
                mov r8, 4
                .repeat 8 mov r0, 0
                add r2, r4
                ldxb r0, [r2]
            "
        ))
    };
    accepted(&joined("jge r4, r5, out"));
    refused(&joined("jgt r4, r5, out"));
    refused(&joined(""));
    // On the other path, the index is the length of something else.
    refused(&joined("mov r5, 9\njge r4, r5, out"));
}

/// Two ways, the first of which is proven before the second one arrives at `after`. Four bytes in
/// r4, r5, r8 and r9; r6 is data + r8.
fn two_ways(first: &str, second: &str, after: &str) -> String {
    with_region(&format!(
        "
            .data table 00 00 00 00 00 00 00 00
            ldxb r4, [r1+16]
            ldxb r5, [r1+17]
            ldxb r8, [r1+18]
            ldxb r9, [r1+19]
            mov r6, r2
            add r6, r8
            ldxb r0, [r1+20]
            .repeat 8 mov r7, 0
            jgt r0, 7, second
            {first}
            ja both
        second:
            {second}
        both:
            jgt r0, 3, +1
            ldxb r0, [r1+21]
            jgt r0, 5, +1
            ldxb r0, [r1+22]
            .repeat 8 mov r0, 0
            {after}
        "
    ))
}

#[test]
fn a_sum_of_one_path_is_none_of_another() {
    let sum = "mov r7, r6\nadd r7, r5";
    let other = "mov r7, r6\nadd r7, r9";
    let after = "jgt r7, r3, out\njge r4, r5, out\nadd r6, r4\nldxb r0, [r6]";
    accepted(&two_ways(sum, sum, after));
    refused(&two_ways(sum, other, after));
    refused(&two_ways(other, sum, after));
    refused(&two_ways(sum, &format!("{sum}\nadd r5, 1"), after));
    refused(&two_ways(sum, "mov r7, r2\nadd r7, r5", after));
}

#[test]
fn a_size_of_one_path_is_none_of_another() {
    // r7 - r4 is not negative if r7 is the size, and r2 + r4 is at most the end.
    let size = "mov r7, r3\nsub r7, r2";
    let less = "mov r7, r3\nsub r7, r2\nand r7, -8";
    let after = "
        add r2, r4
        jgt r2, r3, out
        sub r7, r4
        jsgt r7, 7, out
        lddw r1, section table
        add r1, r7
        ldxb r0, [r1]
    ";
    accepted(&two_ways(size, size, after));
    let rejection = verify(&two_ways(size, less, after)).unwrap_err();
    assert_eq!(rejection.code, Code::MapValueOutOfBounds, "{rejection}");
    assert!(verify(&two_ways(less, size, after)).is_err());
}

#[test]
fn merged_paths_know_of_two_numbers_what_each_of_them_compared() {
    let merged = |first: i32, second: i32| {
        with_region(&format!(
            "
                ldxb r4, [r1+16]
                ldxb r8, [r1+18]
                mov r6, r2
                add r6, r8
                mov r5, 0
                mov r0, 0
            again:
                ldxb r9, [r1+24]
                mov r7, r6
                add r7, r4
                jset r9, 1, a
                add r7, {first}
                ja b
            a:
                add r7, {second}
                add r0, 1
            b:
                jgt r7, r3, out
                jset r9, 2, +1
                add r0, 2
                jset r9, 4, +1
                add r0, 4
                add r5, 1
                jlt r5, 9, again
                jeq r0, 37, out
                add r6, r4
                ldxdw r0, [r6]
            "
        ))
    };
    let verified = accepted(&merged(8, 9));
    assert!(verified.summary().merged > 0);
    refused(&merged(8, 7));
    refused(&merged(7, 8));
}
