//! MAC: the scheduler's grants, HARQ, and the reports of UEs.

use jbpf::{jbpf_data, jbpf_hook};

use super::SlotTime;

/// Resources for one UE in one slot.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct Grant {
    pub rnti: u16,
    pub harq_process: u8,
    pub mcs: u8,
    pub rb_start: u16,
    pub rb_size: u16,
    pub tb_bytes: u32,
    pub slice: u8,
    pub new_data: u8,
    pub retransmission: u8,
    pub layers: u8,
}

/// The outcome of a transport block. `outcome` is 0 for NACK, 1 for ACK, 2 for DTX.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct HarqFeedback {
    pub rnti: u16,
    pub harq_process: u8,
    pub outcome: u8,
    pub retransmissions: u8,
    pub _reserved: u8,
}

/// The buffer status of a logical channel group.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct BufferStatus {
    pub rnti: u16,
    pub lcg: u8,
    /// The index of the table that the report names.
    pub level: u8,
    pub bytes: u32,
}

/// How much power a UE has left.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct PowerHeadroom {
    pub rnti: u16,
    pub headroom_db: i8,
    pub p_cmax_dbm: i8,
}

/// A UE asks for a grant.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct SchedulingRequest {
    pub rnti: u16,
    pub resource: u16,
}

/// The channel state that a UE reports.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct CsiReport {
    pub rnti: u16,
    pub cqi: u8,
    pub rank: u8,
    pub pmi: u16,
}

/// A UE is told to send earlier or later.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct TimingAdvance {
    pub rnti: u16,
    pub command: u16,
}

/// A SDU of a logical channel.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct MacSdu {
    pub rnti: u16,
    pub lcid: u8,
    pub subheader_bytes: u8,
    pub bytes: u32,
}

/// A random access under way.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct RandomAccess {
    pub temporary_rnti: u16,
    pub preamble_index: u8,
    pub attempt: u8,
    pub timing_advance: u16,
}

/// Whether a UE listens.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct DrxState {
    pub rnti: u16,
    pub cycle_ms: u8,
    pub active: u8,
}

/// A UE as the scheduler knows it.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct MacUe {
    pub rnti: u16,
    pub slice: u8,
    pub bearers: u8,
}

/// The contents of a cell's slot.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct SlotLoad {
    pub dl_prbs: u16,
    pub ul_prbs: u16,
    pub dl_ues: u16,
    pub ul_ues: u16,
}

slot_contexts! {
    /// A grant.
    MacGrantContext { grant: Grant }
    /// A HARQ feedback.
    MacHarqContext { feedback: HarqFeedback }
    /// A buffer status report: one element for each group.
    MacBsrContext { groups: [BufferStatus] }
    /// A power headroom report.
    MacPhrContext { report: PowerHeadroom }
    /// A scheduling request.
    MacSrContext { request: SchedulingRequest }
    /// A channel state report.
    MacCsiContext { report: CsiReport }
    /// A timing advance command.
    MacTimingContext { command: TimingAdvance }
    /// A SDU.
    MacSduContext { sdu: MacSdu }
    /// A random access.
    MacAccessContext { access: RandomAccess }
    /// A DRX state.
    MacDrxContext { state: DrxState }
    /// A UE.
    MacUeContext { ue: MacUe }
    /// A slot.
    MacSlotContext { load: SlotLoad }
}

/// A UE is granted downlink resources.
#[jbpf_hook(program_type = "jbpf_mac")]
pub fn mac_dl_scheduled(ctx: MacGrantContext<'_>) {}

/// A UE is granted uplink resources.
#[jbpf_hook(program_type = "jbpf_mac")]
pub fn mac_ul_scheduled(ctx: MacGrantContext<'_>) {}

/// The outcome of a downlink transport block.
#[jbpf_hook(program_type = "jbpf_mac")]
pub fn mac_dl_harq_feedback(ctx: MacHarqContext<'_>) {}

/// The outcome of an uplink transport block.
#[jbpf_hook(program_type = "jbpf_mac")]
pub fn mac_ul_harq_result(ctx: MacHarqContext<'_>) {}

/// A buffer status report.
#[jbpf_hook(program_type = "jbpf_mac")]
pub fn mac_bsr(ctx: MacBsrContext<'_>) {}

/// A power headroom report.
#[jbpf_hook(program_type = "jbpf_mac")]
pub fn mac_phr(ctx: MacPhrContext<'_>) {}

/// A scheduling request.
#[jbpf_hook(program_type = "jbpf_mac")]
pub fn mac_sr(ctx: MacSrContext<'_>) {}

/// A channel state report.
#[jbpf_hook(program_type = "jbpf_mac")]
pub fn mac_csi(ctx: MacCsiContext<'_>) {}

/// A timing advance command.
#[jbpf_hook(program_type = "jbpf_mac")]
pub fn mac_timing_advance(ctx: MacTimingContext<'_>) {}

/// A SDU is put into a downlink transport block.
#[jbpf_hook(program_type = "jbpf_mac")]
pub fn mac_dl_sdu(ctx: MacSduContext<'_>) {}

/// A SDU is taken from an uplink transport block.
#[jbpf_hook(program_type = "jbpf_mac")]
pub fn mac_ul_sdu(ctx: MacSduContext<'_>) {}

/// Message 1 of random access: a preamble.
#[jbpf_hook(program_type = "jbpf_mac")]
pub fn mac_rach_preamble(ctx: MacAccessContext<'_>) {}

/// Message 2: the response.
#[jbpf_hook(program_type = "jbpf_mac")]
pub fn mac_rach_response(ctx: MacAccessContext<'_>) {}

/// Message 3: the UE's identity.
#[jbpf_hook(program_type = "jbpf_mac")]
pub fn mac_rach_identity(ctx: MacAccessContext<'_>) {}

/// Message 4: the contention is resolved.
#[jbpf_hook(program_type = "jbpf_mac")]
pub fn mac_rach_resolved(ctx: MacAccessContext<'_>) {}

/// A UE begins or ends to listen.
#[jbpf_hook(program_type = "jbpf_mac")]
pub fn mac_drx(ctx: MacDrxContext<'_>) {}

/// A UE is added to the scheduler.
#[jbpf_hook(program_type = "jbpf_mac")]
pub fn mac_ue_added(ctx: MacUeContext<'_>) {}

/// A UE is taken from the scheduler.
#[jbpf_hook(program_type = "jbpf_mac")]
pub fn mac_ue_removed(ctx: MacUeContext<'_>) {}

/// The scheduler begins a slot; the load is that of the slot before.
#[jbpf_hook(program_type = "jbpf_mac")]
pub fn mac_slot_begin(ctx: MacSlotContext<'_>) {}

/// The scheduler has planned a slot.
#[jbpf_hook(program_type = "jbpf_mac")]
pub fn mac_slot_end(ctx: MacSlotContext<'_>) {}
