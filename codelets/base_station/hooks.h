/* Written by jbpf::codelet_header(); do not edit. */
#ifndef JBPF_HOOKS_H
#define JBPF_HOOKS_H

#include "stdbool.h"
#include "stddef.h"
#include "stdint.h"

/* The configuration of a cell. */
typedef struct CellConfig {
    uint16_t physical_cell_id;
    uint16_t carrier_prbs;
    uint8_t numerology;
    uint8_t tdd_period_slots;
    uint8_t tx_antennas;
    uint8_t rx_antennas;
    uint32_t frequency_khz;
} CellConfig;
_Static_assert(sizeof(CellConfig) == 12, "size of CellConfig");
_Static_assert(offsetof(CellConfig, physical_cell_id) == 0, "offset of CellConfig.physical_cell_id");
_Static_assert(offsetof(CellConfig, carrier_prbs) == 2, "offset of CellConfig.carrier_prbs");
_Static_assert(offsetof(CellConfig, numerology) == 4, "offset of CellConfig.numerology");
_Static_assert(offsetof(CellConfig, tdd_period_slots) == 5, "offset of CellConfig.tdd_period_slots");
_Static_assert(offsetof(CellConfig, tx_antennas) == 6, "offset of CellConfig.tx_antennas");
_Static_assert(offsetof(CellConfig, rx_antennas) == 7, "offset of CellConfig.rx_antennas");
_Static_assert(offsetof(CellConfig, frequency_khz) == 8, "offset of CellConfig.frequency_khz");

/*
 * What the codelets of hook fapi_config_request are given.
 * A cell is configured.
 */
struct fapi_config_request_ctx {
    uint64_t data; /* CellConfig, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct fapi_config_request_ctx) == 40, "size of struct fapi_config_request_ctx");
_Static_assert(offsetof(struct fapi_config_request_ctx, time_ns) == 24, "offset of struct fapi_config_request_ctx.time_ns");
_Static_assert(offsetof(struct fapi_config_request_ctx, sfn) == 32, "offset of struct fapi_config_request_ctx.sfn");
_Static_assert(offsetof(struct fapi_config_request_ctx, slot) == 34, "offset of struct fapi_config_request_ctx.slot");
_Static_assert(offsetof(struct fapi_config_request_ctx, cell) == 36, "offset of struct fapi_config_request_ctx.cell");
_Static_assert(offsetof(struct fapi_config_request_ctx, _reserved) == 38, "offset of struct fapi_config_request_ctx._reserved");

/* The check of a received transport block. */
typedef struct CrcPdu {
    uint16_t rnti;
    uint8_t harq_process;
    uint8_t passed;
    int16_t snr;
    uint16_t timing_advance;
} CrcPdu;
_Static_assert(sizeof(CrcPdu) == 8, "size of CrcPdu");
_Static_assert(offsetof(CrcPdu, rnti) == 0, "offset of CrcPdu.rnti");
_Static_assert(offsetof(CrcPdu, harq_process) == 2, "offset of CrcPdu.harq_process");
_Static_assert(offsetof(CrcPdu, passed) == 3, "offset of CrcPdu.passed");
_Static_assert(offsetof(CrcPdu, snr) == 4, "offset of CrcPdu.snr");
_Static_assert(offsetof(CrcPdu, timing_advance) == 6, "offset of CrcPdu.timing_advance");

/*
 * What the codelets of hook fapi_crc_indication are given.
 * The checks of a slot's uplink channels.
 */
struct fapi_crc_indication_ctx {
    uint64_t data; /* any number of CrcPdu, read-only: compare with data_end, and bound loops by a constant */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct fapi_crc_indication_ctx) == 40, "size of struct fapi_crc_indication_ctx");
_Static_assert(offsetof(struct fapi_crc_indication_ctx, time_ns) == 24, "offset of struct fapi_crc_indication_ctx.time_ns");
_Static_assert(offsetof(struct fapi_crc_indication_ctx, sfn) == 32, "offset of struct fapi_crc_indication_ctx.sfn");
_Static_assert(offsetof(struct fapi_crc_indication_ctx, slot) == 34, "offset of struct fapi_crc_indication_ctx.slot");
_Static_assert(offsetof(struct fapi_crc_indication_ctx, cell) == 36, "offset of struct fapi_crc_indication_ctx.cell");
_Static_assert(offsetof(struct fapi_crc_indication_ctx, _reserved) == 38, "offset of struct fapi_crc_indication_ctx._reserved");

/* A PDU of a DL_TTI or UL_TTI request: a shared channel's resources for one UE. */
typedef struct TtiPdu {
    uint16_t rnti;
    uint8_t harq_process;
    uint8_t mcs;
    uint16_t rb_start;
    uint16_t rb_size;
    uint32_t tb_bytes;
    uint8_t redundancy_version;
    uint8_t layers;
    uint8_t symbol_start;
    uint8_t symbols;
} TtiPdu;
_Static_assert(sizeof(TtiPdu) == 16, "size of TtiPdu");
_Static_assert(offsetof(TtiPdu, rnti) == 0, "offset of TtiPdu.rnti");
_Static_assert(offsetof(TtiPdu, harq_process) == 2, "offset of TtiPdu.harq_process");
_Static_assert(offsetof(TtiPdu, mcs) == 3, "offset of TtiPdu.mcs");
_Static_assert(offsetof(TtiPdu, rb_start) == 4, "offset of TtiPdu.rb_start");
_Static_assert(offsetof(TtiPdu, rb_size) == 6, "offset of TtiPdu.rb_size");
_Static_assert(offsetof(TtiPdu, tb_bytes) == 8, "offset of TtiPdu.tb_bytes");
_Static_assert(offsetof(TtiPdu, redundancy_version) == 12, "offset of TtiPdu.redundancy_version");
_Static_assert(offsetof(TtiPdu, layers) == 13, "offset of TtiPdu.layers");
_Static_assert(offsetof(TtiPdu, symbol_start) == 14, "offset of TtiPdu.symbol_start");
_Static_assert(offsetof(TtiPdu, symbols) == 15, "offset of TtiPdu.symbols");

/*
 * What the codelets of hook fapi_dl_tti_request are given.
 * The downlink shared channels of a slot.
 */
struct fapi_dl_tti_request_ctx {
    uint64_t data; /* any number of TtiPdu, read-only: compare with data_end, and bound loops by a constant */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct fapi_dl_tti_request_ctx) == 40, "size of struct fapi_dl_tti_request_ctx");
_Static_assert(offsetof(struct fapi_dl_tti_request_ctx, time_ns) == 24, "offset of struct fapi_dl_tti_request_ctx.time_ns");
_Static_assert(offsetof(struct fapi_dl_tti_request_ctx, sfn) == 32, "offset of struct fapi_dl_tti_request_ctx.sfn");
_Static_assert(offsetof(struct fapi_dl_tti_request_ctx, slot) == 34, "offset of struct fapi_dl_tti_request_ctx.slot");
_Static_assert(offsetof(struct fapi_dl_tti_request_ctx, cell) == 36, "offset of struct fapi_dl_tti_request_ctx.cell");
_Static_assert(offsetof(struct fapi_dl_tti_request_ctx, _reserved) == 38, "offset of struct fapi_dl_tti_request_ctx._reserved");

/* An error that the physical layer reports. */
typedef struct PhyError {
    uint16_t message_id;
    uint16_t error_code;
} PhyError;
_Static_assert(sizeof(PhyError) == 4, "size of PhyError");
_Static_assert(offsetof(PhyError, message_id) == 0, "offset of PhyError.message_id");
_Static_assert(offsetof(PhyError, error_code) == 2, "offset of PhyError.error_code");

/*
 * What the codelets of hook fapi_error_indication are given.
 * The physical layer missed or refused a message.
 */
struct fapi_error_indication_ctx {
    uint64_t data; /* PhyError, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct fapi_error_indication_ctx) == 40, "size of struct fapi_error_indication_ctx");
_Static_assert(offsetof(struct fapi_error_indication_ctx, time_ns) == 24, "offset of struct fapi_error_indication_ctx.time_ns");
_Static_assert(offsetof(struct fapi_error_indication_ctx, sfn) == 32, "offset of struct fapi_error_indication_ctx.sfn");
_Static_assert(offsetof(struct fapi_error_indication_ctx, slot) == 34, "offset of struct fapi_error_indication_ctx.slot");
_Static_assert(offsetof(struct fapi_error_indication_ctx, cell) == 36, "offset of struct fapi_error_indication_ctx.cell");
_Static_assert(offsetof(struct fapi_error_indication_ctx, _reserved) == 38, "offset of struct fapi_error_indication_ctx._reserved");

/* A detected preamble of random access. */
typedef struct Preamble {
    uint8_t preamble_index;
    uint8_t symbol;
    uint16_t timing_advance;
    int16_t power;
} Preamble;
_Static_assert(sizeof(Preamble) == 6, "size of Preamble");
_Static_assert(offsetof(Preamble, preamble_index) == 0, "offset of Preamble.preamble_index");
_Static_assert(offsetof(Preamble, symbol) == 1, "offset of Preamble.symbol");
_Static_assert(offsetof(Preamble, timing_advance) == 2, "offset of Preamble.timing_advance");
_Static_assert(offsetof(Preamble, power) == 4, "offset of Preamble.power");

/*
 * What the codelets of hook fapi_rach_indication are given.
 * Random access.
 */
struct fapi_rach_indication_ctx {
    uint64_t data; /* any number of Preamble, read-only: compare with data_end, and bound loops by a constant */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct fapi_rach_indication_ctx) == 40, "size of struct fapi_rach_indication_ctx");
_Static_assert(offsetof(struct fapi_rach_indication_ctx, time_ns) == 24, "offset of struct fapi_rach_indication_ctx.time_ns");
_Static_assert(offsetof(struct fapi_rach_indication_ctx, sfn) == 32, "offset of struct fapi_rach_indication_ctx.sfn");
_Static_assert(offsetof(struct fapi_rach_indication_ctx, slot) == 34, "offset of struct fapi_rach_indication_ctx.slot");
_Static_assert(offsetof(struct fapi_rach_indication_ctx, cell) == 36, "offset of struct fapi_rach_indication_ctx.cell");
_Static_assert(offsetof(struct fapi_rach_indication_ctx, _reserved) == 38, "offset of struct fapi_rach_indication_ctx._reserved");

/* A MAC PDU on its way to or from the physical layer. */
typedef struct DataPdu {
    uint16_t rnti;
    uint16_t pdu_index;
    uint32_t bytes;
} DataPdu;
_Static_assert(sizeof(DataPdu) == 8, "size of DataPdu");
_Static_assert(offsetof(DataPdu, rnti) == 0, "offset of DataPdu.rnti");
_Static_assert(offsetof(DataPdu, pdu_index) == 2, "offset of DataPdu.pdu_index");
_Static_assert(offsetof(DataPdu, bytes) == 4, "offset of DataPdu.bytes");

/*
 * What the codelets of hook fapi_rx_data_indication are given.
 * The payload of a slot's uplink channels.
 */
struct fapi_rx_data_indication_ctx {
    uint64_t data; /* any number of DataPdu, read-only: compare with data_end, and bound loops by a constant */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct fapi_rx_data_indication_ctx) == 40, "size of struct fapi_rx_data_indication_ctx");
_Static_assert(offsetof(struct fapi_rx_data_indication_ctx, time_ns) == 24, "offset of struct fapi_rx_data_indication_ctx.time_ns");
_Static_assert(offsetof(struct fapi_rx_data_indication_ctx, sfn) == 32, "offset of struct fapi_rx_data_indication_ctx.sfn");
_Static_assert(offsetof(struct fapi_rx_data_indication_ctx, slot) == 34, "offset of struct fapi_rx_data_indication_ctx.slot");
_Static_assert(offsetof(struct fapi_rx_data_indication_ctx, cell) == 36, "offset of struct fapi_rx_data_indication_ctx.cell");
_Static_assert(offsetof(struct fapi_rx_data_indication_ctx, _reserved) == 38, "offset of struct fapi_rx_data_indication_ctx._reserved");

/*
 * What the codelets of hook fapi_slot_indication are given.
 * A slot begins.
 */
struct fapi_slot_indication_ctx {
    uint64_t data; /* CellConfig, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct fapi_slot_indication_ctx) == 40, "size of struct fapi_slot_indication_ctx");
_Static_assert(offsetof(struct fapi_slot_indication_ctx, time_ns) == 24, "offset of struct fapi_slot_indication_ctx.time_ns");
_Static_assert(offsetof(struct fapi_slot_indication_ctx, sfn) == 32, "offset of struct fapi_slot_indication_ctx.sfn");
_Static_assert(offsetof(struct fapi_slot_indication_ctx, slot) == 34, "offset of struct fapi_slot_indication_ctx.slot");
_Static_assert(offsetof(struct fapi_slot_indication_ctx, cell) == 36, "offset of struct fapi_slot_indication_ctx.cell");
_Static_assert(offsetof(struct fapi_slot_indication_ctx, _reserved) == 38, "offset of struct fapi_slot_indication_ctx._reserved");

/* The result of a UE's channel sounding. */
typedef struct SrsPdu {
    uint16_t rnti;
    uint16_t timing_advance;
    uint16_t rb_groups;
    int16_t wideband_snr;
} SrsPdu;
_Static_assert(sizeof(SrsPdu) == 8, "size of SrsPdu");
_Static_assert(offsetof(SrsPdu, rnti) == 0, "offset of SrsPdu.rnti");
_Static_assert(offsetof(SrsPdu, timing_advance) == 2, "offset of SrsPdu.timing_advance");
_Static_assert(offsetof(SrsPdu, rb_groups) == 4, "offset of SrsPdu.rb_groups");
_Static_assert(offsetof(SrsPdu, wideband_snr) == 6, "offset of SrsPdu.wideband_snr");

/*
 * What the codelets of hook fapi_srs_indication are given.
 * Channel sounding.
 */
struct fapi_srs_indication_ctx {
    uint64_t data; /* any number of SrsPdu, read-only: compare with data_end, and bound loops by a constant */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct fapi_srs_indication_ctx) == 40, "size of struct fapi_srs_indication_ctx");
_Static_assert(offsetof(struct fapi_srs_indication_ctx, time_ns) == 24, "offset of struct fapi_srs_indication_ctx.time_ns");
_Static_assert(offsetof(struct fapi_srs_indication_ctx, sfn) == 32, "offset of struct fapi_srs_indication_ctx.sfn");
_Static_assert(offsetof(struct fapi_srs_indication_ctx, slot) == 34, "offset of struct fapi_srs_indication_ctx.slot");
_Static_assert(offsetof(struct fapi_srs_indication_ctx, cell) == 36, "offset of struct fapi_srs_indication_ctx.cell");
_Static_assert(offsetof(struct fapi_srs_indication_ctx, _reserved) == 38, "offset of struct fapi_srs_indication_ctx._reserved");

/*
 * What the codelets of hook fapi_start_request are given.
 * A cell starts.
 */
