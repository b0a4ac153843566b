//! Atomic operations: alignment, memory, results.

use super::{accepted, rejected, with_value};
use jbpf_verifier::report::Code;

#[test]
fn they_work_on_stack_values_buffers_and_writable_regions() {
    accepted(
        "mov r0, 0\nstxdw [r10-8], r0\natomic_add_dw [r10-8], r0\natomic_fetch_or_w [r10-4], r0\nexit",
    );
    accepted(&with_value(8, "mov r1, 1\natomic_fetch_add_dw [r0], r1"));
    accepted(".context writable 16\nldxdw r2, [r1]\nmov r0, 1\natomic_xchg_dw [r2+8], r0\nexit");
    rejected(
        Code::RegionNotWritable,
        ".context read_only 16\nldxdw r2, [r1]\nmov r0, 1\natomic_xchg_dw [r2+8], r0\nexit",
    );
    rejected(
        Code::MapValueNotWritable,
        ".rodata t 00 00 00 00 00 00 00 00\nlddw r1, section t\nmov r0, 1\natomic_add_dw [r1], r0\nexit",
    );
    rejected(
        Code::AtomicMemory,
        "mov r0, 1\natomic_add_dw [r1+16], r0\nexit",
    );
}

#[test]
fn addresses_are_aligned() {
    rejected(
        Code::UnalignedAtomic,
        &with_value(16, "mov r1, 1\natomic_add_dw [r0+4], r1"),
    );
    accepted(&with_value(16, "mov r1, 1\natomic_add_w [r0+4], r1"));
    let at = |shift| {
        with_value(
            64,
            &format!(
                "ldxw r1, [r6+24]\nand r1, 7\nlsh r1, {shift}\nadd r0, r1\nmov r2, 1\natomic_add_dw [r0], r2"
            ),
        )
    };
    accepted(&at(3));
    rejected(Code::UnalignedAtomic, &at(2));
}

#[test]
fn memory_and_operands_are_numbers() {
    rejected(
        Code::UninitialisedStack,
        "mov r0, 0\natomic_add_dw [r10-8], r0\nexit",
    );
    rejected(
        Code::PointerLeak,
        "mov r0, 0\nstxdw [r10-8], r1\natomic_add_dw [r10-8], r0\nexit",
    );
    rejected(
        Code::PointerLeak,
        "mov r0, 0\nstxdw [r10-8], r0\natomic_add_dw [r10-8], r1\nexit",
    );
    rejected(
        Code::UninitialisedRegister,
        "mov r2, 0\nstxdw [r10-8], r2\natomic_cmpxchg_dw [r10-8], r2\nmov r0, 0\nexit",
    );
}

#[test]
fn results_are_numbers_of_their_size() {
    let load = |operation| {
        format!(
            "
                mov r0, 0
                stxdw [r10-8], r0
                mov r2, 0
                {operation} [r10-8], r2
                rsh r2, 32
                mov r4, r10
                add r4, -1
                sub r4, r2
                ldxb r0, [r4]
                exit
            "
        )
    };
    // A shift leaves nothing of 32 bits.
    accepted(&load("atomic_fetch_add_w"));
    rejected(Code::StackDepth, &load("atomic_fetch_add_dw"));
}
