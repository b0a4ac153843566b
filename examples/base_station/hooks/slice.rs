//! The control of slices: how the resource blocks of a slot are shared out.

use jbpf::{jbpf_data, jbpf_hook};

use super::SlotTime;

/// Slices of the station.
pub const SLICES: u8 = 3;

/// A slice before a slot is planned.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct SliceState {
    pub slice: u16,
    /// UEs to be scheduled.
    pub ues: u16,
    pub available_prbs: u16,
    /// Resource blocks that the slice had before.
    pub prbs_before: u16,
    pub backlog_bytes: u32,
}

/// The configuration of a slice.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct SliceConfig {
    pub slice: u16,
    pub min_prbs: u16,
    pub max_prbs: u16,
    pub priority: u16,
}

/// A UE's slice.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct SliceMember {
    pub rnti: u16,
    pub slice: u16,
}

slot_contexts! {
    /// A slice.
    SliceStateContext { state: SliceState }
    /// A configuration.
    SliceConfigContext { config: SliceConfig }
    /// A UE's slice.
    SliceMemberContext { member: SliceMember }
}

/// How many resource blocks a slice may use in this slot. Without a codelet, all slices get the
/// same.
#[jbpf_hook(control, program_type = "jbpf_slice")]
pub fn slice_prb_quota(ctx: SliceStateContext<'_>) -> u64 {
    u64::from(ctx.state.get().available_prbs) / u64::from(SLICES)
}

/// A slice got its resource blocks: `prbs_before` is what it uses now.
#[jbpf_hook(program_type = "jbpf_slice")]
pub fn slice_allocated(ctx: SliceStateContext<'_>) {}

/// A slice is configured.
#[jbpf_hook(program_type = "jbpf_slice")]
pub fn slice_configured(ctx: SliceConfigContext<'_>) {}

/// A UE is put into a slice.
#[jbpf_hook(program_type = "jbpf_slice")]
pub fn slice_ue_assigned(ctx: SliceMemberContext<'_>) {}
