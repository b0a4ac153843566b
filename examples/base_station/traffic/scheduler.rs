//! The scheduler's thread: who is granted which resource blocks of each slot.

use super::super::hooks::fapi::*;
use super::super::hooks::mac::*;
use super::super::hooks::slice::*;
use super::super::hooks::{ANTENNAS, CARRIER_PRBS, CELLS, SYMBOLS, SlotTime};
use super::super::totals::{CellReport, REPORT_SLOTS};
use super::{Direction, Layer, Stay, Worker, fire};

/// How the slices share the carrier, which `slice_policy` is told.
pub const SLICE_WEIGHTS: [u32; 4] = [5, 3, 2, 0];
/// The bytes that a resource block carries, as far as the policy knows.
const POLICY_BYTES_A_PRB: u32 = 64;
const HARQ_PROCESSES: u64 = 16;

#[derive(Default)]
pub struct Memory {
    /// By cell.
    loads: [CellLoad; CELLS as usize],
}

#[derive(Clone, Copy, Default)]
struct CellLoad {
    dl_prbs: u16,
    ul_prbs: u16,
    dl_ues: u16,
    ul_ues: u16,
    by_slice: [u16; SLICES as usize],
    /// The counts of the downlink, at the last report.
    reported_requests: u64,
    reported_prbs: u64,
}

impl CellLoad {
    fn shown(&self) -> SlotLoad {
        SlotLoad {
            dl_prbs: self.dl_prbs,
            ul_prbs: self.ul_prbs,
            dl_ues: self.dl_ues,
            ul_ues: self.ul_ues,
        }
    }
}

/// The quota of a slice: its share by weight, or what it needs if that is less. The second value
/// tells which. The codelet `slice_policy` computes the same.
fn quota(state: &SliceState) -> (u16, bool) {
    let weight = SLICE_WEIGHTS.get(usize::from(state.slice)).copied();
    let all: u32 = SLICE_WEIGHTS.iter().sum();
    let share = u32::from(state.available_prbs) * weight.unwrap_or(0) / all;
    let need = state.backlog_bytes / POLICY_BYTES_A_PRB + 1;
    (share.min(need) as u16, need < share)
}

