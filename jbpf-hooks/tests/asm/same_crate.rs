//! A hook that is called in the crate that declares it.

use jbpf_hooks::{jbpf_data, jbpf_hook};

/// What the hook hands over.
#[jbpf_data]
pub struct Packet {
    pub seq_no: i32,
    pub value: i32,
    pub name: [u8; 32],
}

#[jbpf_hook]
pub fn example(packet: &Packet, ctx_id: u32) {}

#[jbpf_hook(control)]
pub fn admit(packets: &[Packet], cell: u16) -> u64 {
    0
}

#[unsafe(no_mangle)]
pub fn monitoring_call(packet: &Packet, ctx_id: u32) {
    example(packet, ctx_id);
}

#[unsafe(no_mangle)]
pub fn control_call(packets: &[Packet], cell: u16) -> u64 {
    admit(packets, cell)
}