struct fapi_start_request_ctx {
    uint64_t data; /* CellConfig, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct fapi_start_request_ctx) == 40, "size of struct fapi_start_request_ctx");
_Static_assert(offsetof(struct fapi_start_request_ctx, time_ns) == 24, "offset of struct fapi_start_request_ctx.time_ns");
_Static_assert(offsetof(struct fapi_start_request_ctx, sfn) == 32, "offset of struct fapi_start_request_ctx.sfn");
_Static_assert(offsetof(struct fapi_start_request_ctx, slot) == 34, "offset of struct fapi_start_request_ctx.slot");
_Static_assert(offsetof(struct fapi_start_request_ctx, cell) == 36, "offset of struct fapi_start_request_ctx.cell");
_Static_assert(offsetof(struct fapi_start_request_ctx, _reserved) == 38, "offset of struct fapi_start_request_ctx._reserved");

/*
 * What the codelets of hook fapi_stop_request are given.
 * A cell stops.
 */
struct fapi_stop_request_ctx {
    uint64_t data; /* CellConfig, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct fapi_stop_request_ctx) == 40, "size of struct fapi_stop_request_ctx");
_Static_assert(offsetof(struct fapi_stop_request_ctx, time_ns) == 24, "offset of struct fapi_stop_request_ctx.time_ns");
_Static_assert(offsetof(struct fapi_stop_request_ctx, sfn) == 32, "offset of struct fapi_stop_request_ctx.sfn");
_Static_assert(offsetof(struct fapi_stop_request_ctx, slot) == 34, "offset of struct fapi_stop_request_ctx.slot");
_Static_assert(offsetof(struct fapi_stop_request_ctx, cell) == 36, "offset of struct fapi_stop_request_ctx.cell");
_Static_assert(offsetof(struct fapi_stop_request_ctx, _reserved) == 38, "offset of struct fapi_stop_request_ctx._reserved");

/*
 * What the codelets of hook fapi_tx_data_request are given.
 * The payload of a slot's downlink channels.
 */
struct fapi_tx_data_request_ctx {
    uint64_t data; /* any number of DataPdu, read-only: compare with data_end, and bound loops by a constant */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct fapi_tx_data_request_ctx) == 40, "size of struct fapi_tx_data_request_ctx");
_Static_assert(offsetof(struct fapi_tx_data_request_ctx, time_ns) == 24, "offset of struct fapi_tx_data_request_ctx.time_ns");
_Static_assert(offsetof(struct fapi_tx_data_request_ctx, sfn) == 32, "offset of struct fapi_tx_data_request_ctx.sfn");
_Static_assert(offsetof(struct fapi_tx_data_request_ctx, slot) == 34, "offset of struct fapi_tx_data_request_ctx.slot");
_Static_assert(offsetof(struct fapi_tx_data_request_ctx, cell) == 36, "offset of struct fapi_tx_data_request_ctx.cell");
_Static_assert(offsetof(struct fapi_tx_data_request_ctx, _reserved) == 38, "offset of struct fapi_tx_data_request_ctx._reserved");

/* Uplink control information of a UE. */
typedef struct UciPdu {
    uint16_t rnti;
    uint8_t pucch_format;
    uint8_t sr;
    uint8_t harq_bits;
    uint8_t csi_bits;
    int16_t snr;
} UciPdu;
_Static_assert(sizeof(UciPdu) == 8, "size of UciPdu");
_Static_assert(offsetof(UciPdu, rnti) == 0, "offset of UciPdu.rnti");
_Static_assert(offsetof(UciPdu, pucch_format) == 2, "offset of UciPdu.pucch_format");
_Static_assert(offsetof(UciPdu, sr) == 3, "offset of UciPdu.sr");
_Static_assert(offsetof(UciPdu, harq_bits) == 4, "offset of UciPdu.harq_bits");
_Static_assert(offsetof(UciPdu, csi_bits) == 5, "offset of UciPdu.csi_bits");
_Static_assert(offsetof(UciPdu, snr) == 6, "offset of UciPdu.snr");

/*
 * What the codelets of hook fapi_uci_indication are given.
 * The uplink control information of a slot.
 */
struct fapi_uci_indication_ctx {
    uint64_t data; /* any number of UciPdu, read-only: compare with data_end, and bound loops by a constant */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct fapi_uci_indication_ctx) == 40, "size of struct fapi_uci_indication_ctx");
_Static_assert(offsetof(struct fapi_uci_indication_ctx, time_ns) == 24, "offset of struct fapi_uci_indication_ctx.time_ns");
_Static_assert(offsetof(struct fapi_uci_indication_ctx, sfn) == 32, "offset of struct fapi_uci_indication_ctx.sfn");
_Static_assert(offsetof(struct fapi_uci_indication_ctx, slot) == 34, "offset of struct fapi_uci_indication_ctx.slot");
_Static_assert(offsetof(struct fapi_uci_indication_ctx, cell) == 36, "offset of struct fapi_uci_indication_ctx.cell");
_Static_assert(offsetof(struct fapi_uci_indication_ctx, _reserved) == 38, "offset of struct fapi_uci_indication_ctx._reserved");

/*
 * What the codelets of hook fapi_ul_dci_request are given.
 * The control information that announces uplink grants.
 */
struct fapi_ul_dci_request_ctx {
    uint64_t data; /* any number of TtiPdu, read-only: compare with data_end, and bound loops by a constant */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct fapi_ul_dci_request_ctx) == 40, "size of struct fapi_ul_dci_request_ctx");
_Static_assert(offsetof(struct fapi_ul_dci_request_ctx, time_ns) == 24, "offset of struct fapi_ul_dci_request_ctx.time_ns");
_Static_assert(offsetof(struct fapi_ul_dci_request_ctx, sfn) == 32, "offset of struct fapi_ul_dci_request_ctx.sfn");
_Static_assert(offsetof(struct fapi_ul_dci_request_ctx, slot) == 34, "offset of struct fapi_ul_dci_request_ctx.slot");
_Static_assert(offsetof(struct fapi_ul_dci_request_ctx, cell) == 36, "offset of struct fapi_ul_dci_request_ctx.cell");
_Static_assert(offsetof(struct fapi_ul_dci_request_ctx, _reserved) == 38, "offset of struct fapi_ul_dci_request_ctx._reserved");

/*
 * What the codelets of hook fapi_ul_tti_request are given.
 * The uplink shared channels of a slot.
 */
struct fapi_ul_tti_request_ctx {
    uint64_t data; /* any number of TtiPdu, read-only: compare with data_end, and bound loops by a constant */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct fapi_ul_tti_request_ctx) == 40, "size of struct fapi_ul_tti_request_ctx");
_Static_assert(offsetof(struct fapi_ul_tti_request_ctx, time_ns) == 24, "offset of struct fapi_ul_tti_request_ctx.time_ns");
_Static_assert(offsetof(struct fapi_ul_tti_request_ctx, sfn) == 32, "offset of struct fapi_ul_tti_request_ctx.sfn");
_Static_assert(offsetof(struct fapi_ul_tti_request_ctx, slot) == 34, "offset of struct fapi_ul_tti_request_ctx.slot");
_Static_assert(offsetof(struct fapi_ul_tti_request_ctx, cell) == 36, "offset of struct fapi_ul_tti_request_ctx.cell");
_Static_assert(offsetof(struct fapi_ul_tti_request_ctx, _reserved) == 38, "offset of struct fapi_ul_tti_request_ctx._reserved");

/* The buffer status of a logical channel group. */
typedef struct BufferStatus {
    uint16_t rnti;
    uint8_t lcg;
    uint8_t level;
    uint32_t bytes;
} BufferStatus;
_Static_assert(sizeof(BufferStatus) == 8, "size of BufferStatus");
_Static_assert(offsetof(BufferStatus, rnti) == 0, "offset of BufferStatus.rnti");
_Static_assert(offsetof(BufferStatus, lcg) == 2, "offset of BufferStatus.lcg");
_Static_assert(offsetof(BufferStatus, level) == 3, "offset of BufferStatus.level");
_Static_assert(offsetof(BufferStatus, bytes) == 4, "offset of BufferStatus.bytes");

/*
 * What the codelets of hook mac_bsr are given.
 * A buffer status report.
 */
struct mac_bsr_ctx {
    uint64_t data; /* any number of BufferStatus, read-only: compare with data_end, and bound loops by a constant */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct mac_bsr_ctx) == 40, "size of struct mac_bsr_ctx");
_Static_assert(offsetof(struct mac_bsr_ctx, time_ns) == 24, "offset of struct mac_bsr_ctx.time_ns");
_Static_assert(offsetof(struct mac_bsr_ctx, sfn) == 32, "offset of struct mac_bsr_ctx.sfn");
_Static_assert(offsetof(struct mac_bsr_ctx, slot) == 34, "offset of struct mac_bsr_ctx.slot");
_Static_assert(offsetof(struct mac_bsr_ctx, cell) == 36, "offset of struct mac_bsr_ctx.cell");
_Static_assert(offsetof(struct mac_bsr_ctx, _reserved) == 38, "offset of struct mac_bsr_ctx._reserved");

/* The channel state that a UE reports. */
typedef struct CsiReport {
    uint16_t rnti;
    uint8_t cqi;
    uint8_t rank;
    uint16_t pmi;
} CsiReport;
_Static_assert(sizeof(CsiReport) == 6, "size of CsiReport");
_Static_assert(offsetof(CsiReport, rnti) == 0, "offset of CsiReport.rnti");
_Static_assert(offsetof(CsiReport, cqi) == 2, "offset of CsiReport.cqi");
_Static_assert(offsetof(CsiReport, rank) == 3, "offset of CsiReport.rank");
_Static_assert(offsetof(CsiReport, pmi) == 4, "offset of CsiReport.pmi");

/*
 * What the codelets of hook mac_csi are given.
 * A channel state report.
 */
