//! Expansions are no reason to relax a crate's lints.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unused, nonstandard_style, rust_2018_idioms, unreachable_pub)]
#![deny(missing_debug_implementations, missing_copy_implementations, elided_lifetimes_in_paths)]

use jbpf_hooks::{JbpfContext, Region, jbpf_data, jbpf_helper, jbpf_hook};

/// A packet.
#[jbpf_data]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packet {
    /// Its number.
    pub(crate) seq_no: i32,
}

/// A hook.
#[jbpf_hook]
pub(crate) fn example(packet: &mut Packet, ctx_id: u32) {}

/// A control hook.
#[jbpf_hook(control)]
#[must_use]
pub(crate) fn admit(packet: &Packet) -> u64 {
    u64::from(packet.seq_no.unsigned_abs())
}

/// A context.
#[derive(JbpfContext, Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct SlotContext<'a> {
    /// What codelets see.
    pub(crate) packets: Region<'a, [Packet]>,
    /// A number.
    pub(crate) carrier: u32,
}

/// A hook with a context of its own.
#[jbpf_hook]
pub(crate) fn slot_done(ctx: SlotContext<'_>) {}

/// A helper.
#[jbpf_helper(id = 32)]
pub(crate) fn total(packet: &Packet, more: &mut Packet, bytes: &[u8]) -> u64 {
    more.seq_no = packet.seq_no;
    bytes.len() as u64
}

fn main() {
    let mut packet = Packet { seq_no: 1 };
    example(&mut packet, 1);
    assert_eq!(admit(&packet), 1);
    let packets = Region::new(std::slice::from_ref(&packet));
    slot_done(SlotContext { packets, carrier: 2 });
    assert_eq!(total(&Packet { seq_no: 5 }, &mut packet, b"abc"), 3);
    assert_eq!(packet.seq_no, 5);
}
