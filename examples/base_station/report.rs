//! The report that is printed.

use std::time::Duration;

use jbpf::stats::Statistics;

use super::hooks::slice::SLICES;
use super::hooks::{CARRIER_PRBS, CELLS};
use super::totals::{PACKET_KINDS, PORTS, TIME_BINS, Totals, packet_key};
use super::traffic::Layer;

const TOP_UES: usize = 5;

/// The calls of a turn, by layer.
pub fn print_calls(calls: &[u64; Layer::NAMES.len()], seconds: f64) {
    println!(
        "\n  {:<22} {:>10} {:>12}",
        "Calls of hooks", "calls", "a second"
    );
    let all = calls.iter().sum();
    for (name, count) in Layer::NAMES.into_iter().zip(*calls).chain([("all", all)]) {
        println!(
            "    {name:<20} {count:>10} {:>12.0}",
            count as f64 / seconds
        );
    }
}

impl Totals {
    /// Prints the findings of the codelets, as an operator would like to see them.
    pub fn print(&self, seconds: f64) {
        self.print_cells();
        self.print_ues(seconds);
        self.print_slices();
        self.print_buffers();
        self.print_packets(seconds);
        print_times(
            "Gaps between U-plane packets, by xran_gaps",
            self.gaps.values().map(|gaps| &gaps.bins),
            self.gaps.values().map(|gaps| gaps.longest_ns).max(),
        );
        print_times(
            "Delay of RLC SDUs, by rlc_delay",
            self.delays.values().map(|delays| &delays.bins),
            self.delays.values().map(|delays| delays.longest_ns).max(),
        );
        self.print_volumes();
        self.print_records();
    }

    fn print_cells(&self) {
        println!(
            "\n  {:<22} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "PRBs, by prb_use", "requests", "PDUs", "PRBs", "mean use", "most"
        );
        for (direction, table) in [("downlink", &self.prb_down), ("uplink", &self.prb_up)] {
            for (cell, prb) in table {
                let room = prb.requests * u64::from(CARRIER_PRBS);
                println!(
                    "    cell {cell}, {direction:<11} {:>10} {:>9} {:>9} {:>8.1}% {:>9}",
                    prb.requests,
                    prb.pdus,
                    prb.prbs,
                    percent(prb.prbs, room),
                    prb.most_prbs
                );
            }
        }
        println!(
            "\n  {:<22} {:>9} {:>9} {:>9} {:>9}",
            "CRCs, by crc_stats", "passed", "failed", "BLER", "SNR dB"
        );
        for (cell, crc) in &self.crc {
            let all = crc.passed + crc.failed;
            println!(
                "    cell {cell:<15} {:>9} {:>9} {:>8.1}% {:>9.1}",
                crc.passed,
                crc.failed,
                percent(crc.failed, all),
                crc.snr_sum as f64 / 10.0 / all.max(1) as f64
            );
        }
    }

    fn print_ues(&self, seconds: f64) {
        let mut ues: Vec<_> = self.ue_down.iter().collect();
        ues.sort_by_key(|(rnti, traffic)| (u64::MAX - traffic.bytes, **rnti));
        println!(
            "\n  {:<22} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "UEs, by ue_throughput", "DL Mbit/s", "DL PRBs", "UL Mbit/s", "NACK+DTX", "HARQ"
        );
        let mbit = |bytes: u64| bytes as f64 * 8e-6 / seconds;
        for (rnti, down) in ues.iter().take(TOP_UES) {
            let up = self.ue_up.get(rnti).copied().unwrap_or_default();
            let harq = self.harq.get(rnti).copied().unwrap_or_default();
            let lost = harq.nack + harq.dtx;
            println!(
                "    RNTI 0x{rnti:04x}          {:>9.2} {:>9} {:>9.2} {:>8.1}% {:>9}",
                mbit(down.bytes),
                down.prbs,
                mbit(up.bytes),
                percent(lost, harq.ack + lost),
                harq.ack + lost
            );
        }
        let (mut down, mut prbs, mut up) = (0, 0, 0);
        for traffic in self.ue_down.values() {
            down += traffic.bytes;
            prbs += traffic.prbs;
        }
        for traffic in self.ue_up.values() {
            up += traffic.bytes;
        }
        let (mut lost, mut all) = (0, 0);
        for harq in self.harq.values() {
            lost += harq.nack + harq.dtx;
            all += harq.ack + harq.nack + harq.dtx;
        }
        println!(
            "    {:<19} {:>9.2} {:>9} {:>9.2} {:>8.1}% {:>9}",
            format!("all {}", self.ue_down.len()),
            mbit(down),
            prbs,
            mbit(up),
            percent(lost, all),
            all
        );
    }