struct mac_csi_ctx {
    uint64_t data; /* CsiReport, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct mac_csi_ctx) == 40, "size of struct mac_csi_ctx");
_Static_assert(offsetof(struct mac_csi_ctx, time_ns) == 24, "offset of struct mac_csi_ctx.time_ns");
_Static_assert(offsetof(struct mac_csi_ctx, sfn) == 32, "offset of struct mac_csi_ctx.sfn");
_Static_assert(offsetof(struct mac_csi_ctx, slot) == 34, "offset of struct mac_csi_ctx.slot");
_Static_assert(offsetof(struct mac_csi_ctx, cell) == 36, "offset of struct mac_csi_ctx.cell");
_Static_assert(offsetof(struct mac_csi_ctx, _reserved) == 38, "offset of struct mac_csi_ctx._reserved");

/* The outcome of a transport block. `outcome` is 0 for NACK, 1 for ACK, 2 for DTX. */
typedef struct HarqFeedback {
    uint16_t rnti;
    uint8_t harq_process;
    uint8_t outcome;
    uint8_t retransmissions;
    uint8_t _reserved;
} HarqFeedback;
_Static_assert(sizeof(HarqFeedback) == 6, "size of HarqFeedback");
_Static_assert(offsetof(HarqFeedback, rnti) == 0, "offset of HarqFeedback.rnti");
_Static_assert(offsetof(HarqFeedback, harq_process) == 2, "offset of HarqFeedback.harq_process");
_Static_assert(offsetof(HarqFeedback, outcome) == 3, "offset of HarqFeedback.outcome");
_Static_assert(offsetof(HarqFeedback, retransmissions) == 4, "offset of HarqFeedback.retransmissions");
_Static_assert(offsetof(HarqFeedback, _reserved) == 5, "offset of HarqFeedback._reserved");

/*
 * What the codelets of hook mac_dl_harq_feedback are given.
 * The outcome of a downlink transport block.
 */
struct mac_dl_harq_feedback_ctx {
    uint64_t data; /* HarqFeedback, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct mac_dl_harq_feedback_ctx) == 40, "size of struct mac_dl_harq_feedback_ctx");
_Static_assert(offsetof(struct mac_dl_harq_feedback_ctx, time_ns) == 24, "offset of struct mac_dl_harq_feedback_ctx.time_ns");
_Static_assert(offsetof(struct mac_dl_harq_feedback_ctx, sfn) == 32, "offset of struct mac_dl_harq_feedback_ctx.sfn");
_Static_assert(offsetof(struct mac_dl_harq_feedback_ctx, slot) == 34, "offset of struct mac_dl_harq_feedback_ctx.slot");
_Static_assert(offsetof(struct mac_dl_harq_feedback_ctx, cell) == 36, "offset of struct mac_dl_harq_feedback_ctx.cell");
_Static_assert(offsetof(struct mac_dl_harq_feedback_ctx, _reserved) == 38, "offset of struct mac_dl_harq_feedback_ctx._reserved");

/* Resources for one UE in one slot. */
typedef struct Grant {
    uint16_t rnti;
    uint8_t harq_process;
    uint8_t mcs;
    uint16_t rb_start;
    uint16_t rb_size;
    uint32_t tb_bytes;
    uint8_t slice;
    uint8_t new_data;
    uint8_t retransmission;
    uint8_t layers;
} Grant;
_Static_assert(sizeof(Grant) == 16, "size of Grant");
_Static_assert(offsetof(Grant, rnti) == 0, "offset of Grant.rnti");
_Static_assert(offsetof(Grant, harq_process) == 2, "offset of Grant.harq_process");
_Static_assert(offsetof(Grant, mcs) == 3, "offset of Grant.mcs");
_Static_assert(offsetof(Grant, rb_start) == 4, "offset of Grant.rb_start");
_Static_assert(offsetof(Grant, rb_size) == 6, "offset of Grant.rb_size");
_Static_assert(offsetof(Grant, tb_bytes) == 8, "offset of Grant.tb_bytes");
_Static_assert(offsetof(Grant, slice) == 12, "offset of Grant.slice");
_Static_assert(offsetof(Grant, new_data) == 13, "offset of Grant.new_data");
_Static_assert(offsetof(Grant, retransmission) == 14, "offset of Grant.retransmission");
_Static_assert(offsetof(Grant, layers) == 15, "offset of Grant.layers");

/*
 * What the codelets of hook mac_dl_scheduled are given.
 * A UE is granted downlink resources.
 */
struct mac_dl_scheduled_ctx {
    uint64_t data; /* Grant, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct mac_dl_scheduled_ctx) == 40, "size of struct mac_dl_scheduled_ctx");
_Static_assert(offsetof(struct mac_dl_scheduled_ctx, time_ns) == 24, "offset of struct mac_dl_scheduled_ctx.time_ns");
_Static_assert(offsetof(struct mac_dl_scheduled_ctx, sfn) == 32, "offset of struct mac_dl_scheduled_ctx.sfn");
_Static_assert(offsetof(struct mac_dl_scheduled_ctx, slot) == 34, "offset of struct mac_dl_scheduled_ctx.slot");
_Static_assert(offsetof(struct mac_dl_scheduled_ctx, cell) == 36, "offset of struct mac_dl_scheduled_ctx.cell");
_Static_assert(offsetof(struct mac_dl_scheduled_ctx, _reserved) == 38, "offset of struct mac_dl_scheduled_ctx._reserved");

/* A SDU of a logical channel. */
typedef struct MacSdu {
    uint16_t rnti;
    uint8_t lcid;
    uint8_t subheader_bytes;
    uint32_t bytes;
} MacSdu;
_Static_assert(sizeof(MacSdu) == 8, "size of MacSdu");
_Static_assert(offsetof(MacSdu, rnti) == 0, "offset of MacSdu.rnti");
_Static_assert(offsetof(MacSdu, lcid) == 2, "offset of MacSdu.lcid");
_Static_assert(offsetof(MacSdu, subheader_bytes) == 3, "offset of MacSdu.subheader_bytes");
_Static_assert(offsetof(MacSdu, bytes) == 4, "offset of MacSdu.bytes");

/*
 * What the codelets of hook mac_dl_sdu are given.
 * A SDU is put into a downlink transport block.
 */
struct mac_dl_sdu_ctx {
    uint64_t data; /* MacSdu, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct mac_dl_sdu_ctx) == 40, "size of struct mac_dl_sdu_ctx");
_Static_assert(offsetof(struct mac_dl_sdu_ctx, time_ns) == 24, "offset of struct mac_dl_sdu_ctx.time_ns");
_Static_assert(offsetof(struct mac_dl_sdu_ctx, sfn) == 32, "offset of struct mac_dl_sdu_ctx.sfn");
_Static_assert(offsetof(struct mac_dl_sdu_ctx, slot) == 34, "offset of struct mac_dl_sdu_ctx.slot");
_Static_assert(offsetof(struct mac_dl_sdu_ctx, cell) == 36, "offset of struct mac_dl_sdu_ctx.cell");
_Static_assert(offsetof(struct mac_dl_sdu_ctx, _reserved) == 38, "offset of struct mac_dl_sdu_ctx._reserved");

/* Whether a UE listens. */
typedef struct DrxState {
    uint16_t rnti;
    uint8_t cycle_ms;
    uint8_t active;
} DrxState;
_Static_assert(sizeof(DrxState) == 4, "size of DrxState");
_Static_assert(offsetof(DrxState, rnti) == 0, "offset of DrxState.rnti");
_Static_assert(offsetof(DrxState, cycle_ms) == 2, "offset of DrxState.cycle_ms");
_Static_assert(offsetof(DrxState, active) == 3, "offset of DrxState.active");

/*
 * What the codelets of hook mac_drx are given.
 * A UE begins or ends to listen.
 */
struct mac_drx_ctx {
    uint64_t data; /* DrxState, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct mac_drx_ctx) == 40, "size of struct mac_drx_ctx");
_Static_assert(offsetof(struct mac_drx_ctx, time_ns) == 24, "offset of struct mac_drx_ctx.time_ns");
_Static_assert(offsetof(struct mac_drx_ctx, sfn) == 32, "offset of struct mac_drx_ctx.sfn");
_Static_assert(offsetof(struct mac_drx_ctx, slot) == 34, "offset of struct mac_drx_ctx.slot");
_Static_assert(offsetof(struct mac_drx_ctx, cell) == 36, "offset of struct mac_drx_ctx.cell");
_Static_assert(offsetof(struct mac_drx_ctx, _reserved) == 38, "offset of struct mac_drx_ctx._reserved");

/* How much power a UE has left. */
typedef struct PowerHeadroom {
    uint16_t rnti;
    int8_t headroom_db;
    int8_t p_cmax_dbm;
} PowerHeadroom;
_Static_assert(sizeof(PowerHeadroom) == 4, "size of PowerHeadroom");
_Static_assert(offsetof(PowerHeadroom, rnti) == 0, "offset of PowerHeadroom.rnti");
_Static_assert(offsetof(PowerHeadroom, headroom_db) == 2, "offset of PowerHeadroom.headroom_db");
_Static_assert(offsetof(PowerHeadroom, p_cmax_dbm) == 3, "offset of PowerHeadroom.p_cmax_dbm");

/*
 * What the codelets of hook mac_phr are given.
 * A power headroom report.
 */
struct mac_phr_ctx {
    uint64_t data; /* PowerHeadroom, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct mac_phr_ctx) == 40, "size of struct mac_phr_ctx");
_Static_assert(offsetof(struct mac_phr_ctx, time_ns) == 24, "offset of struct mac_phr_ctx.time_ns");
_Static_assert(offsetof(struct mac_phr_ctx, sfn) == 32, "offset of struct mac_phr_ctx.sfn");
_Static_assert(offsetof(struct mac_phr_ctx, slot) == 34, "offset of struct mac_phr_ctx.slot");
_Static_assert(offsetof(struct mac_phr_ctx, cell) == 36, "offset of struct mac_phr_ctx.cell");
_Static_assert(offsetof(struct mac_phr_ctx, _reserved) == 38, "offset of struct mac_phr_ctx._reserved");

/* A random access under way. */
typedef struct RandomAccess {
    uint16_t temporary_rnti;
    uint8_t preamble_index;
    uint8_t attempt;
    uint16_t timing_advance;
} RandomAccess;
_Static_assert(sizeof(RandomAccess) == 6, "size of RandomAccess");
_Static_assert(offsetof(RandomAccess, temporary_rnti) == 0, "offset of RandomAccess.temporary_rnti");
_Static_assert(offsetof(RandomAccess, preamble_index) == 2, "offset of RandomAccess.preamble_index");
_Static_assert(offsetof(RandomAccess, attempt) == 3, "offset of RandomAccess.attempt");
_Static_assert(offsetof(RandomAccess, timing_advance) == 4, "offset of RandomAccess.timing_advance");

/*
 * What the codelets of hook mac_rach_identity are given.
 * Message 3: the UE's identity.
 */
struct mac_rach_identity_ctx {
    uint64_t data; /* RandomAccess, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct mac_rach_identity_ctx) == 40, "size of struct mac_rach_identity_ctx");
_Static_assert(offsetof(struct mac_rach_identity_ctx, time_ns) == 24, "offset of struct mac_rach_identity_ctx.time_ns");
_Static_assert(offsetof(struct mac_rach_identity_ctx, sfn) == 32, "offset of struct mac_rach_identity_ctx.sfn");
_Static_assert(offsetof(struct mac_rach_identity_ctx, slot) == 34, "offset of struct mac_rach_identity_ctx.slot");
_Static_assert(offsetof(struct mac_rach_identity_ctx, cell) == 36, "offset of struct mac_rach_identity_ctx.cell");
_Static_assert(offsetof(struct mac_rach_identity_ctx, _reserved) == 38, "offset of struct mac_rach_identity_ctx._reserved");

/*
 * What the codelets of hook mac_rach_preamble are given.
 * Message 1 of random access: a preamble.
 */
struct mac_rach_preamble_ctx {
    uint64_t data; /* RandomAccess, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct mac_rach_preamble_ctx) == 40, "size of struct mac_rach_preamble_ctx");
_Static_assert(offsetof(struct mac_rach_preamble_ctx, time_ns) == 24, "offset of struct mac_rach_preamble_ctx.time_ns");
_Static_assert(offsetof(struct mac_rach_preamble_ctx, sfn) == 32, "offset of struct mac_rach_preamble_ctx.sfn");
_Static_assert(offsetof(struct mac_rach_preamble_ctx, slot) == 34, "offset of struct mac_rach_preamble_ctx.slot");
_Static_assert(offsetof(struct mac_rach_preamble_ctx, cell) == 36, "offset of struct mac_rach_preamble_ctx.cell");
_Static_assert(offsetof(struct mac_rach_preamble_ctx, _reserved) == 38, "offset of struct mac_rach_preamble_ctx._reserved");

/*
 * What the codelets of hook mac_rach_resolved are given.
 * Message 4: the contention is resolved.
 */
struct mac_rach_resolved_ctx {
    uint64_t data; /* RandomAccess, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct mac_rach_resolved_ctx) == 40, "size of struct mac_rach_resolved_ctx");
_Static_assert(offsetof(struct mac_rach_resolved_ctx, time_ns) == 24, "offset of struct mac_rach_resolved_ctx.time_ns");
_Static_assert(offsetof(struct mac_rach_resolved_ctx, sfn) == 32, "offset of struct mac_rach_resolved_ctx.sfn");
_Static_assert(offsetof(struct mac_rach_resolved_ctx, slot) == 34, "offset of struct mac_rach_resolved_ctx.slot");
_Static_assert(offsetof(struct mac_rach_resolved_ctx, cell) == 36, "offset of struct mac_rach_resolved_ctx.cell");
_Static_assert(offsetof(struct mac_rach_resolved_ctx, _reserved) == 38, "offset of struct mac_rach_resolved_ctx._reserved");

/*
 * What the codelets of hook mac_rach_response are given.
 * Message 2: the response.
 */
struct mac_rach_response_ctx {
    uint64_t data; /* RandomAccess, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct mac_rach_response_ctx) == 40, "size of struct mac_rach_response_ctx");
_Static_assert(offsetof(struct mac_rach_response_ctx, time_ns) == 24, "offset of struct mac_rach_response_ctx.time_ns");
_Static_assert(offsetof(struct mac_rach_response_ctx, sfn) == 32, "offset of struct mac_rach_response_ctx.sfn");
_Static_assert(offsetof(struct mac_rach_response_ctx, slot) == 34, "offset of struct mac_rach_response_ctx.slot");
_Static_assert(offsetof(struct mac_rach_response_ctx, cell) == 36, "offset of struct mac_rach_response_ctx.cell");
_Static_assert(offsetof(struct mac_rach_response_ctx, _reserved) == 38, "offset of struct mac_rach_response_ctx._reserved");

/* The contents of a cell's slot. */
typedef struct SlotLoad {
    uint16_t dl_prbs;
    uint16_t ul_prbs;
    uint16_t dl_ues;
    uint16_t ul_ues;
} SlotLoad;
_Static_assert(sizeof(SlotLoad) == 8, "size of SlotLoad");
_Static_assert(offsetof(SlotLoad, dl_prbs) == 0, "offset of SlotLoad.dl_prbs");
_Static_assert(offsetof(SlotLoad, ul_prbs) == 2, "offset of SlotLoad.ul_prbs");
_Static_assert(offsetof(SlotLoad, dl_ues) == 4, "offset of SlotLoad.dl_ues");
_Static_assert(offsetof(SlotLoad, ul_ues) == 6, "offset of SlotLoad.ul_ues");

/*
 * What the codelets of hook mac_slot_begin are given.
 * The scheduler begins a slot; the load is that of the slot before.
 */
struct mac_slot_begin_ctx {
    uint64_t data; /* SlotLoad, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct mac_slot_begin_ctx) == 40, "size of struct mac_slot_begin_ctx");
_Static_assert(offsetof(struct mac_slot_begin_ctx, time_ns) == 24, "offset of struct mac_slot_begin_ctx.time_ns");
_Static_assert(offsetof(struct mac_slot_begin_ctx, sfn) == 32, "offset of struct mac_slot_begin_ctx.sfn");
_Static_assert(offsetof(struct mac_slot_begin_ctx, slot) == 34, "offset of struct mac_slot_begin_ctx.slot");
_Static_assert(offsetof(struct mac_slot_begin_ctx, cell) == 36, "offset of struct mac_slot_begin_ctx.cell");
_Static_assert(offsetof(struct mac_slot_begin_ctx, _reserved) == 38, "offset of struct mac_slot_begin_ctx._reserved");

/*
 * What the codelets of hook mac_slot_end are given.
 * The scheduler has planned a slot.
 */
struct mac_slot_end_ctx {
    uint64_t data; /* SlotLoad, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct mac_slot_end_ctx) == 40, "size of struct mac_slot_end_ctx");
_Static_assert(offsetof(struct mac_slot_end_ctx, time_ns) == 24, "offset of struct mac_slot_end_ctx.time_ns");
_Static_assert(offsetof(struct mac_slot_end_ctx, sfn) == 32, "offset of struct mac_slot_end_ctx.sfn");
_Static_assert(offsetof(struct mac_slot_end_ctx, slot) == 34, "offset of struct mac_slot_end_ctx.slot");
_Static_assert(offsetof(struct mac_slot_end_ctx, cell) == 36, "offset of struct mac_slot_end_ctx.cell");
_Static_assert(offsetof(struct mac_slot_end_ctx, _reserved) == 38, "offset of struct mac_slot_end_ctx._reserved");

/* A UE asks for a grant. */
typedef struct SchedulingRequest {
    uint16_t rnti;
    uint16_t resource;
} SchedulingRequest;
_Static_assert(sizeof(SchedulingRequest) == 4, "size of SchedulingRequest");
_Static_assert(offsetof(SchedulingRequest, rnti) == 0, "offset of SchedulingRequest.rnti");
_Static_assert(offsetof(SchedulingRequest, resource) == 2, "offset of SchedulingRequest.resource");

/*
 * What the codelets of hook mac_sr are given.
 * A scheduling request.
 */
struct mac_sr_ctx {
    uint64_t data; /* SchedulingRequest, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct mac_sr_ctx) == 40, "size of struct mac_sr_ctx");
_Static_assert(offsetof(struct mac_sr_ctx, time_ns) == 24, "offset of struct mac_sr_ctx.time_ns");
_Static_assert(offsetof(struct mac_sr_ctx, sfn) == 32, "offset of struct mac_sr_ctx.sfn");
_Static_assert(offsetof(struct mac_sr_ctx, slot) == 34, "offset of struct mac_sr_ctx.slot");
_Static_assert(offsetof(struct mac_sr_ctx, cell) == 36, "offset of struct mac_sr_ctx.cell");
_Static_assert(offsetof(struct mac_sr_ctx, _reserved) == 38, "offset of struct mac_sr_ctx._reserved");

/* A UE is told to send earlier or later. */
typedef struct TimingAdvance {
    uint16_t rnti;
    uint16_t command;
} TimingAdvance;
_Static_assert(sizeof(TimingAdvance) == 4, "size of TimingAdvance");
_Static_assert(offsetof(TimingAdvance, rnti) == 0, "offset of TimingAdvance.rnti");
_Static_assert(offsetof(TimingAdvance, command) == 2, "offset of TimingAdvance.command");

/*
 * What the codelets of hook mac_timing_advance are given.
 * A timing advance command.
 */
struct mac_timing_advance_ctx {
    uint64_t data; /* TimingAdvance, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct mac_timing_advance_ctx) == 40, "size of struct mac_timing_advance_ctx");
_Static_assert(offsetof(struct mac_timing_advance_ctx, time_ns) == 24, "offset of struct mac_timing_advance_ctx.time_ns");
_Static_assert(offsetof(struct mac_timing_advance_ctx, sfn) == 32, "offset of struct mac_timing_advance_ctx.sfn");
_Static_assert(offsetof(struct mac_timing_advance_ctx, slot) == 34, "offset of struct mac_timing_advance_ctx.slot");
_Static_assert(offsetof(struct mac_timing_advance_ctx, cell) == 36, "offset of struct mac_timing_advance_ctx.cell");
_Static_assert(offsetof(struct mac_timing_advance_ctx, _reserved) == 38, "offset of struct mac_timing_advance_ctx._reserved");

/* A UE as the scheduler knows it. */
typedef struct MacUe {
    uint16_t rnti;
    uint8_t slice;
    uint8_t bearers;
} MacUe;
_Static_assert(sizeof(MacUe) == 4, "size of MacUe");
_Static_assert(offsetof(MacUe, rnti) == 0, "offset of MacUe.rnti");
_Static_assert(offsetof(MacUe, slice) == 2, "offset of MacUe.slice");
_Static_assert(offsetof(MacUe, bearers) == 3, "offset of MacUe.bearers");

/*
 * What the codelets of hook mac_ue_added are given.
 * A UE is added to the scheduler.
 */
struct mac_ue_added_ctx {
    uint64_t data; /* MacUe, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct mac_ue_added_ctx) == 40, "size of struct mac_ue_added_ctx");
_Static_assert(offsetof(struct mac_ue_added_ctx, time_ns) == 24, "offset of struct mac_ue_added_ctx.time_ns");
_Static_assert(offsetof(struct mac_ue_added_ctx, sfn) == 32, "offset of struct mac_ue_added_ctx.sfn");
_Static_assert(offsetof(struct mac_ue_added_ctx, slot) == 34, "offset of struct mac_ue_added_ctx.slot");
_Static_assert(offsetof(struct mac_ue_added_ctx, cell) == 36, "offset of struct mac_ue_added_ctx.cell");
_Static_assert(offsetof(struct mac_ue_added_ctx, _reserved) == 38, "offset of struct mac_ue_added_ctx._reserved");

/*
 * What the codelets of hook mac_ue_removed are given.
 * A UE is taken from the scheduler.
 */
struct mac_ue_removed_ctx {
    uint64_t data; /* MacUe, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct mac_ue_removed_ctx) == 40, "size of struct mac_ue_removed_ctx");
_Static_assert(offsetof(struct mac_ue_removed_ctx, time_ns) == 24, "offset of struct mac_ue_removed_ctx.time_ns");
_Static_assert(offsetof(struct mac_ue_removed_ctx, sfn) == 32, "offset of struct mac_ue_removed_ctx.sfn");
_Static_assert(offsetof(struct mac_ue_removed_ctx, slot) == 34, "offset of struct mac_ue_removed_ctx.slot");
_Static_assert(offsetof(struct mac_ue_removed_ctx, cell) == 36, "offset of struct mac_ue_removed_ctx.cell");
_Static_assert(offsetof(struct mac_ue_removed_ctx, _reserved) == 38, "offset of struct mac_ue_removed_ctx._reserved");

/*
 * What the codelets of hook mac_ul_harq_result are given.
 * The outcome of an uplink transport block.
 */
struct mac_ul_harq_result_ctx {
    uint64_t data; /* HarqFeedback, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct mac_ul_harq_result_ctx) == 40, "size of struct mac_ul_harq_result_ctx");
_Static_assert(offsetof(struct mac_ul_harq_result_ctx, time_ns) == 24, "offset of struct mac_ul_harq_result_ctx.time_ns");
_Static_assert(offsetof(struct mac_ul_harq_result_ctx, sfn) == 32, "offset of struct mac_ul_harq_result_ctx.sfn");
_Static_assert(offsetof(struct mac_ul_harq_result_ctx, slot) == 34, "offset of struct mac_ul_harq_result_ctx.slot");
_Static_assert(offsetof(struct mac_ul_harq_result_ctx, cell) == 36, "offset of struct mac_ul_harq_result_ctx.cell");
_Static_assert(offsetof(struct mac_ul_harq_result_ctx, _reserved) == 38, "offset of struct mac_ul_harq_result_ctx._reserved");

/*
 * What the codelets of hook mac_ul_scheduled are given.
 * A UE is granted uplink resources.
 */
struct mac_ul_scheduled_ctx {
    uint64_t data; /* Grant, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct mac_ul_scheduled_ctx) == 40, "size of struct mac_ul_scheduled_ctx");
_Static_assert(offsetof(struct mac_ul_scheduled_ctx, time_ns) == 24, "offset of struct mac_ul_scheduled_ctx.time_ns");
_Static_assert(offsetof(struct mac_ul_scheduled_ctx, sfn) == 32, "offset of struct mac_ul_scheduled_ctx.sfn");
_Static_assert(offsetof(struct mac_ul_scheduled_ctx, slot) == 34, "offset of struct mac_ul_scheduled_ctx.slot");
_Static_assert(offsetof(struct mac_ul_scheduled_ctx, cell) == 36, "offset of struct mac_ul_scheduled_ctx.cell");
_Static_assert(offsetof(struct mac_ul_scheduled_ctx, _reserved) == 38, "offset of struct mac_ul_scheduled_ctx._reserved");

/*
 * What the codelets of hook mac_ul_sdu are given.
 * A SDU is taken from an uplink transport block.
 */
struct mac_ul_sdu_ctx {
    uint64_t data; /* MacSdu, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct mac_ul_sdu_ctx) == 40, "size of struct mac_ul_sdu_ctx");
_Static_assert(offsetof(struct mac_ul_sdu_ctx, time_ns) == 24, "offset of struct mac_ul_sdu_ctx.time_ns");
_Static_assert(offsetof(struct mac_ul_sdu_ctx, sfn) == 32, "offset of struct mac_ul_sdu_ctx.sfn");
_Static_assert(offsetof(struct mac_ul_sdu_ctx, slot) == 34, "offset of struct mac_ul_sdu_ctx.slot");
_Static_assert(offsetof(struct mac_ul_sdu_ctx, cell) == 36, "offset of struct mac_ul_sdu_ctx.cell");
_Static_assert(offsetof(struct mac_ul_sdu_ctx, _reserved) == 38, "offset of struct mac_ul_sdu_ctx._reserved");

/* The PDCP entity of a bearer. */
typedef struct PdcpEntity {
    uint16_t rnti;
    uint8_t bearer;
    uint8_t sn_bits;
    uint8_t ciphering;
    uint8_t integrity;
    uint16_t discard_timer_ms;
} PdcpEntity;
_Static_assert(sizeof(PdcpEntity) == 8, "size of PdcpEntity");
_Static_assert(offsetof(PdcpEntity, rnti) == 0, "offset of PdcpEntity.rnti");
_Static_assert(offsetof(PdcpEntity, bearer) == 2, "offset of PdcpEntity.bearer");
_Static_assert(offsetof(PdcpEntity, sn_bits) == 3, "offset of PdcpEntity.sn_bits");
_Static_assert(offsetof(PdcpEntity, ciphering) == 4, "offset of PdcpEntity.ciphering");
_Static_assert(offsetof(PdcpEntity, integrity) == 5, "offset of PdcpEntity.integrity");
_Static_assert(offsetof(PdcpEntity, discard_timer_ms) == 6, "offset of PdcpEntity.discard_timer_ms");

/*
 * What the codelets of hook pdcp_entity_created are given.
 * A bearer's entity is made.
 */
struct pdcp_entity_created_ctx {
    uint64_t data; /* PdcpEntity, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct pdcp_entity_created_ctx) == 40, "size of struct pdcp_entity_created_ctx");
_Static_assert(offsetof(struct pdcp_entity_created_ctx, time_ns) == 24, "offset of struct pdcp_entity_created_ctx.time_ns");
_Static_assert(offsetof(struct pdcp_entity_created_ctx, sfn) == 32, "offset of struct pdcp_entity_created_ctx.sfn");
_Static_assert(offsetof(struct pdcp_entity_created_ctx, slot) == 34, "offset of struct pdcp_entity_created_ctx.slot");
_Static_assert(offsetof(struct pdcp_entity_created_ctx, cell) == 36, "offset of struct pdcp_entity_created_ctx.cell");
_Static_assert(offsetof(struct pdcp_entity_created_ctx, _reserved) == 38, "offset of struct pdcp_entity_created_ctx._reserved");

/*
 * What the codelets of hook pdcp_entity_released are given.
 * A bearer's entity goes.
 */
struct pdcp_entity_released_ctx {
    uint64_t data; /* PdcpEntity, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct pdcp_entity_released_ctx) == 40, "size of struct pdcp_entity_released_ctx");
_Static_assert(offsetof(struct pdcp_entity_released_ctx, time_ns) == 24, "offset of struct pdcp_entity_released_ctx.time_ns");
_Static_assert(offsetof(struct pdcp_entity_released_ctx, sfn) == 32, "offset of struct pdcp_entity_released_ctx.sfn");
_Static_assert(offsetof(struct pdcp_entity_released_ctx, slot) == 34, "offset of struct pdcp_entity_released_ctx.slot");
_Static_assert(offsetof(struct pdcp_entity_released_ctx, cell) == 36, "offset of struct pdcp_entity_released_ctx.cell");
_Static_assert(offsetof(struct pdcp_entity_released_ctx, _reserved) == 38, "offset of struct pdcp_entity_released_ctx._reserved");

/* A SDU or PDU of a bearer. */
typedef struct PdcpPacket {
    uint16_t rnti;
    uint8_t bearer;
    uint8_t sn_bits;
    uint32_t count;
    uint32_t bytes;
} PdcpPacket;
_Static_assert(sizeof(PdcpPacket) == 12, "size of PdcpPacket");
_Static_assert(offsetof(PdcpPacket, rnti) == 0, "offset of PdcpPacket.rnti");
_Static_assert(offsetof(PdcpPacket, bearer) == 2, "offset of PdcpPacket.bearer");
_Static_assert(offsetof(PdcpPacket, sn_bits) == 3, "offset of PdcpPacket.sn_bits");
_Static_assert(offsetof(PdcpPacket, count) == 4, "offset of PdcpPacket.count");
_Static_assert(offsetof(PdcpPacket, bytes) == 8, "offset of PdcpPacket.bytes");

/*
 * What the codelets of hook pdcp_integrity_failed are given.
 * The integrity check of a packet failed.
 */
struct pdcp_integrity_failed_ctx {
    uint64_t data; /* PdcpPacket, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct pdcp_integrity_failed_ctx) == 40, "size of struct pdcp_integrity_failed_ctx");
_Static_assert(offsetof(struct pdcp_integrity_failed_ctx, time_ns) == 24, "offset of struct pdcp_integrity_failed_ctx.time_ns");
_Static_assert(offsetof(struct pdcp_integrity_failed_ctx, sfn) == 32, "offset of struct pdcp_integrity_failed_ctx.sfn");
_Static_assert(offsetof(struct pdcp_integrity_failed_ctx, slot) == 34, "offset of struct pdcp_integrity_failed_ctx.slot");
_Static_assert(offsetof(struct pdcp_integrity_failed_ctx, cell) == 36, "offset of struct pdcp_integrity_failed_ctx.cell");
_Static_assert(offsetof(struct pdcp_integrity_failed_ctx, _reserved) == 38, "offset of struct pdcp_integrity_failed_ctx._reserved");

/*
 * What the codelets of hook pdcp_rx_pdu are given.
 * A packet arrives from RLC.
 */
struct pdcp_rx_pdu_ctx {
    uint64_t data; /* PdcpPacket, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct pdcp_rx_pdu_ctx) == 40, "size of struct pdcp_rx_pdu_ctx");
_Static_assert(offsetof(struct pdcp_rx_pdu_ctx, time_ns) == 24, "offset of struct pdcp_rx_pdu_ctx.time_ns");
_Static_assert(offsetof(struct pdcp_rx_pdu_ctx, sfn) == 32, "offset of struct pdcp_rx_pdu_ctx.sfn");
_Static_assert(offsetof(struct pdcp_rx_pdu_ctx, slot) == 34, "offset of struct pdcp_rx_pdu_ctx.slot");
_Static_assert(offsetof(struct pdcp_rx_pdu_ctx, cell) == 36, "offset of struct pdcp_rx_pdu_ctx.cell");
_Static_assert(offsetof(struct pdcp_rx_pdu_ctx, _reserved) == 38, "offset of struct pdcp_rx_pdu_ctx._reserved");

/*
 * What the codelets of hook pdcp_rx_reordered are given.
 * A packet waits for one before it.
 */
struct pdcp_rx_reordered_ctx {
    uint64_t data; /* PdcpPacket, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct pdcp_rx_reordered_ctx) == 40, "size of struct pdcp_rx_reordered_ctx");
_Static_assert(offsetof(struct pdcp_rx_reordered_ctx, time_ns) == 24, "offset of struct pdcp_rx_reordered_ctx.time_ns");
_Static_assert(offsetof(struct pdcp_rx_reordered_ctx, sfn) == 32, "offset of struct pdcp_rx_reordered_ctx.sfn");
_Static_assert(offsetof(struct pdcp_rx_reordered_ctx, slot) == 34, "offset of struct pdcp_rx_reordered_ctx.slot");
_Static_assert(offsetof(struct pdcp_rx_reordered_ctx, cell) == 36, "offset of struct pdcp_rx_reordered_ctx.cell");
_Static_assert(offsetof(struct pdcp_rx_reordered_ctx, _reserved) == 38, "offset of struct pdcp_rx_reordered_ctx._reserved");

/*
 * What the codelets of hook pdcp_rx_sdu are given.
 * A packet is handed to the core network.
 */
struct pdcp_rx_sdu_ctx {
    uint64_t data; /* PdcpPacket, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct pdcp_rx_sdu_ctx) == 40, "size of struct pdcp_rx_sdu_ctx");
_Static_assert(offsetof(struct pdcp_rx_sdu_ctx, time_ns) == 24, "offset of struct pdcp_rx_sdu_ctx.time_ns");
_Static_assert(offsetof(struct pdcp_rx_sdu_ctx, sfn) == 32, "offset of struct pdcp_rx_sdu_ctx.sfn");
_Static_assert(offsetof(struct pdcp_rx_sdu_ctx, slot) == 34, "offset of struct pdcp_rx_sdu_ctx.slot");
_Static_assert(offsetof(struct pdcp_rx_sdu_ctx, cell) == 36, "offset of struct pdcp_rx_sdu_ctx.cell");
_Static_assert(offsetof(struct pdcp_rx_sdu_ctx, _reserved) == 38, "offset of struct pdcp_rx_sdu_ctx._reserved");

/* The packets that a receiver misses. */
typedef struct PdcpStatus {
    uint16_t rnti;
    uint8_t bearer;
    uint8_t gaps;
    uint32_t first_missing_count;
} PdcpStatus;
_Static_assert(sizeof(PdcpStatus) == 8, "size of PdcpStatus");
_Static_assert(offsetof(PdcpStatus, rnti) == 0, "offset of PdcpStatus.rnti");
_Static_assert(offsetof(PdcpStatus, bearer) == 2, "offset of PdcpStatus.bearer");
_Static_assert(offsetof(PdcpStatus, gaps) == 3, "offset of PdcpStatus.gaps");
_Static_assert(offsetof(PdcpStatus, first_missing_count) == 4, "offset of PdcpStatus.first_missing_count");

/*
 * What the codelets of hook pdcp_status_report are given.
 * A receiver reports what it misses.
 */
struct pdcp_status_report_ctx {
    uint64_t data; /* PdcpStatus, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct pdcp_status_report_ctx) == 40, "size of struct pdcp_status_report_ctx");
_Static_assert(offsetof(struct pdcp_status_report_ctx, time_ns) == 24, "offset of struct pdcp_status_report_ctx.time_ns");
_Static_assert(offsetof(struct pdcp_status_report_ctx, sfn) == 32, "offset of struct pdcp_status_report_ctx.sfn");
_Static_assert(offsetof(struct pdcp_status_report_ctx, slot) == 34, "offset of struct pdcp_status_report_ctx.slot");
_Static_assert(offsetof(struct pdcp_status_report_ctx, cell) == 36, "offset of struct pdcp_status_report_ctx.cell");
_Static_assert(offsetof(struct pdcp_status_report_ctx, _reserved) == 38, "offset of struct pdcp_status_report_ctx._reserved");

/*
 * What the codelets of hook pdcp_tx_delivered are given.
 * A packet is known to have arrived.
 */
struct pdcp_tx_delivered_ctx {
    uint64_t data; /* PdcpPacket, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct pdcp_tx_delivered_ctx) == 40, "size of struct pdcp_tx_delivered_ctx");
_Static_assert(offsetof(struct pdcp_tx_delivered_ctx, time_ns) == 24, "offset of struct pdcp_tx_delivered_ctx.time_ns");
_Static_assert(offsetof(struct pdcp_tx_delivered_ctx, sfn) == 32, "offset of struct pdcp_tx_delivered_ctx.sfn");
_Static_assert(offsetof(struct pdcp_tx_delivered_ctx, slot) == 34, "offset of struct pdcp_tx_delivered_ctx.slot");
_Static_assert(offsetof(struct pdcp_tx_delivered_ctx, cell) == 36, "offset of struct pdcp_tx_delivered_ctx.cell");
_Static_assert(offsetof(struct pdcp_tx_delivered_ctx, _reserved) == 38, "offset of struct pdcp_tx_delivered_ctx._reserved");

/*
 * What the codelets of hook pdcp_tx_discarded are given.
 * The discard timer of a packet ran out.
 */
struct pdcp_tx_discarded_ctx {
    uint64_t data; /* PdcpPacket, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct pdcp_tx_discarded_ctx) == 40, "size of struct pdcp_tx_discarded_ctx");
_Static_assert(offsetof(struct pdcp_tx_discarded_ctx, time_ns) == 24, "offset of struct pdcp_tx_discarded_ctx.time_ns");
_Static_assert(offsetof(struct pdcp_tx_discarded_ctx, sfn) == 32, "offset of struct pdcp_tx_discarded_ctx.sfn");
_Static_assert(offsetof(struct pdcp_tx_discarded_ctx, slot) == 34, "offset of struct pdcp_tx_discarded_ctx.slot");
_Static_assert(offsetof(struct pdcp_tx_discarded_ctx, cell) == 36, "offset of struct pdcp_tx_discarded_ctx.cell");
_Static_assert(offsetof(struct pdcp_tx_discarded_ctx, _reserved) == 38, "offset of struct pdcp_tx_discarded_ctx._reserved");

/*
 * What the codelets of hook pdcp_tx_pdu are given.
 * A packet is ciphered and handed to RLC.
 */
struct pdcp_tx_pdu_ctx {
    uint64_t data; /* PdcpPacket, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct pdcp_tx_pdu_ctx) == 40, "size of struct pdcp_tx_pdu_ctx");
_Static_assert(offsetof(struct pdcp_tx_pdu_ctx, time_ns) == 24, "offset of struct pdcp_tx_pdu_ctx.time_ns");
_Static_assert(offsetof(struct pdcp_tx_pdu_ctx, sfn) == 32, "offset of struct pdcp_tx_pdu_ctx.sfn");
_Static_assert(offsetof(struct pdcp_tx_pdu_ctx, slot) == 34, "offset of struct pdcp_tx_pdu_ctx.slot");
_Static_assert(offsetof(struct pdcp_tx_pdu_ctx, cell) == 36, "offset of struct pdcp_tx_pdu_ctx.cell");
_Static_assert(offsetof(struct pdcp_tx_pdu_ctx, _reserved) == 38, "offset of struct pdcp_tx_pdu_ctx._reserved");

/*
 * What the codelets of hook pdcp_tx_sdu are given.
 * A packet arrives from the core network.
 */
struct pdcp_tx_sdu_ctx {
    uint64_t data; /* PdcpPacket, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct pdcp_tx_sdu_ctx) == 40, "size of struct pdcp_tx_sdu_ctx");
_Static_assert(offsetof(struct pdcp_tx_sdu_ctx, time_ns) == 24, "offset of struct pdcp_tx_sdu_ctx.time_ns");
_Static_assert(offsetof(struct pdcp_tx_sdu_ctx, sfn) == 32, "offset of struct pdcp_tx_sdu_ctx.sfn");
_Static_assert(offsetof(struct pdcp_tx_sdu_ctx, slot) == 34, "offset of struct pdcp_tx_sdu_ctx.slot");
_Static_assert(offsetof(struct pdcp_tx_sdu_ctx, cell) == 36, "offset of struct pdcp_tx_sdu_ctx.cell");
_Static_assert(offsetof(struct pdcp_tx_sdu_ctx, _reserved) == 38, "offset of struct pdcp_tx_sdu_ctx._reserved");

/* The packets that wait in a bearer's queue. */
typedef struct RlcBuffer {
    uint16_t rnti;
    uint8_t bearer;
    uint8_t mode;
    uint32_t sdus;
    uint32_t bytes;
} RlcBuffer;
_Static_assert(sizeof(RlcBuffer) == 12, "size of RlcBuffer");
_Static_assert(offsetof(RlcBuffer, rnti) == 0, "offset of RlcBuffer.rnti");
_Static_assert(offsetof(RlcBuffer, bearer) == 2, "offset of RlcBuffer.bearer");
_Static_assert(offsetof(RlcBuffer, mode) == 3, "offset of RlcBuffer.mode");
_Static_assert(offsetof(RlcBuffer, sdus) == 4, "offset of RlcBuffer.sdus");
_Static_assert(offsetof(RlcBuffer, bytes) == 8, "offset of RlcBuffer.bytes");

/*
 * What the codelets of hook rlc_buffer_state are given.
 * The scheduler is told what waits.
 */
struct rlc_buffer_state_ctx {
    uint64_t data; /* RlcBuffer, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct rlc_buffer_state_ctx) == 40, "size of struct rlc_buffer_state_ctx");
_Static_assert(offsetof(struct rlc_buffer_state_ctx, time_ns) == 24, "offset of struct rlc_buffer_state_ctx.time_ns");
_Static_assert(offsetof(struct rlc_buffer_state_ctx, sfn) == 32, "offset of struct rlc_buffer_state_ctx.sfn");
_Static_assert(offsetof(struct rlc_buffer_state_ctx, slot) == 34, "offset of struct rlc_buffer_state_ctx.slot");
_Static_assert(offsetof(struct rlc_buffer_state_ctx, cell) == 36, "offset of struct rlc_buffer_state_ctx.cell");
_Static_assert(offsetof(struct rlc_buffer_state_ctx, _reserved) == 38, "offset of struct rlc_buffer_state_ctx._reserved");

/* The RLC entity of a bearer. */
typedef struct RlcEntity {
    uint16_t rnti;
    uint8_t bearer;
    uint8_t mode;
} RlcEntity;
_Static_assert(sizeof(RlcEntity) == 4, "size of RlcEntity");
_Static_assert(offsetof(RlcEntity, rnti) == 0, "offset of RlcEntity.rnti");
_Static_assert(offsetof(RlcEntity, bearer) == 2, "offset of RlcEntity.bearer");
_Static_assert(offsetof(RlcEntity, mode) == 3, "offset of RlcEntity.mode");

/*
 * What the codelets of hook rlc_entity_created are given.
 * A bearer's entity is made.
 */
struct rlc_entity_created_ctx {
    uint64_t data; /* RlcEntity, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct rlc_entity_created_ctx) == 40, "size of struct rlc_entity_created_ctx");
_Static_assert(offsetof(struct rlc_entity_created_ctx, time_ns) == 24, "offset of struct rlc_entity_created_ctx.time_ns");
_Static_assert(offsetof(struct rlc_entity_created_ctx, sfn) == 32, "offset of struct rlc_entity_created_ctx.sfn");
_Static_assert(offsetof(struct rlc_entity_created_ctx, slot) == 34, "offset of struct rlc_entity_created_ctx.slot");
_Static_assert(offsetof(struct rlc_entity_created_ctx, cell) == 36, "offset of struct rlc_entity_created_ctx.cell");
_Static_assert(offsetof(struct rlc_entity_created_ctx, _reserved) == 38, "offset of struct rlc_entity_created_ctx._reserved");

/*
 * What the codelets of hook rlc_entity_released are given.
 * A bearer's entity goes.
 */
struct rlc_entity_released_ctx {
    uint64_t data; /* RlcEntity, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct rlc_entity_released_ctx) == 40, "size of struct rlc_entity_released_ctx");
_Static_assert(offsetof(struct rlc_entity_released_ctx, time_ns) == 24, "offset of struct rlc_entity_released_ctx.time_ns");
_Static_assert(offsetof(struct rlc_entity_released_ctx, sfn) == 32, "offset of struct rlc_entity_released_ctx.sfn");
_Static_assert(offsetof(struct rlc_entity_released_ctx, slot) == 34, "offset of struct rlc_entity_released_ctx.slot");
_Static_assert(offsetof(struct rlc_entity_released_ctx, cell) == 36, "offset of struct rlc_entity_released_ctx.cell");
_Static_assert(offsetof(struct rlc_entity_released_ctx, _reserved) == 38, "offset of struct rlc_entity_released_ctx._reserved");

/* A PDU of a bearer. */
typedef struct RlcPdu {
    uint16_t rnti;
    uint8_t bearer;
    uint8_t mode;
    uint32_t sn;
    uint32_t bytes;
    uint16_t segment_offset;
    uint16_t retransmissions;
} RlcPdu;
_Static_assert(sizeof(RlcPdu) == 16, "size of RlcPdu");
_Static_assert(offsetof(RlcPdu, rnti) == 0, "offset of RlcPdu.rnti");
_Static_assert(offsetof(RlcPdu, bearer) == 2, "offset of RlcPdu.bearer");
_Static_assert(offsetof(RlcPdu, mode) == 3, "offset of RlcPdu.mode");
_Static_assert(offsetof(RlcPdu, sn) == 4, "offset of RlcPdu.sn");
_Static_assert(offsetof(RlcPdu, bytes) == 8, "offset of RlcPdu.bytes");
_Static_assert(offsetof(RlcPdu, segment_offset) == 12, "offset of RlcPdu.segment_offset");
_Static_assert(offsetof(RlcPdu, retransmissions) == 14, "offset of RlcPdu.retransmissions");

/*
 * What the codelets of hook rlc_rx_pdu are given.
 * A PDU arrives.
 */
struct rlc_rx_pdu_ctx {
    uint64_t data; /* RlcPdu, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct rlc_rx_pdu_ctx) == 40, "size of struct rlc_rx_pdu_ctx");
_Static_assert(offsetof(struct rlc_rx_pdu_ctx, time_ns) == 24, "offset of struct rlc_rx_pdu_ctx.time_ns");
_Static_assert(offsetof(struct rlc_rx_pdu_ctx, sfn) == 32, "offset of struct rlc_rx_pdu_ctx.sfn");
_Static_assert(offsetof(struct rlc_rx_pdu_ctx, slot) == 34, "offset of struct rlc_rx_pdu_ctx.slot");
_Static_assert(offsetof(struct rlc_rx_pdu_ctx, cell) == 36, "offset of struct rlc_rx_pdu_ctx.cell");
_Static_assert(offsetof(struct rlc_rx_pdu_ctx, _reserved) == 38, "offset of struct rlc_rx_pdu_ctx._reserved");

/* A SDU of a bearer. `mode` is 0 for TM, 1 for UM, 2 for AM. */
typedef struct RlcSdu {
    uint16_t rnti;
    uint8_t bearer;
    uint8_t mode;
    uint32_t sn;
    uint32_t bytes;
    uint32_t queue_bytes;
    uint64_t delay_ns;
} RlcSdu;
_Static_assert(sizeof(RlcSdu) == 24, "size of RlcSdu");
_Static_assert(offsetof(RlcSdu, rnti) == 0, "offset of RlcSdu.rnti");
_Static_assert(offsetof(RlcSdu, bearer) == 2, "offset of RlcSdu.bearer");
_Static_assert(offsetof(RlcSdu, mode) == 3, "offset of RlcSdu.mode");
_Static_assert(offsetof(RlcSdu, sn) == 4, "offset of RlcSdu.sn");
_Static_assert(offsetof(RlcSdu, bytes) == 8, "offset of RlcSdu.bytes");
_Static_assert(offsetof(RlcSdu, queue_bytes) == 12, "offset of RlcSdu.queue_bytes");
_Static_assert(offsetof(RlcSdu, delay_ns) == 16, "offset of RlcSdu.delay_ns");

/*
 * What the codelets of hook rlc_rx_sdu_delivered are given.
 * A SDU is complete.
 */
struct rlc_rx_sdu_delivered_ctx {
    uint64_t data; /* RlcSdu, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct rlc_rx_sdu_delivered_ctx) == 40, "size of struct rlc_rx_sdu_delivered_ctx");
_Static_assert(offsetof(struct rlc_rx_sdu_delivered_ctx, time_ns) == 24, "offset of struct rlc_rx_sdu_delivered_ctx.time_ns");
_Static_assert(offsetof(struct rlc_rx_sdu_delivered_ctx, sfn) == 32, "offset of struct rlc_rx_sdu_delivered_ctx.sfn");
_Static_assert(offsetof(struct rlc_rx_sdu_delivered_ctx, slot) == 34, "offset of struct rlc_rx_sdu_delivered_ctx.slot");
_Static_assert(offsetof(struct rlc_rx_sdu_delivered_ctx, cell) == 36, "offset of struct rlc_rx_sdu_delivered_ctx.cell");
_Static_assert(offsetof(struct rlc_rx_sdu_delivered_ctx, _reserved) == 38, "offset of struct rlc_rx_sdu_delivered_ctx._reserved");

/*
 * What the codelets of hook rlc_rx_sdu_started are given.
 * The first segment of a SDU has arrived.
 */
struct rlc_rx_sdu_started_ctx {
    uint64_t data; /* RlcSdu, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct rlc_rx_sdu_started_ctx) == 40, "size of struct rlc_rx_sdu_started_ctx");
_Static_assert(offsetof(struct rlc_rx_sdu_started_ctx, time_ns) == 24, "offset of struct rlc_rx_sdu_started_ctx.time_ns");
_Static_assert(offsetof(struct rlc_rx_sdu_started_ctx, sfn) == 32, "offset of struct rlc_rx_sdu_started_ctx.sfn");
_Static_assert(offsetof(struct rlc_rx_sdu_started_ctx, slot) == 34, "offset of struct rlc_rx_sdu_started_ctx.slot");
_Static_assert(offsetof(struct rlc_rx_sdu_started_ctx, cell) == 36, "offset of struct rlc_rx_sdu_started_ctx.cell");
_Static_assert(offsetof(struct rlc_rx_sdu_started_ctx, _reserved) == 38, "offset of struct rlc_rx_sdu_started_ctx._reserved");

/* A status PDU. */
typedef struct RlcStatus {
    uint16_t rnti;
    uint8_t bearer;
    uint8_t nacks;
    uint32_t ack_sn;
} RlcStatus;
_Static_assert(sizeof(RlcStatus) == 8, "size of RlcStatus");
_Static_assert(offsetof(RlcStatus, rnti) == 0, "offset of RlcStatus.rnti");
_Static_assert(offsetof(RlcStatus, bearer) == 2, "offset of RlcStatus.bearer");
_Static_assert(offsetof(RlcStatus, nacks) == 3, "offset of RlcStatus.nacks");
_Static_assert(offsetof(RlcStatus, ack_sn) == 4, "offset of RlcStatus.ack_sn");

/*
 * What the codelets of hook rlc_status_received are given.
 * A status PDU arrives.
 */
struct rlc_status_received_ctx {
    uint64_t data; /* RlcStatus, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct rlc_status_received_ctx) == 40, "size of struct rlc_status_received_ctx");
_Static_assert(offsetof(struct rlc_status_received_ctx, time_ns) == 24, "offset of struct rlc_status_received_ctx.time_ns");
_Static_assert(offsetof(struct rlc_status_received_ctx, sfn) == 32, "offset of struct rlc_status_received_ctx.sfn");
_Static_assert(offsetof(struct rlc_status_received_ctx, slot) == 34, "offset of struct rlc_status_received_ctx.slot");
_Static_assert(offsetof(struct rlc_status_received_ctx, cell) == 36, "offset of struct rlc_status_received_ctx.cell");
_Static_assert(offsetof(struct rlc_status_received_ctx, _reserved) == 38, "offset of struct rlc_status_received_ctx._reserved");

/*
 * What the codelets of hook rlc_status_sent are given.
 * A status PDU is sent.
 */
struct rlc_status_sent_ctx {
    uint64_t data; /* RlcStatus, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct rlc_status_sent_ctx) == 40, "size of struct rlc_status_sent_ctx");
_Static_assert(offsetof(struct rlc_status_sent_ctx, time_ns) == 24, "offset of struct rlc_status_sent_ctx.time_ns");
_Static_assert(offsetof(struct rlc_status_sent_ctx, sfn) == 32, "offset of struct rlc_status_sent_ctx.sfn");
_Static_assert(offsetof(struct rlc_status_sent_ctx, slot) == 34, "offset of struct rlc_status_sent_ctx.slot");
_Static_assert(offsetof(struct rlc_status_sent_ctx, cell) == 36, "offset of struct rlc_status_sent_ctx.cell");
_Static_assert(offsetof(struct rlc_status_sent_ctx, _reserved) == 38, "offset of struct rlc_status_sent_ctx._reserved");

/*
 * What the codelets of hook rlc_tx_pdu are given.
 * A PDU is sent.
 */
struct rlc_tx_pdu_ctx {
    uint64_t data; /* RlcPdu, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct rlc_tx_pdu_ctx) == 40, "size of struct rlc_tx_pdu_ctx");
_Static_assert(offsetof(struct rlc_tx_pdu_ctx, time_ns) == 24, "offset of struct rlc_tx_pdu_ctx.time_ns");
_Static_assert(offsetof(struct rlc_tx_pdu_ctx, sfn) == 32, "offset of struct rlc_tx_pdu_ctx.sfn");
_Static_assert(offsetof(struct rlc_tx_pdu_ctx, slot) == 34, "offset of struct rlc_tx_pdu_ctx.slot");
_Static_assert(offsetof(struct rlc_tx_pdu_ctx, cell) == 36, "offset of struct rlc_tx_pdu_ctx.cell");
_Static_assert(offsetof(struct rlc_tx_pdu_ctx, _reserved) == 38, "offset of struct rlc_tx_pdu_ctx._reserved");

/*
 * What the codelets of hook rlc_tx_pdu_repeated are given.
 * A PDU is sent again.
 */
struct rlc_tx_pdu_repeated_ctx {
    uint64_t data; /* RlcPdu, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct rlc_tx_pdu_repeated_ctx) == 40, "size of struct rlc_tx_pdu_repeated_ctx");
_Static_assert(offsetof(struct rlc_tx_pdu_repeated_ctx, time_ns) == 24, "offset of struct rlc_tx_pdu_repeated_ctx.time_ns");
_Static_assert(offsetof(struct rlc_tx_pdu_repeated_ctx, sfn) == 32, "offset of struct rlc_tx_pdu_repeated_ctx.sfn");
_Static_assert(offsetof(struct rlc_tx_pdu_repeated_ctx, slot) == 34, "offset of struct rlc_tx_pdu_repeated_ctx.slot");
_Static_assert(offsetof(struct rlc_tx_pdu_repeated_ctx, cell) == 36, "offset of struct rlc_tx_pdu_repeated_ctx.cell");
_Static_assert(offsetof(struct rlc_tx_pdu_repeated_ctx, _reserved) == 38, "offset of struct rlc_tx_pdu_repeated_ctx._reserved");

/*
 * What the codelets of hook rlc_tx_sdu_acknowledged are given.
 * The receiver has acknowledged a SDU.
 */
struct rlc_tx_sdu_acknowledged_ctx {
    uint64_t data; /* RlcSdu, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct rlc_tx_sdu_acknowledged_ctx) == 40, "size of struct rlc_tx_sdu_acknowledged_ctx");
_Static_assert(offsetof(struct rlc_tx_sdu_acknowledged_ctx, time_ns) == 24, "offset of struct rlc_tx_sdu_acknowledged_ctx.time_ns");
_Static_assert(offsetof(struct rlc_tx_sdu_acknowledged_ctx, sfn) == 32, "offset of struct rlc_tx_sdu_acknowledged_ctx.sfn");
_Static_assert(offsetof(struct rlc_tx_sdu_acknowledged_ctx, slot) == 34, "offset of struct rlc_tx_sdu_acknowledged_ctx.slot");
_Static_assert(offsetof(struct rlc_tx_sdu_acknowledged_ctx, cell) == 36, "offset of struct rlc_tx_sdu_acknowledged_ctx.cell");
_Static_assert(offsetof(struct rlc_tx_sdu_acknowledged_ctx, _reserved) == 38, "offset of struct rlc_tx_sdu_acknowledged_ctx._reserved");

/*
 * What the codelets of hook rlc_tx_sdu_discarded are given.
 * A SDU has waited for too long.
 */
struct rlc_tx_sdu_discarded_ctx {
    uint64_t data; /* RlcSdu, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct rlc_tx_sdu_discarded_ctx) == 40, "size of struct rlc_tx_sdu_discarded_ctx");
_Static_assert(offsetof(struct rlc_tx_sdu_discarded_ctx, time_ns) == 24, "offset of struct rlc_tx_sdu_discarded_ctx.time_ns");
_Static_assert(offsetof(struct rlc_tx_sdu_discarded_ctx, sfn) == 32, "offset of struct rlc_tx_sdu_discarded_ctx.sfn");
_Static_assert(offsetof(struct rlc_tx_sdu_discarded_ctx, slot) == 34, "offset of struct rlc_tx_sdu_discarded_ctx.slot");
_Static_assert(offsetof(struct rlc_tx_sdu_discarded_ctx, cell) == 36, "offset of struct rlc_tx_sdu_discarded_ctx.cell");
_Static_assert(offsetof(struct rlc_tx_sdu_discarded_ctx, _reserved) == 38, "offset of struct rlc_tx_sdu_discarded_ctx._reserved");

/*
 * What the codelets of hook rlc_tx_sdu_finished are given.
 * The last byte of a SDU is sent.
 */
struct rlc_tx_sdu_finished_ctx {
    uint64_t data; /* RlcSdu, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct rlc_tx_sdu_finished_ctx) == 40, "size of struct rlc_tx_sdu_finished_ctx");
_Static_assert(offsetof(struct rlc_tx_sdu_finished_ctx, time_ns) == 24, "offset of struct rlc_tx_sdu_finished_ctx.time_ns");
_Static_assert(offsetof(struct rlc_tx_sdu_finished_ctx, sfn) == 32, "offset of struct rlc_tx_sdu_finished_ctx.sfn");
_Static_assert(offsetof(struct rlc_tx_sdu_finished_ctx, slot) == 34, "offset of struct rlc_tx_sdu_finished_ctx.slot");
_Static_assert(offsetof(struct rlc_tx_sdu_finished_ctx, cell) == 36, "offset of struct rlc_tx_sdu_finished_ctx.cell");
_Static_assert(offsetof(struct rlc_tx_sdu_finished_ctx, _reserved) == 38, "offset of struct rlc_tx_sdu_finished_ctx._reserved");

/*
 * What the codelets of hook rlc_tx_sdu_queued are given.
 * A SDU enters the queue.
 */
struct rlc_tx_sdu_queued_ctx {
    uint64_t data; /* RlcSdu, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct rlc_tx_sdu_queued_ctx) == 40, "size of struct rlc_tx_sdu_queued_ctx");
_Static_assert(offsetof(struct rlc_tx_sdu_queued_ctx, time_ns) == 24, "offset of struct rlc_tx_sdu_queued_ctx.time_ns");
_Static_assert(offsetof(struct rlc_tx_sdu_queued_ctx, sfn) == 32, "offset of struct rlc_tx_sdu_queued_ctx.sfn");
_Static_assert(offsetof(struct rlc_tx_sdu_queued_ctx, slot) == 34, "offset of struct rlc_tx_sdu_queued_ctx.slot");
_Static_assert(offsetof(struct rlc_tx_sdu_queued_ctx, cell) == 36, "offset of struct rlc_tx_sdu_queued_ctx.cell");
_Static_assert(offsetof(struct rlc_tx_sdu_queued_ctx, _reserved) == 38, "offset of struct rlc_tx_sdu_queued_ctx._reserved");

/*
 * What the codelets of hook rlc_tx_sdu_started are given.
 * The first byte of a SDU is sent.
 */
struct rlc_tx_sdu_started_ctx {
    uint64_t data; /* RlcSdu, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct rlc_tx_sdu_started_ctx) == 40, "size of struct rlc_tx_sdu_started_ctx");
_Static_assert(offsetof(struct rlc_tx_sdu_started_ctx, time_ns) == 24, "offset of struct rlc_tx_sdu_started_ctx.time_ns");
_Static_assert(offsetof(struct rlc_tx_sdu_started_ctx, sfn) == 32, "offset of struct rlc_tx_sdu_started_ctx.sfn");
_Static_assert(offsetof(struct rlc_tx_sdu_started_ctx, slot) == 34, "offset of struct rlc_tx_sdu_started_ctx.slot");
_Static_assert(offsetof(struct rlc_tx_sdu_started_ctx, cell) == 36, "offset of struct rlc_tx_sdu_started_ctx.cell");
_Static_assert(offsetof(struct rlc_tx_sdu_started_ctx, _reserved) == 38, "offset of struct rlc_tx_sdu_started_ctx._reserved");

/* A UE's measurement of its cell. */
typedef struct Measurement {
    uint16_t rnti;
    int16_t rsrp;
    int16_t rsrq;
    uint16_t neighbours;
} Measurement;
_Static_assert(sizeof(Measurement) == 8, "size of Measurement");
_Static_assert(offsetof(Measurement, rnti) == 0, "offset of Measurement.rnti");
_Static_assert(offsetof(Measurement, rsrp) == 2, "offset of Measurement.rsrp");
_Static_assert(offsetof(Measurement, rsrq) == 4, "offset of Measurement.rsrq");
_Static_assert(offsetof(Measurement, neighbours) == 6, "offset of Measurement.neighbours");

/*
 * What the codelets of hook rrc_measurement_report are given.
 * A measurement report.
 */
struct rrc_measurement_report_ctx {
    uint64_t data; /* Measurement, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct rrc_measurement_report_ctx) == 40, "size of struct rrc_measurement_report_ctx");
_Static_assert(offsetof(struct rrc_measurement_report_ctx, time_ns) == 24, "offset of struct rrc_measurement_report_ctx.time_ns");
_Static_assert(offsetof(struct rrc_measurement_report_ctx, sfn) == 32, "offset of struct rrc_measurement_report_ctx.sfn");
_Static_assert(offsetof(struct rrc_measurement_report_ctx, slot) == 34, "offset of struct rrc_measurement_report_ctx.slot");
_Static_assert(offsetof(struct rrc_measurement_report_ctx, cell) == 36, "offset of struct rrc_measurement_report_ctx.cell");
_Static_assert(offsetof(struct rrc_measurement_report_ctx, _reserved) == 38, "offset of struct rrc_measurement_report_ctx._reserved");

/* A message. */
typedef struct RrcMessage {
    uint16_t rnti;
    uint8_t transaction;
    uint8_t cause;
    uint32_t bytes;
} RrcMessage;
_Static_assert(sizeof(RrcMessage) == 8, "size of RrcMessage");
_Static_assert(offsetof(RrcMessage, rnti) == 0, "offset of RrcMessage.rnti");
_Static_assert(offsetof(RrcMessage, transaction) == 2, "offset of RrcMessage.transaction");
_Static_assert(offsetof(RrcMessage, cause) == 3, "offset of RrcMessage.cause");
_Static_assert(offsetof(RrcMessage, bytes) == 4, "offset of RrcMessage.bytes");

/*
 * What the codelets of hook rrc_reconfiguration are given.
 * Bearers or measurements change.
 */
struct rrc_reconfiguration_ctx {
    uint64_t data; /* RrcMessage, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct rrc_reconfiguration_ctx) == 40, "size of struct rrc_reconfiguration_ctx");
_Static_assert(offsetof(struct rrc_reconfiguration_ctx, time_ns) == 24, "offset of struct rrc_reconfiguration_ctx.time_ns");
_Static_assert(offsetof(struct rrc_reconfiguration_ctx, sfn) == 32, "offset of struct rrc_reconfiguration_ctx.sfn");
_Static_assert(offsetof(struct rrc_reconfiguration_ctx, slot) == 34, "offset of struct rrc_reconfiguration_ctx.slot");
_Static_assert(offsetof(struct rrc_reconfiguration_ctx, cell) == 36, "offset of struct rrc_reconfiguration_ctx.cell");
_Static_assert(offsetof(struct rrc_reconfiguration_ctx, _reserved) == 38, "offset of struct rrc_reconfiguration_ctx._reserved");

/*
 * What the codelets of hook rrc_reestablishment are given.
 * A UE lost its connection and wants it back.
 */
struct rrc_reestablishment_ctx {
    uint64_t data; /* RrcMessage, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct rrc_reestablishment_ctx) == 40, "size of struct rrc_reestablishment_ctx");
_Static_assert(offsetof(struct rrc_reestablishment_ctx, time_ns) == 24, "offset of struct rrc_reestablishment_ctx.time_ns");
_Static_assert(offsetof(struct rrc_reestablishment_ctx, sfn) == 32, "offset of struct rrc_reestablishment_ctx.sfn");
_Static_assert(offsetof(struct rrc_reestablishment_ctx, slot) == 34, "offset of struct rrc_reestablishment_ctx.slot");
_Static_assert(offsetof(struct rrc_reestablishment_ctx, cell) == 36, "offset of struct rrc_reestablishment_ctx.cell");
_Static_assert(offsetof(struct rrc_reestablishment_ctx, _reserved) == 38, "offset of struct rrc_reestablishment_ctx._reserved");

/*
 * What the codelets of hook rrc_release are given.
 * The connection ends.
 */
struct rrc_release_ctx {
    uint64_t data; /* RrcMessage, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct rrc_release_ctx) == 40, "size of struct rrc_release_ctx");
_Static_assert(offsetof(struct rrc_release_ctx, time_ns) == 24, "offset of struct rrc_release_ctx.time_ns");
_Static_assert(offsetof(struct rrc_release_ctx, sfn) == 32, "offset of struct rrc_release_ctx.sfn");
_Static_assert(offsetof(struct rrc_release_ctx, slot) == 34, "offset of struct rrc_release_ctx.slot");
_Static_assert(offsetof(struct rrc_release_ctx, cell) == 36, "offset of struct rrc_release_ctx.cell");
_Static_assert(offsetof(struct rrc_release_ctx, _reserved) == 38, "offset of struct rrc_release_ctx._reserved");

/*
 * What the codelets of hook rrc_security_mode are given.
 * Ciphering and integrity are turned on.
 */
struct rrc_security_mode_ctx {
    uint64_t data; /* RrcMessage, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct rrc_security_mode_ctx) == 40, "size of struct rrc_security_mode_ctx");
_Static_assert(offsetof(struct rrc_security_mode_ctx, time_ns) == 24, "offset of struct rrc_security_mode_ctx.time_ns");
_Static_assert(offsetof(struct rrc_security_mode_ctx, sfn) == 32, "offset of struct rrc_security_mode_ctx.sfn");
_Static_assert(offsetof(struct rrc_security_mode_ctx, slot) == 34, "offset of struct rrc_security_mode_ctx.slot");
_Static_assert(offsetof(struct rrc_security_mode_ctx, cell) == 36, "offset of struct rrc_security_mode_ctx.cell");
_Static_assert(offsetof(struct rrc_security_mode_ctx, _reserved) == 38, "offset of struct rrc_security_mode_ctx._reserved");

/*
 * What the codelets of hook rrc_setup are given.
 * The station grants the connection.
 */
struct rrc_setup_ctx {
    uint64_t data; /* RrcMessage, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct rrc_setup_ctx) == 40, "size of struct rrc_setup_ctx");
_Static_assert(offsetof(struct rrc_setup_ctx, time_ns) == 24, "offset of struct rrc_setup_ctx.time_ns");
_Static_assert(offsetof(struct rrc_setup_ctx, sfn) == 32, "offset of struct rrc_setup_ctx.sfn");
_Static_assert(offsetof(struct rrc_setup_ctx, slot) == 34, "offset of struct rrc_setup_ctx.slot");
_Static_assert(offsetof(struct rrc_setup_ctx, cell) == 36, "offset of struct rrc_setup_ctx.cell");
_Static_assert(offsetof(struct rrc_setup_ctx, _reserved) == 38, "offset of struct rrc_setup_ctx._reserved");

/*
 * What the codelets of hook rrc_setup_complete are given.
 * The UE has the connection.
 */
struct rrc_setup_complete_ctx {
    uint64_t data; /* RrcMessage, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct rrc_setup_complete_ctx) == 40, "size of struct rrc_setup_complete_ctx");
_Static_assert(offsetof(struct rrc_setup_complete_ctx, time_ns) == 24, "offset of struct rrc_setup_complete_ctx.time_ns");
_Static_assert(offsetof(struct rrc_setup_complete_ctx, sfn) == 32, "offset of struct rrc_setup_complete_ctx.sfn");
_Static_assert(offsetof(struct rrc_setup_complete_ctx, slot) == 34, "offset of struct rrc_setup_complete_ctx.slot");
_Static_assert(offsetof(struct rrc_setup_complete_ctx, cell) == 36, "offset of struct rrc_setup_complete_ctx.cell");
_Static_assert(offsetof(struct rrc_setup_complete_ctx, _reserved) == 38, "offset of struct rrc_setup_complete_ctx._reserved");

/*
 * What the codelets of hook rrc_setup_request are given.
 * A UE wants a connection.
 */
struct rrc_setup_request_ctx {
    uint64_t data; /* RrcMessage, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct rrc_setup_request_ctx) == 40, "size of struct rrc_setup_request_ctx");
_Static_assert(offsetof(struct rrc_setup_request_ctx, time_ns) == 24, "offset of struct rrc_setup_request_ctx.time_ns");
_Static_assert(offsetof(struct rrc_setup_request_ctx, sfn) == 32, "offset of struct rrc_setup_request_ctx.sfn");
_Static_assert(offsetof(struct rrc_setup_request_ctx, slot) == 34, "offset of struct rrc_setup_request_ctx.slot");
_Static_assert(offsetof(struct rrc_setup_request_ctx, cell) == 36, "offset of struct rrc_setup_request_ctx.cell");
_Static_assert(offsetof(struct rrc_setup_request_ctx, _reserved) == 38, "offset of struct rrc_setup_request_ctx._reserved");

/* A slice before a slot is planned. */
typedef struct SliceState {
    uint16_t slice;
    uint16_t ues;
    uint16_t available_prbs;
    uint16_t prbs_before;
    uint32_t backlog_bytes;
} SliceState;
_Static_assert(sizeof(SliceState) == 12, "size of SliceState");
_Static_assert(offsetof(SliceState, slice) == 0, "offset of SliceState.slice");
_Static_assert(offsetof(SliceState, ues) == 2, "offset of SliceState.ues");
_Static_assert(offsetof(SliceState, available_prbs) == 4, "offset of SliceState.available_prbs");
_Static_assert(offsetof(SliceState, prbs_before) == 6, "offset of SliceState.prbs_before");
_Static_assert(offsetof(SliceState, backlog_bytes) == 8, "offset of SliceState.backlog_bytes");

/*
 * What the codelets of hook slice_allocated are given.
 * A slice got its resource blocks: `prbs_before` is what it uses now.
 */
struct slice_allocated_ctx {
    uint64_t data; /* SliceState, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct slice_allocated_ctx) == 40, "size of struct slice_allocated_ctx");
_Static_assert(offsetof(struct slice_allocated_ctx, time_ns) == 24, "offset of struct slice_allocated_ctx.time_ns");
_Static_assert(offsetof(struct slice_allocated_ctx, sfn) == 32, "offset of struct slice_allocated_ctx.sfn");
_Static_assert(offsetof(struct slice_allocated_ctx, slot) == 34, "offset of struct slice_allocated_ctx.slot");
_Static_assert(offsetof(struct slice_allocated_ctx, cell) == 36, "offset of struct slice_allocated_ctx.cell");
_Static_assert(offsetof(struct slice_allocated_ctx, _reserved) == 38, "offset of struct slice_allocated_ctx._reserved");

/* The configuration of a slice. */
typedef struct SliceConfig {
    uint16_t slice;
    uint16_t min_prbs;
    uint16_t max_prbs;
    uint16_t priority;
} SliceConfig;
_Static_assert(sizeof(SliceConfig) == 8, "size of SliceConfig");
_Static_assert(offsetof(SliceConfig, slice) == 0, "offset of SliceConfig.slice");
_Static_assert(offsetof(SliceConfig, min_prbs) == 2, "offset of SliceConfig.min_prbs");
_Static_assert(offsetof(SliceConfig, max_prbs) == 4, "offset of SliceConfig.max_prbs");
_Static_assert(offsetof(SliceConfig, priority) == 6, "offset of SliceConfig.priority");

/*
 * What the codelets of hook slice_configured are given.
 * A slice is configured.
 */
struct slice_configured_ctx {
    uint64_t data; /* SliceConfig, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct slice_configured_ctx) == 40, "size of struct slice_configured_ctx");
_Static_assert(offsetof(struct slice_configured_ctx, time_ns) == 24, "offset of struct slice_configured_ctx.time_ns");
_Static_assert(offsetof(struct slice_configured_ctx, sfn) == 32, "offset of struct slice_configured_ctx.sfn");
_Static_assert(offsetof(struct slice_configured_ctx, slot) == 34, "offset of struct slice_configured_ctx.slot");
_Static_assert(offsetof(struct slice_configured_ctx, cell) == 36, "offset of struct slice_configured_ctx.cell");
_Static_assert(offsetof(struct slice_configured_ctx, _reserved) == 38, "offset of struct slice_configured_ctx._reserved");

/*
 * What the codelets of hook slice_prb_quota are given.
 * How many resource blocks a slice may use in this slot. Without a codelet, all slices get the
 * same.
 */
struct slice_prb_quota_ctx {
    uint64_t data; /* SliceState, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct slice_prb_quota_ctx) == 40, "size of struct slice_prb_quota_ctx");
_Static_assert(offsetof(struct slice_prb_quota_ctx, time_ns) == 24, "offset of struct slice_prb_quota_ctx.time_ns");
_Static_assert(offsetof(struct slice_prb_quota_ctx, sfn) == 32, "offset of struct slice_prb_quota_ctx.sfn");
_Static_assert(offsetof(struct slice_prb_quota_ctx, slot) == 34, "offset of struct slice_prb_quota_ctx.slot");
_Static_assert(offsetof(struct slice_prb_quota_ctx, cell) == 36, "offset of struct slice_prb_quota_ctx.cell");
_Static_assert(offsetof(struct slice_prb_quota_ctx, _reserved) == 38, "offset of struct slice_prb_quota_ctx._reserved");

/* A UE's slice. */
typedef struct SliceMember {
    uint16_t rnti;
    uint16_t slice;
} SliceMember;
_Static_assert(sizeof(SliceMember) == 4, "size of SliceMember");
_Static_assert(offsetof(SliceMember, rnti) == 0, "offset of SliceMember.rnti");
_Static_assert(offsetof(SliceMember, slice) == 2, "offset of SliceMember.slice");

/*
 * What the codelets of hook slice_ue_assigned are given.
 * A UE is put into a slice.
 */
struct slice_ue_assigned_ctx {
    uint64_t data; /* SliceMember, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct slice_ue_assigned_ctx) == 40, "size of struct slice_ue_assigned_ctx");
_Static_assert(offsetof(struct slice_ue_assigned_ctx, time_ns) == 24, "offset of struct slice_ue_assigned_ctx.time_ns");
_Static_assert(offsetof(struct slice_ue_assigned_ctx, sfn) == 32, "offset of struct slice_ue_assigned_ctx.sfn");
_Static_assert(offsetof(struct slice_ue_assigned_ctx, slot) == 34, "offset of struct slice_ue_assigned_ctx.slot");
_Static_assert(offsetof(struct slice_ue_assigned_ctx, cell) == 36, "offset of struct slice_ue_assigned_ctx.cell");
_Static_assert(offsetof(struct slice_ue_assigned_ctx, _reserved) == 38, "offset of struct slice_ue_assigned_ctx._reserved");

/* The station's state of a UE. */
typedef struct UeState {
    uint16_t rnti;
    uint8_t slice;
    uint8_t bearers;
    uint32_t ue_id;
    uint64_t created_ns;
} UeState;
_Static_assert(sizeof(UeState) == 16, "size of UeState");
_Static_assert(offsetof(UeState, rnti) == 0, "offset of UeState.rnti");
_Static_assert(offsetof(UeState, slice) == 2, "offset of UeState.slice");
_Static_assert(offsetof(UeState, bearers) == 3, "offset of UeState.bearers");
_Static_assert(offsetof(UeState, ue_id) == 4, "offset of UeState.ue_id");
_Static_assert(offsetof(UeState, created_ns) == 8, "offset of UeState.created_ns");

/*
 * What the codelets of hook ue_bearer_added are given.
 * A bearer is added to a UE's context.
 */
struct ue_bearer_added_ctx {
    uint64_t data; /* UeState, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct ue_bearer_added_ctx) == 40, "size of struct ue_bearer_added_ctx");
_Static_assert(offsetof(struct ue_bearer_added_ctx, time_ns) == 24, "offset of struct ue_bearer_added_ctx.time_ns");
_Static_assert(offsetof(struct ue_bearer_added_ctx, sfn) == 32, "offset of struct ue_bearer_added_ctx.sfn");
_Static_assert(offsetof(struct ue_bearer_added_ctx, slot) == 34, "offset of struct ue_bearer_added_ctx.slot");
_Static_assert(offsetof(struct ue_bearer_added_ctx, cell) == 36, "offset of struct ue_bearer_added_ctx.cell");
_Static_assert(offsetof(struct ue_bearer_added_ctx, _reserved) == 38, "offset of struct ue_bearer_added_ctx._reserved");

/*
 * What the codelets of hook ue_context_created are given.
 * A UE's context is made.
 */
struct ue_context_created_ctx {
    uint64_t data; /* UeState, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct ue_context_created_ctx) == 40, "size of struct ue_context_created_ctx");
_Static_assert(offsetof(struct ue_context_created_ctx, time_ns) == 24, "offset of struct ue_context_created_ctx.time_ns");
_Static_assert(offsetof(struct ue_context_created_ctx, sfn) == 32, "offset of struct ue_context_created_ctx.sfn");
_Static_assert(offsetof(struct ue_context_created_ctx, slot) == 34, "offset of struct ue_context_created_ctx.slot");
_Static_assert(offsetof(struct ue_context_created_ctx, cell) == 36, "offset of struct ue_context_created_ctx.cell");
_Static_assert(offsetof(struct ue_context_created_ctx, _reserved) == 38, "offset of struct ue_context_created_ctx._reserved");

/*
 * What the codelets of hook ue_context_removed are given.
 * A UE's context goes.
 */
struct ue_context_removed_ctx {
    uint64_t data; /* UeState, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct ue_context_removed_ctx) == 40, "size of struct ue_context_removed_ctx");
_Static_assert(offsetof(struct ue_context_removed_ctx, time_ns) == 24, "offset of struct ue_context_removed_ctx.time_ns");
_Static_assert(offsetof(struct ue_context_removed_ctx, sfn) == 32, "offset of struct ue_context_removed_ctx.sfn");
_Static_assert(offsetof(struct ue_context_removed_ctx, slot) == 34, "offset of struct ue_context_removed_ctx.slot");
_Static_assert(offsetof(struct ue_context_removed_ctx, cell) == 36, "offset of struct ue_context_removed_ctx.cell");
_Static_assert(offsetof(struct ue_context_removed_ctx, _reserved) == 38, "offset of struct ue_context_removed_ctx._reserved");

/*
 * What the codelets of hook ue_context_updated are given.
 * A UE's context changes.
 */
struct ue_context_updated_ctx {
    uint64_t data; /* UeState, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct ue_context_updated_ctx) == 40, "size of struct ue_context_updated_ctx");
_Static_assert(offsetof(struct ue_context_updated_ctx, time_ns) == 24, "offset of struct ue_context_updated_ctx.time_ns");
_Static_assert(offsetof(struct ue_context_updated_ctx, sfn) == 32, "offset of struct ue_context_updated_ctx.sfn");
_Static_assert(offsetof(struct ue_context_updated_ctx, slot) == 34, "offset of struct ue_context_updated_ctx.slot");
_Static_assert(offsetof(struct ue_context_updated_ctx, cell) == 36, "offset of struct ue_context_updated_ctx.cell");
_Static_assert(offsetof(struct ue_context_updated_ctx, _reserved) == 38, "offset of struct ue_context_updated_ctx._reserved");

/* The header of a packet of the C-plane or U-plane. */
typedef struct XranPacket {
    uint16_t eaxc_id;
    uint16_t sequence_id;
    uint16_t section_id;
    uint16_t prb_start;
    uint16_t prb_count;
    uint16_t bytes;
} XranPacket;
_Static_assert(sizeof(XranPacket) == 12, "size of XranPacket");
_Static_assert(offsetof(XranPacket, eaxc_id) == 0, "offset of XranPacket.eaxc_id");
_Static_assert(offsetof(XranPacket, sequence_id) == 2, "offset of XranPacket.sequence_id");
_Static_assert(offsetof(XranPacket, section_id) == 4, "offset of XranPacket.section_id");
_Static_assert(offsetof(XranPacket, prb_start) == 6, "offset of XranPacket.prb_start");
_Static_assert(offsetof(XranPacket, prb_count) == 8, "offset of XranPacket.prb_count");
_Static_assert(offsetof(XranPacket, bytes) == 10, "offset of XranPacket.bytes");

/*
 * What the codelets of hook xran_cplane_sent are given.
 * A C-plane packet is sent: which resources the radio unit is to send or receive.
 */
struct xran_cplane_sent_ctx {
    uint64_t data; /* XranPacket, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint8_t symbol;
    uint8_t antenna;
};
_Static_assert(sizeof(struct xran_cplane_sent_ctx) == 40, "size of struct xran_cplane_sent_ctx");
_Static_assert(offsetof(struct xran_cplane_sent_ctx, time_ns) == 24, "offset of struct xran_cplane_sent_ctx.time_ns");
_Static_assert(offsetof(struct xran_cplane_sent_ctx, sfn) == 32, "offset of struct xran_cplane_sent_ctx.sfn");
_Static_assert(offsetof(struct xran_cplane_sent_ctx, slot) == 34, "offset of struct xran_cplane_sent_ctx.slot");
_Static_assert(offsetof(struct xran_cplane_sent_ctx, cell) == 36, "offset of struct xran_cplane_sent_ctx.cell");
_Static_assert(offsetof(struct xran_cplane_sent_ctx, symbol) == 38, "offset of struct xran_cplane_sent_ctx.symbol");
_Static_assert(offsetof(struct xran_cplane_sent_ctx, antenna) == 39, "offset of struct xran_cplane_sent_ctx.antenna");

/*
 * What the codelets of hook xran_packet_late are given.
 * A packet arrived after its reception window.
 */
struct xran_packet_late_ctx {
    uint64_t data; /* XranPacket, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint8_t symbol;
    uint8_t antenna;
};
_Static_assert(sizeof(struct xran_packet_late_ctx) == 40, "size of struct xran_packet_late_ctx");
_Static_assert(offsetof(struct xran_packet_late_ctx, time_ns) == 24, "offset of struct xran_packet_late_ctx.time_ns");
_Static_assert(offsetof(struct xran_packet_late_ctx, sfn) == 32, "offset of struct xran_packet_late_ctx.sfn");
_Static_assert(offsetof(struct xran_packet_late_ctx, slot) == 34, "offset of struct xran_packet_late_ctx.slot");
_Static_assert(offsetof(struct xran_packet_late_ctx, cell) == 36, "offset of struct xran_packet_late_ctx.cell");
_Static_assert(offsetof(struct xran_packet_late_ctx, symbol) == 38, "offset of struct xran_packet_late_ctx.symbol");
_Static_assert(offsetof(struct xran_packet_late_ctx, antenna) == 39, "offset of struct xran_packet_late_ctx.antenna");

/*
 * What the codelets of hook xran_prach_received are given.
 * A packet with samples of random access arrives.
 */
struct xran_prach_received_ctx {
    uint64_t data; /* XranPacket, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint8_t symbol;
    uint8_t antenna;
};
_Static_assert(sizeof(struct xran_prach_received_ctx) == 40, "size of struct xran_prach_received_ctx");
_Static_assert(offsetof(struct xran_prach_received_ctx, time_ns) == 24, "offset of struct xran_prach_received_ctx.time_ns");
_Static_assert(offsetof(struct xran_prach_received_ctx, sfn) == 32, "offset of struct xran_prach_received_ctx.sfn");
_Static_assert(offsetof(struct xran_prach_received_ctx, slot) == 34, "offset of struct xran_prach_received_ctx.slot");
_Static_assert(offsetof(struct xran_prach_received_ctx, cell) == 36, "offset of struct xran_prach_received_ctx.cell");
_Static_assert(offsetof(struct xran_prach_received_ctx, symbol) == 38, "offset of struct xran_prach_received_ctx.symbol");
_Static_assert(offsetof(struct xran_prach_received_ctx, antenna) == 39, "offset of struct xran_prach_received_ctx.antenna");

/* The synchronisation with a radio unit. */
typedef struct XranSync {
    int32_t offset_ns;
    uint32_t locked;
} XranSync;
_Static_assert(sizeof(XranSync) == 8, "size of XranSync");
_Static_assert(offsetof(XranSync, offset_ns) == 0, "offset of XranSync.offset_ns");
_Static_assert(offsetof(XranSync, locked) == 4, "offset of XranSync.locked");

/*
 * What the codelets of hook xran_symbol are given.
 * A symbol begins.
 */
struct xran_symbol_ctx {
    uint64_t data; /* XranSync, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct xran_symbol_ctx) == 40, "size of struct xran_symbol_ctx");
_Static_assert(offsetof(struct xran_symbol_ctx, time_ns) == 24, "offset of struct xran_symbol_ctx.time_ns");
_Static_assert(offsetof(struct xran_symbol_ctx, sfn) == 32, "offset of struct xran_symbol_ctx.sfn");
_Static_assert(offsetof(struct xran_symbol_ctx, slot) == 34, "offset of struct xran_symbol_ctx.slot");
_Static_assert(offsetof(struct xran_symbol_ctx, cell) == 36, "offset of struct xran_symbol_ctx.cell");
_Static_assert(offsetof(struct xran_symbol_ctx, _reserved) == 38, "offset of struct xran_symbol_ctx._reserved");

/*
 * What the codelets of hook xran_synchronised are given.
 * The clock of a radio unit was compared.
 */
struct xran_synchronised_ctx {
    uint64_t data; /* XranSync, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint16_t _reserved;
};
_Static_assert(sizeof(struct xran_synchronised_ctx) == 40, "size of struct xran_synchronised_ctx");
_Static_assert(offsetof(struct xran_synchronised_ctx, time_ns) == 24, "offset of struct xran_synchronised_ctx.time_ns");
_Static_assert(offsetof(struct xran_synchronised_ctx, sfn) == 32, "offset of struct xran_synchronised_ctx.sfn");
_Static_assert(offsetof(struct xran_synchronised_ctx, slot) == 34, "offset of struct xran_synchronised_ctx.slot");
_Static_assert(offsetof(struct xran_synchronised_ctx, cell) == 36, "offset of struct xran_synchronised_ctx.cell");
_Static_assert(offsetof(struct xran_synchronised_ctx, _reserved) == 38, "offset of struct xran_synchronised_ctx._reserved");

/*
 * What the codelets of hook xran_uplane_received are given.
 * A U-plane packet arrives: samples of the uplink.
 */
struct xran_uplane_received_ctx {
    uint64_t data; /* XranPacket, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint8_t symbol;
    uint8_t antenna;
};
_Static_assert(sizeof(struct xran_uplane_received_ctx) == 40, "size of struct xran_uplane_received_ctx");
_Static_assert(offsetof(struct xran_uplane_received_ctx, time_ns) == 24, "offset of struct xran_uplane_received_ctx.time_ns");
_Static_assert(offsetof(struct xran_uplane_received_ctx, sfn) == 32, "offset of struct xran_uplane_received_ctx.sfn");
_Static_assert(offsetof(struct xran_uplane_received_ctx, slot) == 34, "offset of struct xran_uplane_received_ctx.slot");
_Static_assert(offsetof(struct xran_uplane_received_ctx, cell) == 36, "offset of struct xran_uplane_received_ctx.cell");
_Static_assert(offsetof(struct xran_uplane_received_ctx, symbol) == 38, "offset of struct xran_uplane_received_ctx.symbol");
_Static_assert(offsetof(struct xran_uplane_received_ctx, antenna) == 39, "offset of struct xran_uplane_received_ctx.antenna");

/*
 * What the codelets of hook xran_uplane_sent are given.
 * A U-plane packet is sent: samples of the downlink.
 */
struct xran_uplane_sent_ctx {
    uint64_t data; /* XranPacket, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t time_ns;
    uint16_t sfn;
    uint16_t slot;
    uint16_t cell;
    uint8_t symbol;
    uint8_t antenna;
};
_Static_assert(sizeof(struct xran_uplane_sent_ctx) == 40, "size of struct xran_uplane_sent_ctx");
_Static_assert(offsetof(struct xran_uplane_sent_ctx, time_ns) == 24, "offset of struct xran_uplane_sent_ctx.time_ns");
_Static_assert(offsetof(struct xran_uplane_sent_ctx, sfn) == 32, "offset of struct xran_uplane_sent_ctx.sfn");
_Static_assert(offsetof(struct xran_uplane_sent_ctx, slot) == 34, "offset of struct xran_uplane_sent_ctx.slot");
_Static_assert(offsetof(struct xran_uplane_sent_ctx, cell) == 36, "offset of struct xran_uplane_sent_ctx.cell");
_Static_assert(offsetof(struct xran_uplane_sent_ctx, symbol) == 38, "offset of struct xran_uplane_sent_ctx.symbol");
_Static_assert(offsetof(struct xran_uplane_sent_ctx, antenna) == 39, "offset of struct xran_uplane_sent_ctx.antenna");

/* Counts of `ue_throughput` for a UE, in one direction. */
typedef struct UeTraffic {
    uint64_t grants;
    uint64_t prbs;
    uint64_t bytes;
    uint64_t first_ns;
    uint64_t last_ns;
} UeTraffic;
_Static_assert(sizeof(UeTraffic) == 40, "size of UeTraffic");
_Static_assert(offsetof(UeTraffic, grants) == 0, "offset of UeTraffic.grants");
_Static_assert(offsetof(UeTraffic, prbs) == 8, "offset of UeTraffic.prbs");
_Static_assert(offsetof(UeTraffic, bytes) == 16, "offset of UeTraffic.bytes");
_Static_assert(offsetof(UeTraffic, first_ns) == 24, "offset of UeTraffic.first_ns");
_Static_assert(offsetof(UeTraffic, last_ns) == 32, "offset of UeTraffic.last_ns");

/* Counts of `prb_use` for a cell, in one direction. */
typedef struct PrbUse {
    uint64_t requests;
    uint64_t pdus;
    uint64_t prbs;
    uint64_t most_prbs;
    uint64_t tenths[11];
} PrbUse;
_Static_assert(sizeof(PrbUse) == 120, "size of PrbUse");
_Static_assert(offsetof(PrbUse, requests) == 0, "offset of PrbUse.requests");
_Static_assert(offsetof(PrbUse, pdus) == 8, "offset of PrbUse.pdus");
_Static_assert(offsetof(PrbUse, prbs) == 16, "offset of PrbUse.prbs");
_Static_assert(offsetof(PrbUse, most_prbs) == 24, "offset of PrbUse.most_prbs");
_Static_assert(offsetof(PrbUse, tenths) == 32, "offset of PrbUse.tenths");

/* Counts of `harq_stats` for a UE. */
typedef struct HarqCounts {
    uint64_t ack;
    uint64_t nack;
    uint64_t dtx;
    uint64_t retransmissions;
} HarqCounts;
_Static_assert(sizeof(HarqCounts) == 32, "size of HarqCounts");
_Static_assert(offsetof(HarqCounts, ack) == 0, "offset of HarqCounts.ack");
_Static_assert(offsetof(HarqCounts, nack) == 8, "offset of HarqCounts.nack");
_Static_assert(offsetof(HarqCounts, dtx) == 16, "offset of HarqCounts.dtx");
_Static_assert(offsetof(HarqCounts, retransmissions) == 24, "offset of HarqCounts.retransmissions");

/* Counts of `bsr_stats` for a logical channel group. */
typedef struct BufferReports {
    uint64_t reports;
    uint64_t empty;
    uint64_t bytes;
    uint64_t most_bytes;
} BufferReports;
_Static_assert(sizeof(BufferReports) == 32, "size of BufferReports");
_Static_assert(offsetof(BufferReports, reports) == 0, "offset of BufferReports.reports");
_Static_assert(offsetof(BufferReports, empty) == 8, "offset of BufferReports.empty");
_Static_assert(offsetof(BufferReports, bytes) == 16, "offset of BufferReports.bytes");
_Static_assert(offsetof(BufferReports, most_bytes) == 24, "offset of BufferReports.most_bytes");

/* Counts of `crc_stats` for a cell. */
typedef struct CrcCounts {
    uint64_t passed;
    uint64_t failed;
    int64_t snr_sum;
} CrcCounts;
_Static_assert(sizeof(CrcCounts) == 24, "size of CrcCounts");
_Static_assert(offsetof(CrcCounts, passed) == 0, "offset of CrcCounts.passed");
_Static_assert(offsetof(CrcCounts, failed) == 8, "offset of CrcCounts.failed");
_Static_assert(offsetof(CrcCounts, snr_sum) == 16, "offset of CrcCounts.snr_sum");

/* Counts of `xran_packets` for an antenna port and a kind of packets. */
typedef struct PacketCounts {
    uint64_t packets;
    uint64_t bytes;
} PacketCounts;
_Static_assert(sizeof(PacketCounts) == 16, "size of PacketCounts");
_Static_assert(offsetof(PacketCounts, packets) == 0, "offset of PacketCounts.packets");
_Static_assert(offsetof(PacketCounts, bytes) == 8, "offset of PacketCounts.bytes");

/* Counts of `xran_gaps` for an antenna port. */
typedef struct Gaps {
    uint64_t packets;
    uint64_t last_ns;
    uint64_t longest_ns;
    uint64_t bins[24];
} Gaps;
_Static_assert(sizeof(Gaps) == 216, "size of Gaps");
_Static_assert(offsetof(Gaps, packets) == 0, "offset of Gaps.packets");
_Static_assert(offsetof(Gaps, last_ns) == 8, "offset of Gaps.last_ns");
_Static_assert(offsetof(Gaps, longest_ns) == 16, "offset of Gaps.longest_ns");
_Static_assert(offsetof(Gaps, bins) == 24, "offset of Gaps.bins");

/* Counts of `rlc_delay` for a mode. */
typedef struct Delays {
    uint64_t sdus;
    uint64_t total_ns;
    uint64_t longest_ns;
    uint64_t bins[24];
} Delays;
_Static_assert(sizeof(Delays) == 216, "size of Delays");
_Static_assert(offsetof(Delays, sdus) == 0, "offset of Delays.sdus");
_Static_assert(offsetof(Delays, total_ns) == 8, "offset of Delays.total_ns");
_Static_assert(offsetof(Delays, longest_ns) == 16, "offset of Delays.longest_ns");
_Static_assert(offsetof(Delays, bins) == 24, "offset of Delays.bins");

/* A bearer of a UE. */
typedef struct Bearer {
    uint16_t rnti;
    uint16_t bearer;
} Bearer;
_Static_assert(sizeof(Bearer) == 4, "size of Bearer");
_Static_assert(offsetof(Bearer, rnti) == 0, "offset of Bearer.rnti");
_Static_assert(offsetof(Bearer, bearer) == 2, "offset of Bearer.bearer");

/* Counts of `pdcp_volume` for a bearer. */
typedef struct Volume {
    uint64_t sdus;
    uint64_t bytes;
} Volume;
_Static_assert(sizeof(Volume) == 16, "size of Volume");
_Static_assert(offsetof(Volume, sdus) == 0, "offset of Volume.sdus");
_Static_assert(offsetof(Volume, bytes) == 8, "offset of Volume.bytes");

/* The setting of `slice_policy`: the weight of each slice. */
typedef struct SliceWeights {
    uint32_t weights[4];
} SliceWeights;
_Static_assert(sizeof(SliceWeights) == 16, "size of SliceWeights");
_Static_assert(offsetof(SliceWeights, weights) == 0, "offset of SliceWeights.weights");

/* Counts of `slice_policy` for a slice. */
typedef struct SliceUse {
    uint64_t asked;
    uint64_t prbs;
    uint64_t satisfied;
} SliceUse;
_Static_assert(sizeof(SliceUse) == 24, "size of SliceUse");
_Static_assert(offsetof(SliceUse, asked) == 0, "offset of SliceUse.asked");
_Static_assert(offsetof(SliceUse, prbs) == 8, "offset of SliceUse.prbs");
_Static_assert(offsetof(SliceUse, satisfied) == 16, "offset of SliceUse.satisfied");

/*
 * The record that `cell_report` sends for each cell, every 160 slots: the downlink since its last
 * report.
 */
typedef struct CellReport {
    uint16_t cell;
    uint16_t sfn;
    uint32_t dl_ues;
    uint64_t requests;
    uint64_t prbs;
} CellReport;
_Static_assert(sizeof(CellReport) == 24, "size of CellReport");
_Static_assert(offsetof(CellReport, cell) == 0, "offset of CellReport.cell");
_Static_assert(offsetof(CellReport, sfn) == 2, "offset of CellReport.sfn");
_Static_assert(offsetof(CellReport, dl_ues) == 4, "offset of CellReport.dl_ues");
_Static_assert(offsetof(CellReport, requests) == 8, "offset of CellReport.requests");
_Static_assert(offsetof(CellReport, prbs) == 16, "offset of CellReport.prbs");

/* The record that `sessions` sends for each UE that leaves. */
typedef struct Session {
    uint32_t ue_id;
    uint16_t rnti;
    uint8_t slice;
    uint8_t bearers;
    uint64_t lasted_ns;
} Session;
_Static_assert(sizeof(Session) == 16, "size of Session");
_Static_assert(offsetof(Session, ue_id) == 0, "offset of Session.ue_id");
_Static_assert(offsetof(Session, rnti) == 4, "offset of Session.rnti");
_Static_assert(offsetof(Session, slice) == 6, "offset of Session.slice");
_Static_assert(offsetof(Session, bearers) == 7, "offset of Session.bearers");
_Static_assert(offsetof(Session, lasted_ns) == 8, "offset of Session.lasted_ns");

#endif
