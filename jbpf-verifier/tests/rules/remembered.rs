//! Facts that are remembered: which numbers are the same ones, sums that wrap, and comparisons
//! with the end of the region that failed.

use super::{accepted, rejected, verify, with_region};
use jbpf_verifier::report::Code;

/// r2 is a number of `bits` bits, and an index into 64 bytes at r9, after `code`.
fn index(bits: u32, code: &str) -> String {
    let shift = 64 - bits;
    format!(
        "
            .data table {}
            ldxdw r2, [r1+16]
            rsh r2, {shift}
            lddw r9, section table
            {code}
            add r9, r2
            ldxb r0, [r9]
        out:
            mov r0, 0
            exit
        ",
        "00 ".repeat(64)
    )
}

#[test]
fn a_number_is_the_same_after_a_narrow_spill() {
    for (store, load, bits) in [
        ("stxb", "ldxb", 8),
        ("stxh", "ldxh", 16),
        ("stxh", "ldxh", 12),
        ("stxw", "ldxw", 16),
        ("stxh", "ldxb", 7),
    ] {
        let spilled = format!("{store} [r10-8], r2\n{load} r3, [r10-8]");
        let through = |code: &str| index(bits, &code.replace("SPILL", &spilled));
        accepted(&through("SPILL\njgt r3, 63, out"));
        accepted(&through("SPILL\njgt r2, 63, out\nmov r2, r3"));
        let later = format!("SPILL\njgt r2, 63, out\n{load} r2, [r10-8]");
        accepted(&through(&later));
        rejected(
            Code::MapValueOutOfBounds,
            &through("SPILL\njgt r3, 64, out"),
        );
        // Another number is there by now, or it is another byte of it.
        let other = format!("SPILL\nstb [r10-8], 1\n{load} r3, [r10-8]\njgt r3, 63, out");
        rejected(Code::MapValueOutOfBounds, &through(&other));
        let next = format!("SPILL\nstb [r10-7], 0\n{load} r3, [r10-7]\njgt r3, 63, out");
        assert!(verify(&through(&next)).is_err());
    }
    // The spill cuts it.
    let cut = "stxb [r10-8], r2\nldxb r3, [r10-8]\njgt r3, 63, out";
    rejected(Code::MapValueOutOfBounds, &index(9, cut));
    let cut = "stxh [r10-8], r2\nldxb r3, [r10-8]\njgt r3, 63, out";
    rejected(Code::MapValueOutOfBounds, &index(9, cut));
    let signed = "stxb [r10-8], r2\nldxsb r3, [r10-8]\njsgt r3, 63, out";
    rejected(Code::MapValueOutOfBounds, &index(8, signed));
}

#[test]
fn a_number_is_the_same_after_a_mask_of_all_its_bits() {
    for (mask, bits) in [("and", 8), ("and32", 8), ("and", 7), ("and32", 3)] {
        let masked = |bits| {
            index(
                bits,
                &format!("mov r3, r2\n{mask} r3, 255\njgt r3, 63, out"),
            )
        };
        accepted(&masked(bits));
        rejected(Code::MapValueOutOfBounds, &masked(9));
    }
    rejected(
        Code::MapValueOutOfBounds,
        &index(8, "mov r3, r2\nand r3, 127\njgt r3, 63, out"),
    );
    // In 32 bits, the mask cuts the upper half.
    rejected(
        Code::Unbounded,
        &index(33, "mov r3, r2\nand32 r3, -1\njgt r3, 63, out"),
    );
}

#[test]
fn a_range_check_by_a_sum_that_wraps_bounds_the_number() {
    // 1 <= r2 <= 64, by one comparison, in so many bits.
    let checked = |bits: u32, sum: &str, comparison: &str, at: i32| {
        let code = format!("mov r4, r2\n{sum}\n{comparison}\nadd r9, {at}");
        index(bits, &code)
    };
    for (bits, sum, comparison) in [
        (16, "add32 r4, -65", "jlt32 r4, -64, out"),
        (16, "sub32 r4, 65", "jlt32 r4, -64, out"),
        (16, "add r4, -65", "jlt r4, -64, out"),
        (
            16,
            "add32 r4, -65\nand32 r4, 0xffff",
            "jlt32 r4, 0xffc0, out",
        ),
        (16, "add r4, -65\nand r4, 0xffff", "jlt r4, 0xffc0, out"),
        (8, "add32 r4, -65\nand32 r4, 0xff", "jlt32 r4, 0xc0, out"),
        (16, "add32 r4, -1", "jgt32 r4, 63, out"),
        (16, "add32 r4, -1\nand32 r4, 0xffff", "jgt r4, 63, out"),
        (8, "add32 r4, -1\nand32 r4, 0xff", "jgt32 r4, 63, out"),
    ] {
        accepted(&checked(bits, sum, comparison, -1));
        rejected(
            Code::MapValueOutOfBounds,
            &checked(bits, sum, comparison, -2),
        );
        rejected(
            Code::MapValueOutOfBounds,
            &checked(bits, sum, comparison, 0),
        );
    }
    // The number has more bits than the sum.
    for (bits, sum, comparison) in [
        (17, "add32 r4, -1\nand32 r4, 0xffff", "jgt32 r4, 63, out"),
        (9, "add r4, -1\nand r4, 0xff", "jgt r4, 63, out"),
        (33, "add32 r4, -1", "jgt32 r4, 63, out"),
    ] {
        assert!(verify(&checked(bits, sum, comparison, -1)).is_err());
    }
    // The number is another one afterwards.
    let code = "mov r4, r2\nadd32 r4, -1\nldxh r2, [r1+18]\njgt32 r4, 63, out\nadd r9, -1";
    rejected(Code::MapValueOutOfBounds, &index(16, code));
}

