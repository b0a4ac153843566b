//! RLC: queues, segments and acknowledgements of each bearer.

use jbpf::{jbpf_data, jbpf_hook};

use super::SlotTime;

/// A SDU of a bearer. `mode` is 0 for TM, 1 for UM, 2 for AM.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct RlcSdu {
    pub rnti: u16,
    pub bearer: u8,
    pub mode: u8,
    pub sn: u32,
    pub bytes: u32,
    pub queue_bytes: u32,
    /// Since the SDU was queued.
    pub delay_ns: u64,
}

/// A PDU of a bearer.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct RlcPdu {
    pub rnti: u16,
    pub bearer: u8,
    pub mode: u8,
    pub sn: u32,
    pub bytes: u32,
    pub segment_offset: u16,
    pub retransmissions: u16,
}

/// A status PDU.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct RlcStatus {
    pub rnti: u16,
    pub bearer: u8,
    pub nacks: u8,
    pub ack_sn: u32,
}

/// The packets that wait in a bearer's queue.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct RlcBuffer {
    pub rnti: u16,
    pub bearer: u8,
    pub mode: u8,
    pub sdus: u32,
    pub bytes: u32,
}

/// The RLC entity of a bearer.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct RlcEntity {
    pub rnti: u16,
    pub bearer: u8,
    pub mode: u8,
}

slot_contexts! {
    /// A SDU.
    RlcSduContext { sdu: RlcSdu }
    /// A PDU.
    RlcPduContext { pdu: RlcPdu }
    /// A status PDU.
    RlcStatusContext { status: RlcStatus }
    /// A queue.
    RlcBufferContext { buffer: RlcBuffer }
    /// An entity.
    RlcEntityContext { entity: RlcEntity }
}

/// A SDU enters the queue.
#[jbpf_hook(program_type = "jbpf_rlc")]
pub fn rlc_tx_sdu_queued(ctx: RlcSduContext<'_>) {}

/// The first byte of a SDU is sent.
#[jbpf_hook(program_type = "jbpf_rlc")]
pub fn rlc_tx_sdu_started(ctx: RlcSduContext<'_>) {}

/// The last byte of a SDU is sent.
#[jbpf_hook(program_type = "jbpf_rlc")]
pub fn rlc_tx_sdu_finished(ctx: RlcSduContext<'_>) {}

/// The receiver has acknowledged a SDU.
#[jbpf_hook(program_type = "jbpf_rlc")]
pub fn rlc_tx_sdu_acknowledged(ctx: RlcSduContext<'_>) {}

/// A SDU has waited for too long.
#[jbpf_hook(program_type = "jbpf_rlc")]
pub fn rlc_tx_sdu_discarded(ctx: RlcSduContext<'_>) {}

/// A PDU is sent.
#[jbpf_hook(program_type = "jbpf_rlc")]
pub fn rlc_tx_pdu(ctx: RlcPduContext<'_>) {}

/// A PDU is sent again.
#[jbpf_hook(program_type = "jbpf_rlc")]
pub fn rlc_tx_pdu_repeated(ctx: RlcPduContext<'_>) {}

/// A status PDU arrives.
#[jbpf_hook(program_type = "jbpf_rlc")]
pub fn rlc_status_received(ctx: RlcStatusContext<'_>) {}

/// A PDU arrives.
#[jbpf_hook(program_type = "jbpf_rlc")]
pub fn rlc_rx_pdu(ctx: RlcPduContext<'_>) {}

/// The first segment of a SDU has arrived.
#[jbpf_hook(program_type = "jbpf_rlc")]
pub fn rlc_rx_sdu_started(ctx: RlcSduContext<'_>) {}

/// A SDU is complete.
#[jbpf_hook(program_type = "jbpf_rlc")]
pub fn rlc_rx_sdu_delivered(ctx: RlcSduContext<'_>) {}

/// A status PDU is sent.
#[jbpf_hook(program_type = "jbpf_rlc")]
pub fn rlc_status_sent(ctx: RlcStatusContext<'_>) {}

/// The scheduler is told what waits.
#[jbpf_hook(program_type = "jbpf_rlc")]
pub fn rlc_buffer_state(ctx: RlcBufferContext<'_>) {}

/// A bearer's entity is made.
#[jbpf_hook(program_type = "jbpf_rlc")]
pub fn rlc_entity_created(ctx: RlcEntityContext<'_>) {}

/// A bearer's entity goes.
#[jbpf_hook(program_type = "jbpf_rlc")]
pub fn rlc_entity_released(ctx: RlcEntityContext<'_>) {}
