//! RRC: the signalling of UEs.

use jbpf::{jbpf_data, jbpf_hook};

use super::SlotTime;

/// A message.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct RrcMessage {
    pub rnti: u16,
    pub transaction: u8,
    pub cause: u8,
    pub bytes: u32,
}

/// A UE's measurement of its cell.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct Measurement {
    pub rnti: u16,
    /// In tenths of a decibel over a milliwatt.
    pub rsrp: i16,
    /// In tenths of a decibel.
    pub rsrq: i16,
    pub neighbours: u16,
}

slot_contexts! {
    /// A message.
    RrcMessageContext { message: RrcMessage }
    /// A measurement report.
    RrcMeasurementContext { measurement: Measurement }
}

/// A UE wants a connection.
#[jbpf_hook(program_type = "jbpf_rrc")]
pub fn rrc_setup_request(ctx: RrcMessageContext<'_>) {}

/// The station grants the connection.
#[jbpf_hook(program_type = "jbpf_rrc")]
pub fn rrc_setup(ctx: RrcMessageContext<'_>) {}

/// The UE has the connection.
#[jbpf_hook(program_type = "jbpf_rrc")]
pub fn rrc_setup_complete(ctx: RrcMessageContext<'_>) {}

/// Ciphering and integrity are turned on.
#[jbpf_hook(program_type = "jbpf_rrc")]
pub fn rrc_security_mode(ctx: RrcMessageContext<'_>) {}

/// Bearers or measurements change.
#[jbpf_hook(program_type = "jbpf_rrc")]
pub fn rrc_reconfiguration(ctx: RrcMessageContext<'_>) {}

/// A UE lost its connection and wants it back.
#[jbpf_hook(program_type = "jbpf_rrc")]
pub fn rrc_reestablishment(ctx: RrcMessageContext<'_>) {}

/// The connection ends.
#[jbpf_hook(program_type = "jbpf_rrc")]
pub fn rrc_release(ctx: RrcMessageContext<'_>) {}

/// A measurement report.
#[jbpf_hook(program_type = "jbpf_rrc")]
pub fn rrc_measurement_report(ctx: RrcMeasurementContext<'_>) {}
