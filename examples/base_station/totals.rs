//! Everything that is counted: by the codelets in their maps, and by the traffic model itself.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Debug;

use jbpf::map::{MapKey, MapValue};
use jbpf::{Codeletset, jbpf_data};

/// Bins of histograms of times: the logarithm of the nanoseconds, to base 2.
pub const TIME_BINS: usize = 24;

/// Counts of `ue_throughput` for a UE, in one direction.
#[jbpf_data]
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct UeTraffic {
    pub grants: u64,
    pub prbs: u64,
    pub bytes: u64,
    pub first_ns: u64,
    pub last_ns: u64,
}

/// Counts of `prb_use` for a cell, in one direction.
#[jbpf_data]
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct PrbUse {
    pub requests: u64,
    pub pdus: u64,
    pub prbs: u64,
    pub most_prbs: u64,
    /// Requests by how full they are, in tenths of the carrier.
    pub tenths: [u64; 11],
}

/// Counts of `harq_stats` for a UE.
#[jbpf_data]
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct HarqCounts {
    pub ack: u64,
    pub nack: u64,
    pub dtx: u64,
    pub retransmissions: u64,
}

/// Counts of `bsr_stats` for a logical channel group.
#[jbpf_data]
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct BufferReports {
    pub reports: u64,
    pub empty: u64,
    pub bytes: u64,
    pub most_bytes: u64,
}

/// Counts of `crc_stats` for a cell.
#[jbpf_data]
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct CrcCounts {
    pub passed: u64,
    pub failed: u64,
    /// The sum over all blocks, in tenths of a decibel.
    pub snr_sum: i64,
}

/// Counts of `xran_packets` for an antenna port and a kind of packets.
#[jbpf_data]
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct PacketCounts {
    pub packets: u64,
    pub bytes: u64,
}

/// Counts of `xran_gaps` for an antenna port.
#[jbpf_data]
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Gaps {
    pub packets: u64,
    pub last_ns: u64,
    pub longest_ns: u64,
    pub bins: [u64; TIME_BINS],
}

/// Counts of `rlc_delay` for a mode.
#[jbpf_data]
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Delays {
    pub sdus: u64,
    pub total_ns: u64,
    pub longest_ns: u64,
    pub bins: [u64; TIME_BINS],
}

/// A bearer of a UE.
#[jbpf_data]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Bearer {
    pub rnti: u16,
    pub bearer: u16,
}

/// Counts of `pdcp_volume` for a bearer.
#[jbpf_data]
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Volume {
    pub sdus: u64,
    pub bytes: u64,
}

/// The setting of `slice_policy`: the weight of each slice.
#[jbpf_data]
#[derive(Clone, Copy, Debug)]
pub struct SliceWeights {
    pub weights: [u32; 4],
}

/// Counts of `slice_policy` for a slice.
#[jbpf_data]
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct SliceUse {
    pub asked: u64,
    pub prbs: u64,
    /// How often the slice needed less than its share.
    pub satisfied: u64,
}

/// The record that `cell_report` sends for each cell, every 160 slots: the downlink since its last
/// report.
#[jbpf_data]
pub struct CellReport {
    pub cell: u16,
    pub sfn: u16,
    pub dl_ues: u32,
    pub requests: u64,
    pub prbs: u64,
}

/// The record that `sessions` sends for each UE that leaves.
#[jbpf_data]
pub struct Session {
    pub ue_id: u32,
    pub rnti: u16,
    pub slice: u8,
    pub bearers: u8,
    pub lasted_ns: u64,
}

/// Slots between the reports of a cell.
pub const REPORT_SLOTS: u64 = 160;

/// The sum of a cell's reports.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct ReportSum {
    pub reports: u64,
    pub requests: u64,
    pub prbs: u64,
}

/// The sum of the sessions of a slice.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct SessionSum {
    pub sessions: u64,
    pub bearers: u64,
    pub lasted_ns: u64,
}

impl UeTraffic {
    pub fn add(&mut self, prbs: u16, bytes: u32, now_ns: u64) {
        if self.grants == 0 {
            self.first_ns = now_ns;
        }
        self.grants += 1;
        self.prbs += u64::from(prbs);
        self.bytes += u64::from(bytes);
        self.last_ns = now_ns;
    }
}