    fn print_slices(&self) {
        println!(
            "\n  {:<22} {:>9} {:>9} {:>9} {:>9}",
            "Slices, by slice_policy", "asked", "PRBs", "share", "satisfied"
        );
        let all = self.slices.values().map(|slice| slice.prbs).sum();
        for slice in 0..u32::from(SLICES) {
            let counts = self.slices.get(&slice).copied().unwrap_or_default();
            println!(
                "    slice {slice:<13} {:>9} {:>9} {:>8.1}% {:>8.1}%",
                counts.asked,
                counts.prbs,
                percent(counts.prbs, all),
                percent(counts.satisfied, counts.asked)
            );
        }
    }

    fn print_buffers(&self) {
        println!(
            "\n  {:<22} {:>9} {:>9} {:>11} {:>9}",
            "Buffers, by bsr_stats", "reports", "empty", "mean bytes", "most"
        );
        for (group, counts) in &self.buffers {
            println!(
                "    LCG {group:<15} {:>9} {:>9} {:>11} {:>9}",
                counts.reports,
                counts.empty,
                counts.bytes / counts.reports.max(1),
                counts.most_bytes
            );
        }
    }

    fn print_packets(&self, seconds: f64) {
        println!(
            "\n  {:<22} {:>9} {:>9} {:>9}",
            "xRAN, by xran_packets", "packets", "MB", "Gbit/s"
        );
        let ports_a_cell = PORTS / u32::from(CELLS);
        for (kind, name) in PACKET_KINDS.into_iter().enumerate() {
            for cell in 0..u32::from(CELLS) {
                let ports = cell * ports_a_cell..(cell + 1) * ports_a_cell;
                let (mut packets, mut bytes) = (0, 0);
                for port in ports {
                    let counts = self.packets.get(&packet_key(kind, port));
                    let counts = counts.copied().unwrap_or_default();
                    packets += counts.packets;
                    bytes += counts.bytes;
                }
                println!(
                    "    {:<24} {packets:>7} {:>9.1} {:>9.3}",
                    format!("cell {cell}, {name}"),
                    bytes as f64 / 1e6,
                    bytes as f64 * 8e-9 / seconds
                );
            }
        }
    }

    fn print_volumes(&self) {
        println!(
            "\n  {:<22} {:>9} {:>9} {:>11}",
            "Bearers, by pdcp_volume", "bearers", "SDUs", "bytes"
        );
        for (bearer, name) in [(1, "data"), (2, "speech")] {
            let of = self
                .volumes
                .iter()
                .filter(|(key, _)| key.bearer == bearer)
                .map(|(_, volume)| (1_u64, volume.sdus, volume.bytes));
            let (bearers, sdus, bytes) = of.fold((0, 0, 0), |sum, more| {
                (sum.0 + more.0, sum.1 + more.1, sum.2 + more.2)
            });
            println!("    {name:<19} {bearers:>9} {sdus:>9} {bytes:>11}");
        }
    }

