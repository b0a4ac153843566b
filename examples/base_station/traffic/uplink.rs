//! The uplink's thread: what the physical layer indicates, and what UEs report.

use super::super::hooks::SlotTime;
use super::super::hooks::fapi::*;
use super::super::hooks::mac::*;
use super::{Direction, Layer, Stay, Worker, fire};

/// Downlink slots whose outcome an uplink slot reports.
const SLOTS_BACK: u64 = 4;
const ACK: u8 = 1;
const NACK: u8 = 0;
const DTX: u8 = 2;

impl Worker<'_> {
    /// The events of an uplink slot.
    pub(super) fn indicate(&mut self, at: SlotTime) {
        for stay in self.arrived(at) {
            self.access(stay, at);
        }
        if Direction::of(at.number) != Direction::Up {
            return;
        }
        let scheduled = self.roster.scheduled(at, self.load.ul_grants);
        self.blocks(&scheduled, at);
        for back in 1..=SLOTS_BACK.min(at.number) {
            let then = SlotTime {
                number: at.number - back,
                cell: at.cell,
            };
            for ue in self.scheduled_down(then) {
                let feedback = self.harq(ue);
                self.count_harq(&feedback);
                fire!(
                    self,
                    Mac,
                    mac_dl_harq_feedback(MacHarqContext::new(&feedback, at))
                );
            }
        }
        for ue in scheduled {
            self.reports(ue, at);
        }
        if at.number % 40 == 39 {
            self.sounding(at);
        }
    }

    /// A UE's random access.
    fn access(&mut self, stay: &Stay, at: SlotTime) {
        let preamble = Preamble {
            preamble_index: self.random.below(64) as u8,
            symbol: 12,
            timing_advance: self.random.below(64) as u16,
            power: -900 - self.random.below(200) as i16,
        };
        let access = RandomAccess {
            temporary_rnti: stay.rnti,
            preamble_index: preamble.preamble_index,
            attempt: 1,
            timing_advance: preamble.timing_advance,
        };
        let preambles = [preamble];
        fire!(
            self,
            Fapi,
            fapi_rach_indication(FapiRachContext::new(&preambles, at))
        );
        fire!(
            self,
            Mac,
            mac_rach_preamble(MacAccessContext::new(&access, at))
        );
        fire!(
            self,
            Mac,
            mac_rach_response(MacAccessContext::new(&access, at))
        );
        fire!(
            self,
            Mac,
            mac_rach_identity(MacAccessContext::new(&access, at))
        );
        fire!(
            self,
            Mac,
            mac_rach_resolved(MacAccessContext::new(&access, at))
        );
    }

    /// The transport blocks and the control information of a slot.
    fn blocks(&mut self, scheduled: &[&Stay], at: SlotTime) {
        let mut data = Vec::with_capacity(scheduled.len());
        let mut crcs = Vec::with_capacity(scheduled.len());
        let mut ucis = Vec::with_capacity(scheduled.len());
        for ue in scheduled {
            let snr = 50 + self.random.below(250) as i16;
            crcs.push(CrcPdu {
                rnti: ue.rnti,
                harq_process: self.random.below(16) as u8,
                passed: u8::from(!self.random.one_in(11)),
                snr,
                timing_advance: 31,
            });
            data.push(DataPdu {
                rnti: ue.rnti,
                pdu_index: data.len() as u16,
                bytes: 100 + self.random.below(2000) as u32,
            });
            ucis.push(UciPdu {
                rnti: ue.rnti,
                pucch_format: 2,
                sr: u8::from(self.random.one_in(8)),
                harq_bits: 4,
                csi_bits: 11,
                snr,
            });
        }
        if scheduled.is_empty() {
            return;
        }
        let counts = self.counted.crc.entry(at.cell.into()).or_default();
        for crc in &crcs {
            counts.passed += u64::from(crc.passed);
            counts.failed += u64::from(1 - crc.passed);
            counts.snr_sum += i64::from(crc.snr);
        }
        fire!(
            self,
            Fapi,
            fapi_crc_indication(FapiCrcContext::new(&crcs, at))
        );
        fire!(
            self,
            Fapi,
            fapi_rx_data_indication(FapiDataContext::new(&data, at))
        );
        fire!(
            self,
            Fapi,
            fapi_uci_indication(FapiUciContext::new(&ucis, at))
        );
    }

    fn harq(&mut self, ue: &Stay) -> HarqFeedback {
        let (outcome, retransmissions) = match self.random.below(100) {
            0..92 => (ACK, self.random.below(50) / 48),
            92..99 => (NACK, 1 + self.random.below(3)),
            _ => (DTX, 0),
        };
        HarqFeedback {
            rnti: ue.rnti,
            harq_process: self.random.below(16) as u8,
            outcome,
            retransmissions: retransmissions as u8,
            _reserved: 0,
        }
    }

    fn count_harq(&mut self, feedback: &HarqFeedback) {
        let counts = self.counted.harq.entry(feedback.rnti.into()).or_default();
        match feedback.outcome {
            ACK => counts.ack += 1,
            NACK => counts.nack += 1,
            _ => counts.dtx += 1,
        }
        counts.retransmissions += u64::from(feedback.retransmissions);
    }

    /// The reports of a scheduled UE.
    fn reports(&mut self, ue: &Stay, at: SlotTime) {
        let result = self.harq(ue);
        fire!(
            self,
            Mac,
            mac_ul_harq_result(MacHarqContext::new(&result, at))
        );
        let groups: Vec<_> = (0..1 + self.random.below(4))
            .map(|group| {
                let level = self.random.below(32) as u8;
                BufferStatus {
                    rnti: ue.rnti,
                    lcg: (group * 2 + self.random.below(2)) as u8,
                    level,
                    bytes: (u32::from(level) * u32::from(level)) * 40,
                }
            })
            .collect();
        for group in &groups {
            let counts = self.counted.buffers.entry(group.lcg.into()).or_default();
            counts.reports += 1;
            counts.empty += u64::from(group.bytes == 0);
            counts.bytes += u64::from(group.bytes);
            counts.most_bytes = counts.most_bytes.max(group.bytes.into());
        }
        fire!(self, Mac, mac_bsr(MacBsrContext::new(&groups, at)));
        for lcid in 4..6 {
            let sdu = MacSdu {
                rnti: ue.rnti,
                lcid,
                subheader_bytes: 3,
                bytes: 40 + self.random.below(1400) as u32,
            };
            fire!(self, Mac, mac_ul_sdu(MacSduContext::new(&sdu, at)));
        }
        let csi = CsiReport {
            rnti: ue.rnti,
            cqi: 4 + self.random.below(12) as u8,
            rank: 1 + self.random.below(4) as u8,
            pmi: self.random.below(16) as u16,
        };
        fire!(self, Mac, mac_csi(MacCsiContext::new(&csi, at)));
        if self.random.one_in(8) {
            let report = PowerHeadroom {
                rnti: ue.rnti,
                headroom_db: self.random.below(40) as i8 - 10,
                p_cmax_dbm: 23,
            };
            fire!(self, Mac, mac_phr(MacPhrContext::new(&report, at)));
        }
        if self.random.one_in(8) {
            let request = SchedulingRequest {
                rnti: ue.rnti,
                resource: self.random.below(32) as u16,
            };
            fire!(self, Mac, mac_sr(MacSrContext::new(&request, at)));
        }
    }

    fn sounding(&mut self, at: SlotTime) {
        let reports: Vec<_> = self
            .roster
            .scheduled(at, 4)
            .into_iter()
            .map(|ue| SrsPdu {
                rnti: ue.rnti,
                timing_advance: 31,
                rb_groups: 17,
                wideband_snr: self.random.below(300) as i16,
            })
            .collect();
        if !reports.is_empty() {
            fire!(
                self,
                Fapi,
                fapi_srs_indication(FapiSrsContext::new(&reports, at))
            );
        }
    }
}
