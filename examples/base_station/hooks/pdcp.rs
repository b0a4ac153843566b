//! PDCP: ciphered packets of each bearer, in order.

use jbpf::{jbpf_data, jbpf_hook};

use super::SlotTime;

/// A SDU or PDU of a bearer.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct PdcpPacket {
    pub rnti: u16,
    pub bearer: u8,
    pub sn_bits: u8,
    pub count: u32,
    pub bytes: u32,
}

/// The packets that a receiver misses.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct PdcpStatus {
    pub rnti: u16,
    pub bearer: u8,
    pub gaps: u8,
    pub first_missing_count: u32,
}

/// The PDCP entity of a bearer.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct PdcpEntity {
    pub rnti: u16,
    pub bearer: u8,
    pub sn_bits: u8,
    pub ciphering: u8,
    pub integrity: u8,
    pub discard_timer_ms: u16,
}

slot_contexts! {
    /// A packet.
    PdcpPacketContext { packet: PdcpPacket }
    /// A status report.
    PdcpStatusContext { status: PdcpStatus }
    /// An entity.
    PdcpEntityContext { entity: PdcpEntity }
}

/// A packet arrives from the core network.
#[jbpf_hook(program_type = "jbpf_pdcp")]
pub fn pdcp_tx_sdu(ctx: PdcpPacketContext<'_>) {}

/// A packet is ciphered and handed to RLC.
#[jbpf_hook(program_type = "jbpf_pdcp")]
pub fn pdcp_tx_pdu(ctx: PdcpPacketContext<'_>) {}

/// A packet is known to have arrived.
#[jbpf_hook(program_type = "jbpf_pdcp")]
pub fn pdcp_tx_delivered(ctx: PdcpPacketContext<'_>) {}

/// The discard timer of a packet ran out.
#[jbpf_hook(program_type = "jbpf_pdcp")]
pub fn pdcp_tx_discarded(ctx: PdcpPacketContext<'_>) {}

/// A packet arrives from RLC.
#[jbpf_hook(program_type = "jbpf_pdcp")]
pub fn pdcp_rx_pdu(ctx: PdcpPacketContext<'_>) {}

/// A packet is handed to the core network.
#[jbpf_hook(program_type = "jbpf_pdcp")]
pub fn pdcp_rx_sdu(ctx: PdcpPacketContext<'_>) {}

/// A packet waits for one before it.
#[jbpf_hook(program_type = "jbpf_pdcp")]
pub fn pdcp_rx_reordered(ctx: PdcpPacketContext<'_>) {}

/// The integrity check of a packet failed.
#[jbpf_hook(program_type = "jbpf_pdcp")]
pub fn pdcp_integrity_failed(ctx: PdcpPacketContext<'_>) {}

/// A receiver reports what it misses.
#[jbpf_hook(program_type = "jbpf_pdcp")]
pub fn pdcp_status_report(ctx: PdcpStatusContext<'_>) {}

/// A bearer's entity is made.
#[jbpf_hook(program_type = "jbpf_pdcp")]
pub fn pdcp_entity_created(ctx: PdcpEntityContext<'_>) {}

/// A bearer's entity goes.
#[jbpf_hook(program_type = "jbpf_pdcp")]
pub fn pdcp_entity_released(ctx: PdcpEntityContext<'_>) {}
