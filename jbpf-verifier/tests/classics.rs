//! Programs that have fooled verifiers, and the right answer to each. Every bug in `mutations.rs`
//! lets at least one of them through.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod assembly;

use std::sync::Arc;

use assembly::{Assembled, assemble};
use jbpf_verifier::report::{Code, render};
use jbpf_verifier::verify;

#[track_caller]
fn assert_rejected(code: Code, text: &str) {
    let Assembled {
        program,
        context,
        helpers,
    } = assemble(text);
    match verify(&Arc::new(program), &Arc::new(context), &Arc::new(helpers)) {
        Ok(_) => panic!("accepted"),
        Err(rejection) => assert_eq!(rejection.code, code, "{}", render(&rejection, false)),
    }
}

/// The start of a program: r6 is the value of an array of 64-byte values, r7 any number.
const VALUE: &str = "
    .map values array key 4 value 64 entries 1
    ldxdw r7, [r1+16]
    mov r1, 0
    stxw [r10-4], r1
    lddw r1, map values
    mov r2, r10
    add r2, -4
    call map_lookup_elem
    jne r0, 0, found
    exit
found:
    mov r6, r0
";

/// The end of a program: reads the byte of the value at offset r7.
const READ_AT_R7: &str = "
    add r6, r7
    ldxb r0, [r6+0]
    exit
";

/// The same, after `bounding`, which leaves the program if r7 is beyond the value.
fn value_at(bounding: &str) -> String {
    format!("{VALUE}{bounding}{READ_AT_R7}out:\n mov r0, 0\n exit\n")
}

#[test]
fn a_32_bit_sum_wraps_at_32_bits() {
    // 0xffffffff + 0xffffffff is -2 in the low half; the address would be 4 GiB away.
    assert_rejected(
        Code::MapValueOutOfBounds,
        &value_at(
            "and r7, 1\n sub32 r7, 1\n add32 r7, 0\n jgt32 r7, 63, beyond\n ja fine\nbeyond:\n add r7, 1\n rsh r7, 20\nfine:\n",
        ),
    );
}

#[test]
fn a_32_bit_move_is_not_a_truncation_to_less() {
    assert_rejected(
        Code::MapValueOutOfBounds,
        &value_at("and r7, 255\n mov32 r7, r7\n"),
    );
}

#[test]
fn a_32_bit_result_of_a_large_number_is_not_large() {
    // -1 becomes 0xffffffff: as a 64-bit number it is not below 0.
    assert_rejected(
        Code::MapValueOutOfBounds,
        &value_at("mov32 r7, -1\n jslt r7, 0, fine\n mov r8, r7\n add r6, r8\nfine:\n mov r7, 0\n"),
    );
}

#[test]
fn a_bound_includes_the_number_below_it() {
    assert_rejected(Code::MapValueOutOfBounds, &value_at("jgt r7, 64, out\n"));
    // The mirrored comparison: 65 > r7 lets 64 pass.
    assert_rejected(
        Code::MapValueOutOfBounds,
        &value_at("mov r8, 65\n jle r8, r7, out\n"),
    );
    // A lower bound: if r7 > 62, it may be 63, and 63 + 1 is one too many.
    assert_rejected(
        Code::MapValueOutOfBounds,
        &value_at(
            "jgt r7, 64, out\n jgt r7, 62, high\n mov r7, 0\n ja fine\nhigh:\n rsh r7, 6\n lsh r7, 6\nfine:\n",
        ),
    );
}

#[test]
fn a_number_that_is_less_when_signed_may_be_large_when_unsigned() {
    assert_rejected(Code::Unbounded, &value_at("jsgt r7, 63, out\n"));
    assert_rejected(
        Code::Unbounded,
        &value_at("mov r8, 64\n jslt r7, r8, fine\n ja out\nfine:\n"),
    );
}

#[test]
fn a_32_bit_comparison_says_nothing_of_the_high_half() {
    assert_rejected(Code::Unbounded, &value_at("jgt32 r7, 63, out\n"));
}

#[test]
fn a_sum_of_bounded_numbers_can_wrap() {
    // r7 is at most 63 above or below 2^64: adding 2^63 twice comes back to where it was.
    assert_rejected(
        Code::MapValueOutOfBounds,
        &value_at("and r7, 1\n mul r7, 100\n"),
    );
    assert_rejected(
        Code::Unbounded,
        &value_at("mov r8, r7\n lsh r8, 1\n add r7, r8\n"),
    );
}

