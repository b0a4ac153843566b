//! FAPI: what the MAC asks of the physical layer in each slot, and what it indicates back.

use jbpf::{jbpf_data, jbpf_hook};

use super::SlotTime;

/// A PDU of a DL_TTI or UL_TTI request: a shared channel's resources for one UE.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct TtiPdu {
    pub rnti: u16,
    pub harq_process: u8,
    pub mcs: u8,
    pub rb_start: u16,
    pub rb_size: u16,
    pub tb_bytes: u32,
    pub redundancy_version: u8,
    pub layers: u8,
    pub symbol_start: u8,
    pub symbols: u8,
}

/// A MAC PDU on its way to or from the physical layer.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct DataPdu {
    pub rnti: u16,
    pub pdu_index: u16,
    pub bytes: u32,
}

/// The check of a received transport block.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct CrcPdu {
    pub rnti: u16,
    pub harq_process: u8,
    /// 1: the block is intact.
    pub passed: u8,
    /// In tenths of a decibel.
    pub snr: i16,
    pub timing_advance: u16,
}

/// Uplink control information of a UE.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct UciPdu {
    pub rnti: u16,
    pub pucch_format: u8,
    pub sr: u8,
    pub harq_bits: u8,
    pub csi_bits: u8,
    /// In tenths of a decibel.
    pub snr: i16,
}

/// The result of a UE's channel sounding.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct SrsPdu {
    pub rnti: u16,
    pub timing_advance: u16,
    pub rb_groups: u16,
    /// In tenths of a decibel.
    pub wideband_snr: i16,
}

/// A detected preamble of random access.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct Preamble {
    pub preamble_index: u8,
    pub symbol: u8,
    pub timing_advance: u16,
    /// In tenths of a decibel over a milliwatt.
    pub power: i16,
}

/// The configuration of a cell.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct CellConfig {
    pub physical_cell_id: u16,
    pub carrier_prbs: u16,
    pub numerology: u8,
    pub tdd_period_slots: u8,
    pub tx_antennas: u8,
    pub rx_antennas: u8,
    pub frequency_khz: u32,
}

/// An error that the physical layer reports.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct PhyError {
    pub message_id: u16,
    pub error_code: u16,
}

slot_contexts! {
    /// The PDUs of a TTI request.
    FapiTtiContext { pdus: [TtiPdu] }
    /// MAC PDUs.
    FapiDataContext { pdus: [DataPdu] }
    /// The CRCs of a slot.
    FapiCrcContext { crcs: [CrcPdu] }
    /// The UCI of a slot.
    FapiUciContext { pdus: [UciPdu] }
    /// The SRS reports of a slot.
    FapiSrsContext { reports: [SrsPdu] }
    /// The preambles of a slot.
    FapiRachContext { preambles: [Preamble] }
    /// A cell's configuration.
    FapiCellContext { config: CellConfig }
    /// An error.
    FapiErrorContext { error: PhyError }
}

/// The downlink shared channels of a slot.
#[jbpf_hook(program_type = "jbpf_fapi")]
pub fn fapi_dl_tti_request(ctx: FapiTtiContext<'_>) {}

/// The uplink shared channels of a slot.
#[jbpf_hook(program_type = "jbpf_fapi")]
pub fn fapi_ul_tti_request(ctx: FapiTtiContext<'_>) {}

/// The control information that announces uplink grants.
#[jbpf_hook(program_type = "jbpf_fapi")]
pub fn fapi_ul_dci_request(ctx: FapiTtiContext<'_>) {}

/// The payload of a slot's downlink channels.
#[jbpf_hook(program_type = "jbpf_fapi")]
pub fn fapi_tx_data_request(ctx: FapiDataContext<'_>) {}

/// The payload of a slot's uplink channels.
#[jbpf_hook(program_type = "jbpf_fapi")]
pub fn fapi_rx_data_indication(ctx: FapiDataContext<'_>) {}

/// A slot begins.
#[jbpf_hook(program_type = "jbpf_fapi")]
pub fn fapi_slot_indication(ctx: FapiCellContext<'_>) {}

/// The checks of a slot's uplink channels.
#[jbpf_hook(program_type = "jbpf_fapi")]
pub fn fapi_crc_indication(ctx: FapiCrcContext<'_>) {}

/// The uplink control information of a slot.
#[jbpf_hook(program_type = "jbpf_fapi")]
pub fn fapi_uci_indication(ctx: FapiUciContext<'_>) {}

/// Channel sounding.
#[jbpf_hook(program_type = "jbpf_fapi")]
pub fn fapi_srs_indication(ctx: FapiSrsContext<'_>) {}

/// Random access.
#[jbpf_hook(program_type = "jbpf_fapi")]
pub fn fapi_rach_indication(ctx: FapiRachContext<'_>) {}

/// A cell is configured.
#[jbpf_hook(program_type = "jbpf_fapi")]
pub fn fapi_config_request(ctx: FapiCellContext<'_>) {}

/// A cell starts.
#[jbpf_hook(program_type = "jbpf_fapi")]
pub fn fapi_start_request(ctx: FapiCellContext<'_>) {}

/// A cell stops.
#[jbpf_hook(program_type = "jbpf_fapi")]
pub fn fapi_stop_request(ctx: FapiCellContext<'_>) {}

/// The physical layer missed or refused a message.
#[jbpf_hook(program_type = "jbpf_fapi")]
pub fn fapi_error_indication(ctx: FapiErrorContext<'_>) {}
