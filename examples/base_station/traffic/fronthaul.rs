//! The two threads of the fronthaul: packets to the radio units, and from them.

use jbpf::Region;

use super::super::hooks::xran::*;
use super::super::hooks::{ANTENNAS, CARRIER_PRBS, CELLS, SLOT_NS, SYMBOLS, SlotTime};
use super::super::totals::packet_key;
use super::{Direction, Layer, Worker, fire};

/// Slots between comparisons of the clocks.
const SYNC_SLOTS: u64 = 1000;
/// Bytes of the samples of one resource block, compressed to 9 bits.
const BYTES_A_PRB: u16 = 28;
const HEADER_BYTES: u16 = 30;

#[derive(Default)]
pub struct Memory {
    sequence: u16,
}

/// Kinds of packets, as in `PACKET_KINDS`.
#[derive(Clone, Copy)]
enum Kind {
    ControlSent,
    SamplesSent,
    SamplesReceived,
}

fn symbol_ns(symbol: u8) -> u64 {
    SLOT_NS * u64::from(symbol) / u64::from(SYMBOLS)
}

fn context<'a>(
    packet: &'a XranPacket,
    at: SlotTime,
    symbol: u8,
    antenna: u8,
    ns: u64,
) -> XranPacketContext<'a> {
    XranPacketContext {
        packet: Region::new(packet),
        time_ns: at.ns() + ns,
        sfn: at.sfn(),
        slot: at.slot(),
        cell: at.cell,
        symbol,
        antenna,
    }
}

impl Worker<'_> {
    /// The symbols of a slot, which all cells share.
    pub(super) fn symbols(&mut self, number: u64) {
        let at = SlotTime { number, cell: 0 };
        let sync = XranSync {
            offset_ns: self.random.below(200) as i32 - 100,
            locked: 1,
        };
        for _ in 0..SYMBOLS {
            fire!(self, Xran, xran_symbol(XranSyncContext::new(&sync, at)));
        }
        if number.is_multiple_of(SYNC_SLOTS) {
            for cell in 0..CELLS {
                let at = SlotTime { number, cell };
                fire!(
                    self,
                    Xran,
                    xran_synchronised(XranSyncContext::new(&sync, at))
                );
            }
        }
    }

    /// The C-plane of a slot, and the samples of its downlink.
    pub(super) fn transmit(&mut self, at: SlotTime) {
        for antenna in 0..ANTENNAS {
            let packet = self.section(at, antenna, 1, true);
            self.count_packet(Kind::ControlSent, at, antenna, &packet);
            fire!(
                self,
                Xran,
                xran_cplane_sent(context(&packet, at, 0, antenna, 0))
            );
        }
        if Direction::of(at.number) == Direction::Up {
            return;
        }
        for symbol in 0..self.load.dl_symbols {
            for antenna in 0..ANTENNAS {
                for fragment in 0..self.load.fragments {
                    let packet = self.section(at, antenna, self.load.fragments, false);
                    let ns = symbol_ns(symbol) + u64::from(fragment) * 2000;
                    self.count_packet(Kind::SamplesSent, at, antenna, &packet);
                    fire!(
                        self,
                        Xran,
                        xran_uplane_sent(context(&packet, at, symbol, antenna, ns))
                    );
                }
            }
        }
    }

    /// The samples of a slot's uplink.
    pub(super) fn receive(&mut self, at: SlotTime) {
        if Direction::of(at.number) != Direction::Up {
            return;
        }
        for symbol in 0..self.load.ul_symbols {
            for antenna in 0..ANTENNAS {
                for fragment in 0..self.load.fragments {
                    let packet = self.section(at, antenna, self.load.fragments, false);
                    let jitter = self.random.below(1500);
                    let ns = symbol_ns(symbol) + u64::from(fragment) * 2000 + jitter;
                    self.count_packet(Kind::SamplesReceived, at, antenna, &packet);
                    let gaps = self.counted.gaps.entry(port(at, antenna)).or_default();
                    gaps.add(at.ns() + ns);
                    fire!(
                        self,
                        Xran,
                        xran_uplane_received(context(&packet, at, symbol, antenna, ns))
                    );
                    if self.random.one_in(2000) {
                        fire!(
                            self,
                            Xran,
                            xran_packet_late(context(&packet, at, symbol, antenna, ns))
                        );
                    }
                }
            }
        }
        // Random access has an occasion in each frame.
        if at.slot() == 19 {
            for antenna in 0..ANTENNAS {
                let packet = self.section(at, antenna, 1, false);
                let ns = symbol_ns(SYMBOLS - 1) + 10_000;
                fire!(
                    self,
                    Xran,
                    xran_prach_received(context(&packet, at, SYMBOLS - 1, antenna, ns))
                );
            }
        }
    }

    fn section(&mut self, at: SlotTime, antenna: u8, fragments: u16, control: bool) -> XranPacket {
        self.fronthaul.sequence = self.fronthaul.sequence.wrapping_add(1);
        let prb_count = CARRIER_PRBS / fragments;
        let samples = if control { 8 } else { prb_count * BYTES_A_PRB };
        XranPacket {
            eaxc_id: at.cell << 8 | u16::from(antenna),
            sequence_id: self.fronthaul.sequence,
            section_id: self.random.below(16) as u16,
            prb_start: 0,
            prb_count,
            bytes: HEADER_BYTES + samples,
        }
    }

    fn count_packet(&mut self, kind: Kind, at: SlotTime, antenna: u8, packet: &XranPacket) {
        let key = packet_key(kind as usize, port(at, antenna));
        let counts = self.counted.packets.entry(key).or_default();
        counts.packets += 1;
        counts.bytes += u64::from(packet.bytes);
    }
}

/// The antenna port's number in the station.
fn port(at: SlotTime, antenna: u8) -> u32 {
    u32::from(at.cell) * u32::from(ANTENNAS) + u32::from(antenna)
}