impl Worker<'_> {
    /// Plans a slot.
    pub(super) fn schedule(&mut self, at: SlotTime) {
        if at.number == 0 {
            self.start_cell(at);
        }
        self.update_members(at);
        let cell = usize::from(at.cell);
        let mut load = self.scheduler.loads.get(cell).copied().unwrap_or_default();

        let config = cell_config(at);
        fire!(
            self,
            Fapi,
            fapi_slot_indication(FapiCellContext::new(&config, at))
        );
        fire!(
            self,
            Mac,
            mac_slot_begin(MacSlotContext::new(&load.shown(), at))
        );
        (load.dl_prbs, load.dl_ues) = match Direction::of(at.number) {
            Direction::Up => (0, 0),
            Direction::Down | Direction::Special => self.grant_down(at, &mut load.by_slice),
        };
        (load.ul_prbs, load.ul_ues) = match Direction::of(at.number) {
            Direction::Special => self.grant_up(at),
            Direction::Down | Direction::Up => (0, 0),
        };
        if (at.number + 1).is_multiple_of(REPORT_SLOTS) {
            self.count_report(at, &mut load);
        }
        fire!(
            self,
            Mac,
            mac_slot_end(MacSlotContext::new(&load.shown(), at))
        );
        if self.random.one_in(5000) {
            let error = PhyError {
                message_id: 0x80,
                error_code: 5,
            };
            fire!(
                self,
                Fapi,
                fapi_error_indication(FapiErrorContext::new(&error, at))
            );
        }
        if at.number + 1 == self.slots {
            fire!(
                self,
                Fapi,
                fapi_stop_request(FapiCellContext::new(&config, at))
            );
        }
        if let Some(kept) = self.scheduler.loads.get_mut(cell) {
            *kept = load;
        }
    }

    fn start_cell(&mut self, at: SlotTime) {
        let config = cell_config(at);
        fire!(
            self,
            Fapi,
            fapi_config_request(FapiCellContext::new(&config, at))
        );
        fire!(
            self,
            Fapi,
            fapi_start_request(FapiCellContext::new(&config, at))
        );
        for slice in 0..u16::from(SLICES) {
            let config = SliceConfig {
                slice,
                min_prbs: 1,
                max_prbs: CARRIER_PRBS,
                priority: slice,
            };
            fire!(
                self,
                Slice,
                slice_configured(SliceConfigContext::new(&config, at))
            );
        }
    }

    fn update_members(&mut self, at: SlotTime) {
        for stay in self.arrived(at) {
            let member = SliceMember {
                rnti: stay.rnti,
                slice: stay.slice.into(),
            };
            fire!(
                self,
                Mac,
                mac_ue_added(MacUeContext::new(&mac_ue(stay), at))
            );
            fire!(
                self,
                Slice,
                slice_ue_assigned(SliceMemberContext::new(&member, at))
            );
        }
        for stay in self.left(at) {
            fire!(
                self,
                Mac,
                mac_ue_removed(MacUeContext::new(&mac_ue(stay), at))
            );
        }
    }

    /// The downlink's grants, slice by slice: how many resource blocks, and how many UEs.
    fn grant_down(&mut self, at: SlotTime, by_slice: &mut [u16; SLICES as usize]) -> (u16, u16) {
        let scheduled = self.scheduled_down(at);
        let mut pdus = Vec::with_capacity(scheduled.len());
        let mut data = Vec::with_capacity(scheduled.len());
        let mut next_prb = 0;
        for (slice, used) in (0..SLICES).zip(by_slice) {
            let ues: Vec<_> = scheduled.iter().filter(|ue| ue.slice == slice).collect();
            let mut state = SliceState {
                slice: slice.into(),
                ues: ues.len() as u16,
                available_prbs: CARRIER_PRBS,
                prbs_before: *used,
                backlog_bytes: ues.len() as u32 * (200 + self.random.below(6000) as u32),
            };
            *used = 0;
            if ues.is_empty() {
                continue;
            }
            let each = (self.ask_quota(&state, at) / state.ues).max(1);
            for ue in ues {
                let rb_size = each.min(CARRIER_PRBS - next_prb);
                let pdu = self.grant(ue, next_prb, rb_size);
                let traffic = self.counted.ue_down.entry(ue.rnti.into()).or_default();
                traffic.add(rb_size, pdu.tb_bytes, at.ns());
                let grant = grant_of(&pdu, ue);
                fire!(
                    self,
                    Mac,
                    mac_dl_scheduled(MacGrantContext::new(&grant, at))
                );
                self.fill(ue, &pdu, at);
                data.push(DataPdu {
                    rnti: ue.rnti,
                    pdu_index: pdus.len() as u16,
                    bytes: pdu.tb_bytes,
                });
                pdus.push(pdu);
                next_prb += rb_size;
                *used += rb_size;
            }
            state.prbs_before = *used;
            fire!(
                self,
                Slice,
                slice_allocated(SliceStateContext::new(&state, at))
            );
        }
        let cell = self.counted.prb_down.entry(at.cell.into()).or_default();
        cell.add(pdus.len() as u64, next_prb.into(), CARRIER_PRBS);
        fire!(
            self,
            Fapi,
            fapi_dl_tti_request(FapiTtiContext::new(&pdus, at))
        );
        if !data.is_empty() {
            fire!(
                self,
                Fapi,
                fapi_tx_data_request(FapiDataContext::new(&data, at))
            );
        }
        (next_prb, pdus.len() as u16)
    }

    fn ask_quota(&mut self, state: &SliceState, at: SlotTime) -> u16 {
        let mut given = CARRIER_PRBS / u16::from(SLICES);
        fire!(
            self,
            Slice,
            given = slice_prb_quota(SliceStateContext::new(state, at)) as u16
        );
        let (expected, satisfied) = quota(state);
        self.counted.wrong_quotas += u64::from(given != expected);
        let counts = self.counted.slices.entry(state.slice.into()).or_default();
        counts.asked += 1;
        counts.prbs += u64::from(expected);
        counts.satisfied += u64::from(satisfied);
        given.min(CARRIER_PRBS)
    }

    /// The uplink's grants of the slot that follows.
    fn grant_up(&mut self, at: SlotTime) -> (u16, u16) {
        let scheduled = self.roster.scheduled(at, self.load.ul_grants);
        let each = CARRIER_PRBS / (scheduled.len() as u16 + 2);
        let mut pdus = Vec::with_capacity(scheduled.len());
        let mut next_prb = 0;
        for ue in scheduled {
            let pdu = self.grant(ue, next_prb, each);
            let traffic = self.counted.ue_up.entry(ue.rnti.into()).or_default();
            traffic.add(each, pdu.tb_bytes, at.ns());
            let grant = grant_of(&pdu, ue);
            fire!(
                self,
                Mac,
                mac_ul_scheduled(MacGrantContext::new(&grant, at))
            );
            pdus.push(pdu);
            next_prb += each;
        }
        let cell = self.counted.prb_up.entry(at.cell.into()).or_default();
        cell.add(pdus.len() as u64, next_prb.into(), CARRIER_PRBS);
        fire!(
            self,
            Fapi,
            fapi_ul_tti_request(FapiTtiContext::new(&pdus, at))
        );
        if !pdus.is_empty() {
            fire!(
                self,
                Fapi,
                fapi_ul_dci_request(FapiTtiContext::new(&pdus, at))
            );
        }
        (next_prb, pdus.len() as u16)
    }

    fn grant(&mut self, ue: &Stay, rb_start: u16, rb_size: u16) -> TtiPdu {
        let mcs = 4 + self.random.below(24) as u8;
        TtiPdu {
            rnti: ue.rnti,
            harq_process: self.random.below(HARQ_PROCESSES) as u8,
            mcs,
            rb_start,
            rb_size,
            // About 144 resource elements a block, and a fifth of a bit for each step of the MCS.
            tb_bytes: u32::from(rb_size) * u32::from(mcs) * 18 / 5,
            redundancy_version: if self.random.one_in(12) { 2 } else { 0 },
            layers: 1 + self.random.below(4) as u8,
            symbol_start: 1,
            symbols: SYMBOLS - 1,
        }
    }

    /// Fills a transport block.
    fn fill(&mut self, ue: &Stay, pdu: &TtiPdu, at: SlotTime) {
        for part in 0..2 {
            let sdu = MacSdu {
                rnti: ue.rnti,
                lcid: 4 + part,
                subheader_bytes: 3,
                bytes: pdu.tb_bytes / 2,
            };
            fire!(self, Mac, mac_dl_sdu(MacSduContext::new(&sdu, at)));
        }
        if self.random.one_in(64) {
            let state = DrxState {
                rnti: ue.rnti,
                cycle_ms: 40,
                active: self.random.below(2) as u8,
            };
            fire!(self, Mac, mac_drx(MacDrxContext::new(&state, at)));
        }
        if self.random.one_in(32) {
            let command = TimingAdvance {
                rnti: ue.rnti,
                command: 31,
            };
            fire!(
                self,
                Mac,
                mac_timing_advance(MacTimingContext::new(&command, at))
            );
        }
    }

    /// Counts the record that `cell_report` is to send at the end of this slot.
    fn count_report(&mut self, at: SlotTime, load: &mut CellLoad) {
        let downlink = self.counted.prb_down.get(&at.cell.into());
        let downlink = downlink.copied().unwrap_or_default();
        let report = CellReport {
            cell: at.cell,
            sfn: at.sfn(),
            dl_ues: load.dl_ues.into(),
            requests: downlink.requests - load.reported_requests,
            prbs: downlink.prbs - load.reported_prbs,
        };
        load.reported_requests = downlink.requests;
        load.reported_prbs = downlink.prbs;
        self.counted.add_report(&report);
    }
}

fn cell_config(at: SlotTime) -> CellConfig {
    CellConfig {
        physical_cell_id: 100 + at.cell,
        carrier_prbs: CARRIER_PRBS,
        numerology: 1,
        tdd_period_slots: 5,
        tx_antennas: ANTENNAS,
        rx_antennas: ANTENNAS,
        frequency_khz: 3_500_000,
    }
}

fn mac_ue(stay: &Stay) -> MacUe {
    MacUe {
        rnti: stay.rnti,
        slice: stay.slice,
        bearers: stay.bearers,
    }
}

fn grant_of(pdu: &TtiPdu, ue: &Stay) -> Grant {
    Grant {
        rnti: pdu.rnti,
        harq_process: pdu.harq_process,
        mcs: pdu.mcs,
        rb_start: pdu.rb_start,
        rb_size: pdu.rb_size,
        tb_bytes: pdu.tb_bytes,
        slice: ue.slice,
        new_data: u8::from(pdu.redundancy_version == 0),
        retransmission: u8::from(pdu.redundancy_version != 0),
        layers: pdu.layers,
    }
}
