//! Output buffers: reserved, filled, sent, gone.

use super::{accepted, rejected};
use jbpf_verifier::report::Code;

fn program(body: &str) -> String {
    format!(
        "
            .map out output value 16 entries 8
            .map other output value 16 entries 8
            lddw r1, map out
            call get_output_buf
            jeq r0, 0, end
            mov r6, r0
            {body}
        end:
            mov r0, 0
            exit
        "
    )
}

const SEND: &str = "lddw r1, map out\ncall send_output";

#[test]
fn a_buffer_is_filled_and_sent() {
    accepted(&program(&format!("mov r1, 1\nstxdw [r6+8], r1\n{SEND}")));
    rejected(
        Code::OutputBufferOutOfBounds,
        &program("mov r1, 1\nstxdw [r6+9], r1"),
    );
    rejected(Code::PointerLeak, &program("stxdw [r6], r10"));
}

#[test]
fn every_copy_ends_when_it_is_sent() {
    rejected(
        Code::ReleasedBuffer,
        &program(&format!("{SEND}\nldxdw r1, [r6]")),
    );
    rejected(
        Code::ReleasedBuffer,
        &program(&format!(
            "stxdw [r10-8], r6\n{SEND}\nldxdw r1, [r10-8]\nldxdw r1, [r1]"
        )),
    );
    // In a caller's frame, too.
    rejected(
        Code::ReleasedBuffer,
        "
            .map out output value 16 entries 8
            lddw r1, map out
            call get_output_buf
            jeq r0, 0, end
            mov r6, r0
            call send
            ldxdw r1, [r6]
        end:
            mov r0, 0
            exit
        send:
            lddw r1, map out
            call send_output
            exit
        ",
    );
}

#[test]
fn sending_another_map_leaves_it_alone() {
    accepted(&program(
        "lddw r1, map other\ncall send_output\nldxdw r1, [r6]",
    ));
}

#[test]
fn a_buffer_may_not_be_there() {
    rejected(
        Code::NullDereference,
        ".map out output value 16 entries 8\nlddw r1, map out\ncall get_output_buf\nldxdw r0, [r0]\nexit",
    );
}

#[test]
fn reserving_again_gives_a_new_life() {
    accepted(&program(&format!(
        "{SEND}\nlddw r1, map out\ncall get_output_buf\njeq r0, 0, end\nldxdw r1, [r0]"
    )));
}