#[test]
fn an_or_may_set_the_bits_of_both() {
    // Up to 60 | up to 67 reaches 127.
    assert_rejected(
        Code::MapValueOutOfBounds,
        &value_at(
            "mov r8, r7\n rsh r8, 32\n and r8, 31\n and r7, 39\n or r7, r8\n jgt r7, 62, out\n add r7, 2\n",
        ),
    );
}

#[test]
fn an_arithmetic_shift_keeps_the_sign() {
    assert_rejected(Code::MapValueOutOfBounds, &value_at("arsh r7, 63\n"));
}

#[test]
fn the_immediate_of_a_store_is_sign_extended() {
    // The stored -1 is read back whole: at 32 bits it would be a number that is not negative.
    assert_rejected(
        Code::MapValueOutOfBounds,
        &format!(
            "{VALUE} stdw [r10-16], -1\n ldxdw r7, [r10-16]\n jsgt r7, 0, fine\n lsh r7, 40\n add r6, r7\n ldxb r0, [r6+0]\n exit\nfine:\n mov r0, 0\n exit\n"
        ),
    );
}

#[test]
fn registers_of_arguments_do_not_survive_calls() {
    for register in ["r1", "r2", "r3", "r4", "r5"] {
        assert_rejected(
            Code::UninitialisedRegister,
            &format!("mov {register}, 7\n call time_get_ns\n mov r0, {register}\n exit\n"),
        );
    }
    assert_rejected(
        Code::UninitialisedRegister,
        "mov r1, 7\n call function\n mov r0, r1\n exit\nfunction:\n mov r0, 0\n exit\n",
    );
}

#[test]
fn a_loop_does_not_prove_itself() {
    // The first iteration is harmless. It must not prove the second one while it is unfinished
    // itself.
    assert_rejected(
        Code::StackDepth,
        "
    ldxdw r7, [r1+16]
    mov r3, 0
    mov r6, r10
    mov r0, 0
    stxdw [r10-8], r0
again:
    add r6, -8
    stxdw [r6+0], r0
    add r3, 1
    jlt r3, 80, again
    exit
",
    );
}

#[test]
fn a_proof_of_one_number_is_none_of_another() {
    // The way with 0 is proven first. The other one meets it with 100.
    assert_rejected(
        Code::MapValueOutOfBounds,
        &value_at(
            "
    mov r8, 0
    jset r7, 1, odd
    ja both
odd:
    mov r8, 100
both:
    mov r9, 0
    jset r7, 2, more
    mov r9, 0
more:
    jset r7, 4, other
    mov r9, 0
other:
    mov r7, r8
",
        ),
    );
}

#[test]
fn a_proof_of_a_number_and_its_half_is_none_of_two_numbers() {
    // If ctx_id is not 1, r9 is r7's low half, and that path is proven first. Otherwise r9 is
    // another number, and says nothing of the half that r2 becomes.
    assert_rejected(
        Code::MapValueOutOfBounds,
        &format!(
            "{VALUE}
    stxdw [r10-16], r7
    stdw [r10-24], 0
    ldxw r8, [r10-16]
    jeq r8, 1, other
    movsx32 r9, r7
    jeq r8, 2, merge
    jeq r8, 3, merge
    ja merge
other:
    ldxw r9, [r10-24]
    ldxdw r7, [r10-16]
    and r8, 15
    mov r9, r8
merge:
    movsx32 r2, r7
    jgt r9, 7, out
    mov r7, r2
{READ_AT_R7}out:
    mov r0, 0
    exit
"
        ),
    );
}

#[test]
fn a_proof_behind_one_variable_is_none_behind_another_that_wraps_into_it() {
    // Both paths end with the pointer at data+0..=7. The first is known to have 8 bytes there; the
    // second, whose variable is 2^63 away, is not.
    assert_rejected(
        Code::RegionOutOfBounds,
        "
    ldxdw r2, [r1]
    ldxdw r3, [r1+8]
    ldxw r8, [r1+24]
    ldxdw r7, [r1+16]
    and r7, 7
    .repeat 8 mov r9, 1
    jeq r8, 1, other
    lddw r4, 0x7ffffffffffffff0
    or r7, r4
    add r2, r7
    lddw r4, 0x8000000000000010
    add r2, r4
    mov r5, r2
    add r5, 8
    jgt r5, r3, out
    jeq r8, 2, merge
    jeq r8, 4, merge
    ja merge
other:
    or r7, -16
    add r2, r7
    add r2, 16
    mov r5, r2
    add r5, -100
    jgt r5, r3, out
merge:
    ldxdw r0, [r2+0]
    exit
out:
    mov r0, 0
    exit
",
    );
}