    fn print_records(&self) {
        println!(
            "\n  {:<22} {:>9} {:>9} {:>9}",
            "Reports, by cell_report", "reports", "requests", "PRBs"
        );
        for (cell, sum) in &self.reports {
            println!(
                "    cell {cell:<14} {:>9} {:>9} {:>9}",
                sum.reports, sum.requests, sum.prbs
            );
        }
        if self.sessions.is_empty() {
            return;
        }
        println!(
            "\n  {:<22} {:>9} {:>9} {:>9}",
            "Departures, by sessions", "UEs", "bearers", "mean ms"
        );
        for (slice, sum) in &self.sessions {
            println!(
                "    slice {slice:<13} {:>9} {:>9} {:>9}",
                sum.sessions,
                sum.bearers,
                sum.lasted_ns / sum.sessions.max(1) / 1_000_000
            );
        }
    }
}

/// A histogram.
fn print_times<'a>(
    title: &str,
    all: impl Iterator<Item = &'a [u64; TIME_BINS]>,
    longest_ns: Option<u64>,
) {
    let mut sums = [0; TIME_BINS];
    for bins in all {
        for (sum, count) in sums.iter_mut().zip(bins) {
            *sum += count;
        }
    }
    println!(
        "\n  {title}; the longest: {:.1} us",
        longest_ns.unwrap_or(0) as f64 / 1000.0
    );
    let most = sums.iter().copied().max().unwrap_or(0).max(1);
    for (bin, count) in sums.into_iter().enumerate().filter(|(_, count)| *count > 0) {
        let from = (1_u64 << bin) as f64 / 1000.0;
        let bar = "#".repeat((count * 40).div_ceil(most) as usize);
        println!("    from {:<14} {count:>9}  {bar}", format!("{from:.1} us"));
    }
}

/// The processor time of the turns, in pairs: without codelets and with them.
pub fn print_shares(turns: &[(Duration, Option<Duration>)], seconds: f64, clock: &str) {
    let share = |busy: Duration| 100.0 * busy.as_secs_f64() / seconds;
    println!("\n  Share of a core, by the {clock} of the five threads");
    println!(
        "    {:<19} {:>12} {:>12} {:>12}",
        "", "without", "with", "codelets"
    );
    let print = |name: &str, without: Duration, with: Option<Duration>| {
        let Some(with) = with else {
            return println!("    {name:<19} {:>11.2}%", share(without));
        };
        println!(
            "    {name:<19} {:>11.2}% {:>11.2}% {:>11.2}%",
            share(without),
            share(with),
            share(with) - share(without)
        );
    };
    for (number, (without, with)) in (1..).zip(turns) {
        print(&format!("turn {number}"), *without, *with);
    }
    // Whatever else the machine does makes turns longer, never shorter.
    let without = turns.iter().map(|turn| turn.0).min().unwrap_or_default();
    let with = turns.iter().filter_map(|turn| turn.1).min();
    print("the least of each", without, with);
}

/// Prints the measurements of each codelet. The median stands for all calls: a call during
/// which its thread lost the processor takes a thousand times as long.
pub fn print_measured(statistics: &Statistics, seconds: f64) {
    println!("\n  Codelets, as the runtime measures them in a turn of its own: median x calls");
    println!(
        "    {:<22} {:<22} {:>9} {:>9} {:>8} {:>9}",
        "", "hook", "calls", "median ns", "99% ns", "of a core"
    );
    let mut all = 0.0;
    for hook in &statistics.hooks {
        for codelet in &hook.codelets {
            let Some(measured) = &codelet.measured else {
                continue;
            };
            let quantile = |of| measured.times.quantile_ns(of).unwrap_or(0);
            let median = quantile(0.5);
            let share = 100.0 * median as f64 * measured.calls as f64 * 1e-9 / seconds;
            all += share;
            println!(
                "    {:<22} {:<22} {:>9} {median:>9} {:>8} {share:>8.2}%",
                codelet.codelet,
                hook.hook,
                measured.calls,
                quantile(0.99),
            );
        }
    }
    println!(
        "    {:<22} {:<22} {:>9} {:>9} {:>8} {all:>8.2}%",
        "all", "", "", "", ""
    );
}

fn percent(part: u64, all: u64) -> f64 {
    100.0 * part as f64 / all.max(1) as f64
}
