//! The known facts of numbers, through copies and the detours of compilers.

use super::{accepted, rejected};
use jbpf_verifier::report::Code;

/// Loads a number into r2, runs `body`, and reads one of the eight bytes from fp-8 on at offset
/// r3.
fn index(body: &str) -> String {
    format!(
        "
            mov r0, 0
            stxdw [r10-8], r0
            ldxdw r2, [r1+16]
            {body}
            mov r4, r10
            add r4, -8
            add r4, r3
            ldxb r5, [r4]
        out:
            mov r0, 0
            exit
        "
    )
}

#[test]
fn bounds_come_from_masks_shifts_and_remainders() {
    for body in [
        "mov r3, r2\nand r3, 7",
        "mov r3, r2\nrsh r3, 61",
        "mov r3, r2\nmod r3, 8",
        "mov32 r3, r2\nrsh32 r3, 29",
        "mov r3, r2\nand32 r3, 7",
        "mov r3, r2\nand r3, 3\nlsh r3, 1",
        "mov r3, r2\nand r3, 63\ndiv r3, 8",
        "mov r3, 7\nand r2, 7\nsub r3, r2",
        "mov r3, r2\nand r3, 6\nor r3, 1",
    ] {
        accepted(&index(body));
    }
    rejected(Code::StackOutOfBounds, &index("mov r3, r2\nand r3, 15"));
}

#[test]
fn comparisons_of_both_widths_bound() {
    for body in [
        "mov r3, r2\njgt r3, 7, out",
        "mov r3, r2\njge r3, 8, out",
        "mov32 r3, r2\njgt32 r3, 7, out",
        "mov r3, r2\njsgt r3, 7, out\njslt r3, 0, out",
        "mov32 r3, r2\njset r3, -8, out",
        "mov r3, 8\njle r3, r2, out\nmov r3, r2",
    ] {
        accepted(&index(body));
    }
    rejected(
        Code::StackOutOfBounds,
        &index("mov32 r3, r2\njgt32 r3, 8, out"),
    );
    rejected(Code::Unbounded, &index("mov r3, r2\njsgt r3, 7, out"));
    // 32 bits say nothing of the others.
    rejected(Code::Unbounded, &index("mov r3, r2\njgt32 r3, 7, out"));
}

#[test]
fn a_bound_learnt_of_a_copy_is_learnt_of_the_original() {
    accepted(&index("mov r3, r2\njgt r2, 7, out"));
    accepted(&index("mov r3, r2\nmov r5, r3\njgt r5, 7, out"));
    // At a distance as well.
    accepted(&index(
        "mov r3, r2\nmov r5, r2\nadd r5, 10\njlt r5, 10, out\njgt r5, 17, out",
    ));
    // A changed copy is no copy.
    rejected(
        Code::Unbounded,
        &index("mov r3, r2\nmov r5, r2\nmul r5, 2\njgt r5, 7, out"),
    );
}

#[test]
fn a_number_is_the_same_after_shifts_there_and_back() {
    let shifted = "mov r5, r2\nlsh r5, 32\nrsh r5, 32";
    // The low half is bounded in the original, too.
    accepted(&index(&format!("{shifted}\njgt r5, 7, out\nmov32 r3, r2")));
    accepted(&index(&format!("{shifted}\njgt r5, 7, out\nmov r3, r5")));
    // But the high half is not.
    rejected(
        Code::Unbounded,
        &index(&format!("{shifted}\njgt r5, 7, out\nmov r3, r2")),
    );
    // A number of 32 bits is its own low half.
    accepted(&index(&format!(
        "mov32 r2, r2\n{shifted}\njgt r5, 7, out\nmov r3, r2"
    )));
}

#[test]
fn a_remainder_made_of_a_division_is_one() {
    for (class, times, back) in [("", 8, "sub"), ("", -8, "add"), ("32", 8, "sub32")] {
        accepted(&index(&format!(
            "mov r3, r2\nmov{class} r5, r3\ndiv{class} r5, 8\nmul{class} r5, {times}\n{back} r3, r5"
        )));
    }
    rejected(
        Code::StackOutOfBounds,
        &index("mov r3, r2\nmov r5, r3\ndiv r5, 9\nmul r5, 9\nsub r3, r5"),
    );
    rejected(
        Code::Unbounded,
        &index("mov r3, r2\nmov r5, r3\ndiv r5, 8\nmul r5, 7\nsub r3, r5"),
    );
}

