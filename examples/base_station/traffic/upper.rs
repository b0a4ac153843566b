//! The upper layers' thread: RLC and PDCP of each bearer, RRC, and the UEs' contexts.

use super::super::hooks::pdcp::*;
use super::super::hooks::rlc::*;
use super::super::hooks::rrc::*;
use super::super::hooks::ue::*;
use super::super::hooks::{SLOT_NS, SlotTime};
use super::super::totals::{Bearer, Session};
use super::{Direction, Layer, Stay, Worker, fire};

const SN_BITS: u8 = 18;
const UM: u8 = 1;
const AM: u8 = 2;
/// One of so many UEs reports what it measures, when its turn comes.
const MEASUREMENTS: u64 = 12;

#[derive(Default)]
pub struct Memory {
    /// Counts the packets of all bearers, for their sequence numbers.
    count: u32,
}

/// The second bearer of a UE is for speech, which nobody repeats.
fn mode(bearer: u8) -> u8 {
    if bearer == 1 { AM } else { UM }
}

impl Worker<'_> {
    /// A slot of the upper layers.
    pub(super) fn carry(&mut self, at: SlotTime) {
        for stay in self.left(at) {
            self.release(stay, at);
        }
        for stay in self.arrived(at) {
            self.connect(stay, at);
        }
        match Direction::of(at.number) {
            Direction::Down | Direction::Special => {
                for ue in self.scheduled_down(at) {
                    for _ in 0..self.load.packets_a_grant {
                        self.send(ue, at);
                    }
                }
            }
            Direction::Up => {
                for ue in self.roster.scheduled(at, self.load.ul_grants) {
                    for _ in 0..self.load.packets_a_grant {
                        self.take(ue, at);
                    }
                }
            }
        }
        self.measure(at);
    }

    /// A UE connects.
    fn connect(&mut self, stay: &Stay, at: SlotTime) {
        let mut message = RrcMessage {
            rnti: stay.rnti,
            transaction: 0,
            cause: self.random.below(8) as u8,
            bytes: 6,
        };
        fire!(
            self,
            Rrc,
            rrc_setup_request(RrcMessageContext::new(&message, at))
        );
        message.bytes = 220;
        fire!(self, Rrc, rrc_setup(RrcMessageContext::new(&message, at)));
        message.bytes = 80;
        fire!(
            self,
            Rrc,
            rrc_setup_complete(RrcMessageContext::new(&message, at))
        );
        let ue = ue_state(stay);
        fire!(self, Ue, ue_context_created(UeStateContext::new(&ue, at)));
        message.transaction = 1;
        fire!(
            self,
            Rrc,
            rrc_security_mode(RrcMessageContext::new(&message, at))
        );
        for bearer in 1..=stay.bearers {
            let rlc = rlc_entity(stay, bearer);
            let pdcp = pdcp_entity(stay, bearer);
            fire!(
                self,
                Rlc,
                rlc_entity_created(RlcEntityContext::new(&rlc, at))
            );
            fire!(
                self,
                Pdcp,
                pdcp_entity_created(PdcpEntityContext::new(&pdcp, at))
            );
            fire!(self, Ue, ue_bearer_added(UeStateContext::new(&ue, at)));
        }
        message.transaction = 2;
        fire!(
            self,
            Rrc,
            rrc_reconfiguration(RrcMessageContext::new(&message, at))
        );
    }

    /// A UE leaves.
    fn release(&mut self, stay: &Stay, at: SlotTime) {
        let message = RrcMessage {
            rnti: stay.rnti,
            transaction: 3,
            cause: 0,
            bytes: 12,
        };
        fire!(self, Rrc, rrc_release(RrcMessageContext::new(&message, at)));
        for bearer in 1..=stay.bearers {
            let rlc = rlc_entity(stay, bearer);
            let pdcp = pdcp_entity(stay, bearer);
            fire!(
                self,
                Rlc,
                rlc_entity_released(RlcEntityContext::new(&rlc, at))
            );
            fire!(
                self,
                Pdcp,
                pdcp_entity_released(PdcpEntityContext::new(&pdcp, at))
            );
        }
        let ue = ue_state(stay);
        self.counted.add_session(&Session {
            ue_id: ue.ue_id,
            rnti: ue.rnti,
            slice: ue.slice,
            bearers: ue.bearers,
            lasted_ns: at.ns() - ue.created_ns,
        });
        fire!(self, Ue, ue_context_removed(UeStateContext::new(&ue, at)));
    }

    /// A packet to a UE.
    fn send(&mut self, ue: &Stay, at: SlotTime) {
        let bearer = 1 + self.random.below(ue.bearers.into()) as u8;
        let packet = self.packet(ue, bearer);
        let volume = self.counted.volumes.entry(Bearer {
            rnti: ue.rnti,
            bearer: bearer.into(),
        });
        let volume = volume.or_default();
        volume.sdus += 1;
        volume.bytes += u64::from(packet.bytes);
        fire!(self, Pdcp, pdcp_tx_sdu(PdcpPacketContext::new(&packet, at)));
        fire!(self, Pdcp, pdcp_tx_pdu(PdcpPacketContext::new(&packet, at)));

        let mut sdu = self.sdu(&packet);
        fire!(self, Rlc, rlc_tx_sdu_queued(RlcSduContext::new(&sdu, at)));
        if self.random.one_in(1000) {
            fire!(
                self,
                Rlc,
                rlc_tx_sdu_discarded(RlcSduContext::new(&sdu, at))
            );
            fire!(
                self,
                Pdcp,
                pdcp_tx_discarded(PdcpPacketContext::new(&packet, at))
            );
            return;
        }
        sdu.delay_ns = (20_000 << self.random.below(7)) + self.random.below(20_000);
        fire!(self, Rlc, rlc_tx_sdu_started(RlcSduContext::new(&sdu, at)));
        let mut pdu = pdu_of(&sdu);
        fire!(self, Rlc, rlc_tx_pdu(RlcPduContext::new(&pdu, at)));
        sdu.delay_ns += self.random.below(SLOT_NS);
        let delays = self.counted.delays.entry(sdu.mode.into()).or_default();
        delays.add(sdu.delay_ns);
        fire!(self, Rlc, rlc_tx_sdu_finished(RlcSduContext::new(&sdu, at)));
        let buffer = RlcBuffer {
            rnti: ue.rnti,
            bearer,
            mode: sdu.mode,
            sdus: sdu.queue_bytes / 1000,
            bytes: sdu.queue_bytes,
        };
        fire!(
            self,
            Rlc,
            rlc_buffer_state(RlcBufferContext::new(&buffer, at))
        );
        if sdu.mode != AM {
            return;
        }
        if self.random.one_in(20) {
            pdu.retransmissions = 1;
            fire!(self, Rlc, rlc_tx_pdu_repeated(RlcPduContext::new(&pdu, at)));
        }
        if self.random.one_in(8) {
            let status = RlcStatus {
                rnti: ue.rnti,
                bearer,
                nacks: 0,
                ack_sn: sdu.sn,
            };
            fire!(
                self,
                Rlc,
                rlc_status_received(RlcStatusContext::new(&status, at))
            );
        }
        fire!(
            self,
            Rlc,
            rlc_tx_sdu_acknowledged(RlcSduContext::new(&sdu, at))
        );
        fire!(
            self,
            Pdcp,
            pdcp_tx_delivered(PdcpPacketContext::new(&packet, at))
        );
    }

    /// A packet from a UE.
    fn take(&mut self, ue: &Stay, at: SlotTime) {
        let bearer = 1 + self.random.below(ue.bearers.into()) as u8;
        let packet = self.packet(ue, bearer);
        let sdu = self.sdu(&packet);
        let pdu = pdu_of(&sdu);
        fire!(self, Rlc, rlc_rx_pdu(RlcPduContext::new(&pdu, at)));
        fire!(self, Rlc, rlc_rx_sdu_started(RlcSduContext::new(&sdu, at)));
        fire!(
            self,
            Rlc,
            rlc_rx_sdu_delivered(RlcSduContext::new(&sdu, at))
        );
        if sdu.mode == AM && self.random.one_in(8) {
            let status = RlcStatus {
                rnti: ue.rnti,
                bearer,
                nacks: self.random.below(3) as u8,
                ack_sn: sdu.sn,
            };
            fire!(
                self,
                Rlc,
                rlc_status_sent(RlcStatusContext::new(&status, at))
            );
        }
        fire!(self, Pdcp, pdcp_rx_pdu(PdcpPacketContext::new(&packet, at)));
        if self.random.one_in(50) {
            fire!(
                self,
                Pdcp,
                pdcp_rx_reordered(PdcpPacketContext::new(&packet, at))
            );
        }
        if self.random.one_in(5000) {
            fire!(
                self,
                Pdcp,
                pdcp_integrity_failed(PdcpPacketContext::new(&packet, at))
            );
            return;
        }
        fire!(self, Pdcp, pdcp_rx_sdu(PdcpPacketContext::new(&packet, at)));
    }

    /// Measurement reports, and what they lead to.
    fn measure(&mut self, at: SlotTime) {
        for ue in self.roster.scheduled(at, 1) {
            if !self.random.one_in(MEASUREMENTS) {
                continue;
            }
            let measurement = Measurement {
                rnti: ue.rnti,
                rsrp: -700 - self.random.below(500) as i16,
                rsrq: -60 - self.random.below(100) as i16,
                neighbours: self.random.below(6) as u16,
            };
            fire!(
                self,
                Rrc,
                rrc_measurement_report(RrcMeasurementContext::new(&measurement, at))
            );
            let state = ue_state(ue);
            if self.random.one_in(4) {
                fire!(
                    self,
                    Ue,
                    ue_context_updated(UeStateContext::new(&state, at))
                );
            }
            if self.random.one_in(100) {
                self.reestablish(ue, at);
            }
        }
    }

    fn reestablish(&mut self, ue: &Stay, at: SlotTime) {
        let message = RrcMessage {
            rnti: ue.rnti,
            transaction: 0,
            cause: 2,
            bytes: 6,
        };
        let status = PdcpStatus {
            rnti: ue.rnti,
            bearer: 1,
            gaps: 1,
            first_missing_count: self.upper.count,
        };
        fire!(
            self,
            Rrc,
            rrc_reestablishment(RrcMessageContext::new(&message, at))
        );
        fire!(
            self,
            Pdcp,
            pdcp_status_report(PdcpStatusContext::new(&status, at))
        );
    }

    fn packet(&mut self, ue: &Stay, bearer: u8) -> PdcpPacket {
        self.upper.count = self.upper.count.wrapping_add(1);
        PdcpPacket {
            rnti: ue.rnti,
            bearer,
            sn_bits: SN_BITS,
            count: self.upper.count,
            bytes: match mode(bearer) {
                AM => 60 + self.random.below(1440) as u32,
                _ => 30 + self.random.below(60) as u32,
            },
        }
    }

    fn sdu(&mut self, packet: &PdcpPacket) -> RlcSdu {
        RlcSdu {
            rnti: packet.rnti,
            bearer: packet.bearer,
            mode: mode(packet.bearer),
            sn: packet.count % (1 << SN_BITS),
            bytes: packet.bytes + 3,
            queue_bytes: self.random.below(100_000) as u32,
            delay_ns: 0,
        }
    }
}

fn pdu_of(sdu: &RlcSdu) -> RlcPdu {
    RlcPdu {
        rnti: sdu.rnti,
        bearer: sdu.bearer,
        mode: sdu.mode,
        sn: sdu.sn,
        bytes: sdu.bytes + 2,
        segment_offset: 0,
        retransmissions: 0,
    }
}

fn rlc_entity(stay: &Stay, bearer: u8) -> RlcEntity {
    RlcEntity {
        rnti: stay.rnti,
        bearer,
        mode: mode(bearer),
    }
}

fn pdcp_entity(stay: &Stay, bearer: u8) -> PdcpEntity {
    PdcpEntity {
        rnti: stay.rnti,
        bearer,
        sn_bits: SN_BITS,
        ciphering: 2,
        integrity: 2,
        discard_timer_ms: 100,
    }
}

fn ue_state(stay: &Stay) -> UeState {
    UeState {
        rnti: stay.rnti,
        slice: stay.slice,
        bearers: stay.bearers,
        ue_id: stay.ue_id,
        created_ns: stay.from * SLOT_NS,
    }
}