impl PrbUse {
    pub fn add(&mut self, pdus: u64, prbs: u64, carrier: u16) {
        self.requests += 1;
        self.pdus += pdus;
        self.prbs += prbs;
        self.most_prbs = self.most_prbs.max(prbs);
        let tenth = (prbs * 10 / u64::from(carrier)) as usize;
        if let Some(count) = self.tenths.get_mut(tenth.min(10)) {
            *count += 1;
        }
    }
}

impl Gaps {
    pub fn add(&mut self, now_ns: u64) {
        if self.packets > 0 {
            let gap = now_ns - self.last_ns;
            self.longest_ns = self.longest_ns.max(gap);
            count_time(&mut self.bins, gap);
        }
        self.packets += 1;
        self.last_ns = now_ns;
    }
}

impl Delays {
    pub fn add(&mut self, delay_ns: u64) {
        self.sdus += 1;
        self.total_ns += delay_ns;
        self.longest_ns = self.longest_ns.max(delay_ns);
        count_time(&mut self.bins, delay_ns);
    }
}

fn count_time(bins: &mut [u64; TIME_BINS], ns: u64) {
    let bin = (ns.checked_ilog2().unwrap_or(0) as usize).min(TIME_BINS - 1);
    if let Some(count) = bins.get_mut(bin) {
        *count += 1;
    }
}

/// A table of counts, by UE, cell, antenna port, ...
pub type Table<K, V> = BTreeMap<K, V>;

/// All tables.
#[derive(Default)]
pub struct Totals {
    pub ue_down: Table<u32, UeTraffic>,
    pub ue_up: Table<u32, UeTraffic>,
    pub prb_down: Table<u32, PrbUse>,
    pub prb_up: Table<u32, PrbUse>,
    pub harq: Table<u32, HarqCounts>,
    pub buffers: Table<u32, BufferReports>,
    pub crc: Table<u32, CrcCounts>,
    /// By kind and antenna port: see [`packet_key`].
    pub packets: Table<u32, PacketCounts>,
    pub gaps: Table<u32, Gaps>,
    pub delays: Table<u32, Delays>,
    pub volumes: Table<Bearer, Volume>,
    pub slices: Table<u32, SliceUse>,
    pub reports: Table<u32, ReportSum>,
    pub sessions: Table<u32, SessionSum>,
    /// Quotas that were not what the policy says.
    pub wrong_quotas: u64,
    /// Records that found their channel full.
    pub lost: u64,
}

/// Kinds of packets that are counted by `xran_packets`.
pub const PACKET_KINDS: [&str; 3] = ["C-plane sent", "U-plane sent", "U-plane received"];
/// Antenna ports of all cells.
pub const PORTS: u32 = 8;

/// The key under which `xran_packets` counts a packet.
pub fn packet_key(kind: usize, port: u32) -> u32 {
    kind as u32 * PORTS + port
}

impl Totals {
    /// Takes what the codelets hold in their maps.
    pub fn read(&mut self, set: &Codeletset) -> Result<(), Box<dyn Error>> {
        self.ue_down = used(set, "ue_throughput_down/ue_traffic")?;
        self.ue_up = used(set, "ue_throughput_up/ue_traffic")?;
        self.prb_down = used(set, "prb_use_down/prb_use")?;
        self.prb_up = used(set, "prb_use_up/prb_use")?;
        self.harq = used(set, "harq")?;
        self.buffers = used(set, "buffers")?;
        self.crc = used(set, "crc")?;
        self.gaps = used(set, "gaps")?;
        self.delays = used(set, "delays")?;
        self.volumes = used(set, "volumes")?;
        self.slices = used(set, "slice_use")?;
        // Each thread counts packets in a copy of its own; three codelets share the map.
        let packets = set.map::<u32, PacketCounts>("packets")?;
        for key in 0..packet_key(PACKET_KINDS.len(), 0) {
            let mut all = PacketCounts::default();
            for (_, of_thread) in packets.get_each(&key)? {
                all.packets += of_thread.packets;
                all.bytes += of_thread.bytes;
            }
            if all.packets > 0 {
                self.packets.insert(key, all);
            }
        }
        Ok(())
    }

