//! xRAN: the packets between the station and its radio units.

use jbpf::{JbpfContext, Region, jbpf_data, jbpf_hook};

use super::SlotTime;

/// The header of a packet of the C-plane or U-plane.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct XranPacket {
    pub eaxc_id: u16,
    pub sequence_id: u16,
    pub section_id: u16,
    pub prb_start: u16,
    pub prb_count: u16,
    pub bytes: u16,
}

/// A packet, and when it passed.
#[derive(JbpfContext)]
#[repr(C)]
pub struct XranPacketContext<'a> {
    pub packet: Region<'a, XranPacket>,
    /// When the packet left or arrived.
    pub time_ns: u64,
    pub sfn: u16,
    pub slot: u16,
    pub cell: u16,
    pub symbol: u8,
    pub antenna: u8,
}

/// The synchronisation with a radio unit.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct XranSync {
    pub offset_ns: i32,
    pub locked: u32,
}

slot_contexts! {
    /// A synchronisation.
    XranSyncContext { sync: XranSync }
}

/// A C-plane packet is sent: which resources the radio unit is to send or receive.
#[jbpf_hook(program_type = "jbpf_xran")]
pub fn xran_cplane_sent(ctx: XranPacketContext<'_>) {}

/// A U-plane packet is sent: samples of the downlink.
#[jbpf_hook(program_type = "jbpf_xran")]
pub fn xran_uplane_sent(ctx: XranPacketContext<'_>) {}

/// A U-plane packet arrives: samples of the uplink.
#[jbpf_hook(program_type = "jbpf_xran")]
pub fn xran_uplane_received(ctx: XranPacketContext<'_>) {}

/// A packet with samples of random access arrives.
#[jbpf_hook(program_type = "jbpf_xran")]
pub fn xran_prach_received(ctx: XranPacketContext<'_>) {}

/// A packet arrived after its reception window.
#[jbpf_hook(program_type = "jbpf_xran")]
pub fn xran_packet_late(ctx: XranPacketContext<'_>) {}

/// A symbol begins.
#[jbpf_hook(program_type = "jbpf_xran")]
pub fn xran_symbol(ctx: XranSyncContext<'_>) {}

/// The clock of a radio unit was compared.
#[jbpf_hook(program_type = "jbpf_xran")]
pub fn xran_synchronised(ctx: XranSyncContext<'_>) {}