#[test]
fn a_proof_of_a_pointer_is_none_of_one_that_may_be_null() {
    assert_rejected(
        Code::NullDereference,
        "
    .map values array key 4 value 64 entries 1
    ldxdw r7, [r1+16]
    mov r1, 0
    stxw [r10-4], r1
    lddw r1, map values
    mov r2, r10
    add r2, -4
    call map_lookup_elem
    mov r6, r0
    jset r7, 1, unchecked
    jne r6, 0, both
    mov r0, 0
    exit
unchecked:
    mov r9, 0
both:
    mov r9, 0
    jset r7, 2, more
    mov r9, 0
more:
    jset r7, 4, other
    mov r9, 0
other:
    ldxb r0, [r6+0]
    exit
",
    );
}

#[test]
fn a_comparison_with_the_end_proves_what_lies_before_it() {
    for (jump, offset) in [("jgt r4, r3, out", 8), ("jge r4, r3, out", 9)] {
        assert_rejected(
            Code::RegionOutOfBounds,
            &format!(
                "
    ldxdw r2, [r1+0]
    ldxdw r3, [r1+8]
    mov r4, r2
    add r4, 8
    {jump}
    ldxb r0, [r2+{offset}]
    exit
out:
    mov r0, 0
    exit
"
            ),
        );
    }
}

#[test]
fn a_check_for_null_is_one_of_that_pointer() {
    assert_rejected(
        Code::NullDereference,
        "
    .map values array key 4 value 64 entries 1
    mov r1, 0
    stxw [r10-4], r1
    lddw r1, map values
    mov r2, r10
    add r2, -4
    call map_lookup_elem
    mov r6, r0
    lddw r1, map values
    mov r2, r10
    add r2, -4
    call map_lookup_elem
    jeq r0, 0, out
    ldxb r0, [r6+0]
    exit
out:
    mov r0, 0
    exit
",
    );
}

#[test]
fn what_an_atomic_operation_fetches_is_not_known() {
    assert_rejected(
        Code::MapValueOutOfBounds,
        &format!("{VALUE} mov r7, 1\n atomic_fetch_add_w [r6], r7\n and r7, 127\n{READ_AT_R7}"),
    );
    assert_rejected(
        Code::Unbounded,
        &format!("{VALUE} mov r7, 1\n atomic_xchg_dw [r6], r7\n{READ_AT_R7}"),
    );
    assert_rejected(
        Code::Unbounded,
        &format!(
            "{VALUE} mov r7, 1\n mov r0, 5\n atomic_cmpxchg_dw [r6], r7\n mov r7, r0\n{READ_AT_R7}"
        ),
    );
}

#[test]
fn an_atomic_operation_changes_what_is_on_the_stack() {
    assert_rejected(
        Code::Unbounded,
        &format!(
            "{VALUE} stdw [r10-16], 1\n atomic_add_dw [r10-16], r7\n ldxdw r7, [r10-16]\n{READ_AT_R7}"
        ),
    );
}

#[test]
fn a_buffer_that_was_sent_is_gone_with_all_its_copies() {
    assert_rejected(
        Code::ReleasedBuffer,
        "
    .map outmap output value 8 entries 16
    lddw r1, map outmap
    call get_output_buf
    jeq r0, 0, out
    mov r6, r0
    stxdw [r10-8], r0
    lddw r1, map outmap
    call send_output
    ldxdw r6, [r10-8]
    mov r1, 1
    stxdw [r6+0], r1
out:
    mov r0, 0
    exit
",
    );
}

#[test]
fn a_store_somewhere_on_the_stack_may_have_hit_anything_there() {
    assert_rejected(
        Code::Unbounded,
        &format!(
            "{VALUE}
    stdw [r10-16], 1
    stdw [r10-24], 1
    mov r8, r7
    and r8, 8
    mov r9, r10
    add r9, -24
    add r9, r8
    stxdw [r9+0], r7
    ldxdw r7, [r10-16]
{READ_AT_R7}"
        ),
    );
}

#[test]
fn a_saved_pointer_that_was_overwritten_in_part_is_no_pointer() {
    assert_rejected(
        Code::PointerPartial,
        "
    stxdw [r10-8], r1
    stb [r10-8], 0
    ldxdw r1, [r10-8]
    ldxw r0, [r1+24]
    exit
",
    );
}
