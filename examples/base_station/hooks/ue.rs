//! The contexts of UEs.

use jbpf::{jbpf_data, jbpf_hook};

use super::SlotTime;

/// The station's state of a UE.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct UeState {
    pub rnti: u16,
    pub slice: u8,
    pub bearers: u8,
    pub ue_id: u32,
    pub created_ns: u64,
}

slot_contexts! {
    /// A UE.
    UeStateContext { ue: UeState }
}

/// A UE's context is made.
#[jbpf_hook(program_type = "jbpf_ue")]
pub fn ue_context_created(ctx: UeStateContext<'_>) {}

/// A bearer is added to a UE's context.
#[jbpf_hook(program_type = "jbpf_ue")]
pub fn ue_bearer_added(ctx: UeStateContext<'_>) {}

/// A UE's context changes.
#[jbpf_hook(program_type = "jbpf_ue")]
pub fn ue_context_updated(ctx: UeStateContext<'_>) {}

/// A UE's context goes.
#[jbpf_hook(program_type = "jbpf_ue")]
pub fn ue_context_removed(ctx: UeStateContext<'_>) {}