/// r7 is written if a first comparison shows some bytes, and read if a second one does.
fn twice(first: (i32, &str), second: (i32, &str)) -> String {
    let compared =
        |(size, comparison): (i32, &str)| format!("mov r5, r2\nadd r5, {size}\n{comparison}");
    with_region(&format!(
        "
            {}
            ja known
        less:
            {}
            mov r0, r7
            ja out
        known:
            mov r7, 1
            ja less
        ",
        compared(first),
        compared(second)
    ))
}

#[test]
fn a_comparison_with_the_end_that_failed_fails_again() {
    let (less, out) = ("jgt r5, r3, less", "jgt r5, r3, out");
    for size in [4, 5, 100] {
        accepted(&twice((4, less), (size, out)));
    }
    rejected(Code::UninitialisedRegister, &twice((4, less), (3, out)));
    for comparison in ["jlt r3, r5, less", "jsgt r5, r3, less"] {
        accepted(&twice((4, comparison), (4, out)));
        rejected(
            Code::UninitialisedRegister,
            &twice((4, comparison), (3, out)),
        );
    }
    // At least the end.
    accepted(&twice((4, "jge r5, r3, less"), (5, out)));
    rejected(
        Code::UninitialisedRegister,
        &twice((4, "jge r5, r3, less"), (4, out)),
    );
    accepted(&twice((4, "jge r5, r3, less"), (4, "jge r5, r3, out")));
    // The end itself.
    accepted(&twice((4, "jeq r5, r3, less"), (5, out)));
    rejected(
        Code::UninitialisedRegister,
        &twice((4, "jeq r5, r3, less"), (4, out)),
    );
    accepted(&twice((4, "jeq r5, r3, less"), (4, "jeq r5, r3, out")));
    rejected(
        Code::UninitialisedRegister,
        &twice((4, "jne r5, r3, less"), (4, out)),
    );
}

#[test]
fn a_variable_that_reaches_beyond_the_end_does_so_again() {
    let twice = |between: &str, size: i32| {
        with_region(&format!(
            "
                mov r5, r2
                add r5, r4
                mov r6, r5
                add r6, 4
                jgt r6, r3, less
                mov r7, 1
            less:
                {between}
                mov r6, r2
                add r6, r4
                add r6, {size}
                jgt r6, r3, out
                mov r0, r7
            "
        ))
    };
    accepted(&twice("", 4));
    accepted(&twice("", 5));
    rejected(Code::UninitialisedRegister, &twice("", 3));
    rejected(Code::UninitialisedRegister, &twice("ldxh r4, [r1+24]", 4));
    accepted(&twice("add r4, 2", 2));
    rejected(Code::UninitialisedRegister, &twice("add r4, 2", 1));
}

#[test]
fn a_limit_of_one_path_is_none_of_another() {
    // r7 is written on the way that knows that four bytes are there, and on the way that does not
    // know. The way without it comes later, and is known to have less than `less` bytes.
    let ways = |first: i32, less: i32| {
        with_region(&format!(
            "
                ldxb r0, [r1+20]
                mov r7, 1
                mov r5, r2
                add r5, {first}
                jgt r0, 7, second
                jle r5, r3, out
                ja both
            second:
                mov r5, r2
                add r5, {less}
                jle r5, r3, out
            both:
                ldxb r0, [r1+21]
                jgt r0, 3, +1
                ldxb r0, [r1+21]
                jgt r0, 5, +1
                ldxb r0, [r1+22]
                .repeat 8 mov r0, 0
                mov r5, r2
                add r5, 4
                jgt r5, r3, out
                ldxb r0, [r2+4]
            "
        ))
    };
    accepted(&ways(4, 4));
    accepted(&ways(4, 3));
    rejected(Code::RegionOutOfBounds, &ways(4, 5));
    rejected(Code::RegionOutOfBounds, &ways(5, 4));
}