    pub fn add_report(&mut self, report: &CellReport) {
        let sum = self.reports.entry(report.cell.into()).or_default();
        sum.reports += 1;
        sum.requests += report.requests;
        sum.prbs += report.prbs;
    }

    pub fn add_session(&mut self, session: &Session) {
        let sum = self.sessions.entry(session.slice.into()).or_default();
        sum.sessions += 1;
        sum.bearers += u64::from(session.bearers);
        sum.lasted_ns += session.lasted_ns;
    }

    /// Adds what another thread counted. Threads share no table.
    pub fn extend(&mut self, other: Self) {
        self.ue_down.extend(other.ue_down);
        self.ue_up.extend(other.ue_up);
        self.prb_down.extend(other.prb_down);
        self.prb_up.extend(other.prb_up);
        self.harq.extend(other.harq);
        self.buffers.extend(other.buffers);
        self.crc.extend(other.crc);
        self.packets.extend(other.packets);
        self.gaps.extend(other.gaps);
        self.delays.extend(other.delays);
        self.volumes.extend(other.volumes);
        self.slices.extend(other.slices);
        self.reports.extend(other.reports);
        self.sessions.extend(other.sessions);
        self.wrong_quotas += other.wrong_quotas;
    }

    /// Compares what was counted here with what the codelets report.
    pub fn differences(&self, reported: &Self) -> Vec<String> {
        let mut found = Vec::new();
        compare(
            "ue_throughput_down",
            &self.ue_down,
            &reported.ue_down,
            &mut found,
        );
        compare("ue_throughput_up", &self.ue_up, &reported.ue_up, &mut found);
        compare(
            "prb_use_down",
            &self.prb_down,
            &reported.prb_down,
            &mut found,
        );
        compare("prb_use_up", &self.prb_up, &reported.prb_up, &mut found);
        compare("harq_stats", &self.harq, &reported.harq, &mut found);
        compare("bsr_stats", &self.buffers, &reported.buffers, &mut found);
        compare("crc_stats", &self.crc, &reported.crc, &mut found);
        compare("xran_packets", &self.packets, &reported.packets, &mut found);
        compare("xran_gaps", &self.gaps, &reported.gaps, &mut found);
        compare("rlc_delay", &self.delays, &reported.delays, &mut found);
        compare("pdcp_volume", &self.volumes, &reported.volumes, &mut found);
        compare("slice_policy", &self.slices, &reported.slices, &mut found);
        compare("cell_report", &self.reports, &reported.reports, &mut found);
        compare("sessions", &self.sessions, &reported.sessions, &mut found);
        if self.wrong_quotas > 0 {
            found.push(format!("slice_policy: {} wrong quotas", self.wrong_quotas));
        }
        if reported.lost > 0 {
            found.push(format!("channels: {} records lost", reported.lost));
        }
        found
    }
}

/// The entries of a map that are not zero: arrays have all.
fn used<K: MapKey + Ord, V: MapValue + Default + PartialEq>(
    set: &Codeletset,
    name: &str,
) -> Result<Table<K, V>, Box<dyn Error>> {
    let entries = set.map::<K, V>(name)?.iter()?;
    Ok(entries
        .filter(|(_, value)| *value != V::default())
        .collect())
}

fn compare<K: Ord + Debug, V: PartialEq + Debug>(
    codelet: &str,
    counted: &Table<K, V>,
    reported: &Table<K, V>,
    found: &mut Vec<String>,
) {
    for (key, value) in counted {
        match reported.get(key) {
            Some(theirs) if theirs == value => {}
            Some(theirs) => found.push(format!(
                "{codelet} {key:?}: {theirs:?} reported, {value:?} counted"
            )),
            None => found.push(format!(
                "{codelet} {key:?}: nothing reported, {value:?} counted"
            )),
        }
    }
    for key in reported.keys().filter(|key| !counted.contains_key(key)) {
        found.push(format!("{codelet} {key:?}: reported, never seen"));
    }
}
