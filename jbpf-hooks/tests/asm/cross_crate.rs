//! Hooks that another crate declares: `same_crate.rs`.

use same_crate::Packet;

#[unsafe(no_mangle)]
pub fn monitoring_call_across(packet: &Packet, ctx_id: u32) {
    same_crate::example(packet, ctx_id);
}

#[unsafe(no_mangle)]
pub fn control_call_across(packets: &[Packet], cell: u16) -> u64 {
    same_crate::admit(packets, cell)
}