#[test]
fn moves_of_32_bits_clear_the_high_half() {
    accepted(&index("lddw r3, 0x100000003\nmov32 r3, r3"));
    accepted(&index("lddw r3, 0xffffffff00000000\nadd32 r3, 3"));
}

#[test]
fn immediates_are_sign_extended() {
    // Reached only if -1 were stored as 0xffffffff.
    accepted(
        "
            stdw [r10-8], -1
            ldxdw r2, [r10-8]
            jsge r2, 60, bad
            mov r0, 0
            exit
        bad:
            ldxdw r0, [r0]
            exit
        ",
    );
}

#[test]
fn registers_are_written_before_they_are_read() {
    rejected(Code::UninitialisedRegister, "mov r0, r3\nexit");
    rejected(Code::UninitialisedRegister, "exit");
    rejected(
        Code::UninitialisedRegister,
        "jeq r2, 0, out\nmov r0, 0\nout:\nldxw r2, [r1+24]\njeq r2, 0, over\nmov r3, 1\nover:\nmov r0, r3\nexit",
    );
    rejected(Code::UninitialisedRegister, "add r4, 1\nmov r0, 0\nexit");
}

#[test]
fn the_whole_of_version_four_is_known() {
    accepted(&index("movsx8 r3, r2\nand r3, 7"));
    accepted(&index("mov r3, r2\nsmod r3, 8\njslt r3, 0, out"));
    accepted(&index("mov r3, r2\nand r3, 63\nsdiv r3, 8"));
    accepted(&index("mov r3, r2\nbswap64 r3\nrsh r3, 61"));
    accepted("jal +1\nexit\nmov r0, 0\nexit");
}

#[test]
fn a_multiple_cut_to_32_bits_leaves_no_rest() {
    // The whole number, less a multiple that was computed from its low half, is no remainder.
    rejected(
        Code::Unbounded,
        &index("mov r3, r2\nmov r4, r2\ndiv r4, 8\nmul32 r4, 8\nsub r3, r4"),
    );
    rejected(
        Code::Unbounded,
        &index("mov r3, r2\nmov r4, r2\ndiv r4, 8\nmul32 r4, -8\nadd r3, r4"),
    );
    // If both are cut, or neither is, it is a remainder.
    accepted(&index(
        "mov r3, r2\nmov r4, r2\ndiv r4, 8\nmul r4, 8\nsub r3, r4",
    ));
    accepted(&index(
        "mov32 r3, r2\nmov32 r4, r3\ndiv32 r4, 8\nmul32 r4, -8\nadd32 r3, r4",
    ));
}

/// Setting a bit that is zero adds it, so that the facts learnt of the result hold for the number.
/// Setting a bit that may be set already does not add it.
#[test]
fn an_or_of_zero_bits_is_a_copy_at_a_distance() {
    let learn = |shift: u32| {
        format!(
            "
                mov r0, 0
                ldxw r2, [r1+24]
                and r2, 0xff
                lsh r2, {shift}
                mov r3, r2
                or r3, 8
                jgt r3, 15, out
                mov r4, r10
                add r4, -8
                add r4, r2
                stxb [r4], r0
            out:
                exit
            "
        )
    };
    accepted(&learn(4));
    rejected(Code::StackOutOfBounds, &learn(0));
}

#[test]
fn a_number_that_was_sign_extended_is_another_one() {
    for extension in ["movsx8_32", "movsx16_32", "movsx8", "movsx16"] {
        let stored_at = |index: &str| {
            format!(
                "
                    ldxw r2, [r1+24]
                    {extension} r5, r2
                    jgt r5, 7, out
                    mov r3, r10
                    add r3, -8
                    add r3, {index}
                    stb [r3], 1
                out:
                    mov r0, 0
                    exit
                "
            )
        };
        accepted(&stored_at("r5"));
        rejected(Code::StackOutOfBounds, &stored_at("r2"));
    }
}
