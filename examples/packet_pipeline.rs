//! A packet pipeline that is watched, and steered, by codelets.
//!
//! ```text
//! cargo run --release --example packet_pipeline
//! ```
//!
//! Each port is a thread with a queue. Packets arrive (hook `packet_arrived`), wait, are asked where to go (control
//! hook `route`) and leave (hook `packet_leaves`). Five codelets, in `codelets/packet_pipeline`, measure throughput
//! and gaps per flow, the length of each queue and how long packets wait, and divert packets that have waited
//! for too long.
//!
//! Time is simulated and everything random comes from a seed, so that every run prints the same. The application
//! counts by itself what its codelets count; when the two differ it says so and ends with code 1.

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Parser;
use jbpf::{Codeletset, LoadRequest, Receiver, Runtime, StreamId, jbpf_data, jbpf_hook};

/// Who sends to whom.
#[jbpf_data]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct FlowKey {
    source: u32,
    target: u32,
}

/// A packet, as far as codelets see it.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct Packet {
    flow: FlowKey,
    bytes: u64,
    arrived_ns: u64,
}

/// What `flow_stats` counts of a flow.
#[jbpf_data]
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct FlowStats {
    packets: u64,
    bytes: u64,
    first_ns: u64,
    last_ns: u64,
    shortest_gap_ns: u64,
    longest_gap_ns: u64,
}

/// What `queue_enter` and `queue_leave` count of a queue, together.
#[jbpf_data]
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Queue {
    entered: u64,
    left: u64,
    longest: u64,
}

/// What `divert_late` says of each packet that it diverts.
#[jbpf_data]
pub struct Late {
    flow: FlowKey,
    waited_ns: u64,
}

/// Called for every packet before it is queued.
#[jbpf_hook]
fn packet_arrived(packet: &Packet, port: u32) {}

/// Called for every packet that leaves its queue.
#[jbpf_hook]
fn packet_leaves(packet: &Packet, port: u32, waited_ns: u64) {}

/// Where the packet goes from here: 0, the main lane, or 1, the slow one.
#[jbpf_hook(control)]
fn route(packet: &Packet, waited_ns: u64) -> u64 {
    MAIN_LANE
}

const MAIN_LANE: u64 = 0;

/// As in `load.yaml`.
const LATE_PACKETS: StreamId = StreamId([0xaa; 16]);

/// Bins of the histogram of waiting times: the logarithm of the nanoseconds, to base 2.
const BINS: usize = 32;
/// As many queues as the codelets have room for.
const MAX_PORTS: u32 = 8;
const FLOWS_A_PORT: u32 = 4;
/// Which of a port's flows a packet belongs to: some send more than others.
const SHARES: [u32; 10] = [0, 0, 0, 0, 1, 1, 1, 2, 2, 3];
const NS_PER_BYTE: u64 = 8;

/// A packet pipeline that is watched and steered by codelets.
#[derive(Parser)]
struct Options {
    /// Packets of each port.
    #[arg(long, default_value_t = 100_000)]
    packets: u64,
    /// Ports, each a thread with a queue.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PORTS)))]
    ports: u32,
    /// Where everything random begins.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Packets that wait longer than this are diverted.
    #[arg(long, default_value_t = 200)]
    deadline_us: u64,
    /// Hides every Nth packet from the codelets, to see that the totals are compared.
    #[arg(long)]
    hide: Option<u64>,
    /// The load request.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/codelets/packet_pipeline/load.yaml"))]
    request: PathBuf,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(differences) if differences.is_empty() => {
            println!("\nAll totals are what the application counted itself.");
            ExitCode::SUCCESS
        }
        Ok(differences) => {
            println!("\nThe totals differ from what the application counted itself:");
            for difference in differences {
                println!("  {difference}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<Vec<String>, Box<dyn Error>> {
    let runtime = Runtime::builder().name("packet_pipeline").build()?;
    let set = runtime.load(&LoadRequest::from_yaml_file(&options.request)?)?;
    let late = runtime.output::<Late>(LATE_PACKETS)?;
    let deadline_ns = options.deadline_us * 1000;
    set.map::<u32, u64>("deadline_ns")?.set(&0, &deadline_ns)?;
    println!(
        "{} packets on {} ports, seed {}; {} codelets watch.",
        options.packets * u64::from(options.ports),
        options.ports,
        options.seed,
        set.info().codelets.len()
    );

    let mut reported = Totals::default();
    let counted = simulate(options, &late, &mut reported.late);
    reported.read(&set)?;
    reported.lost = late.dropped();
    runtime.unload(set.id())?;

    reported.print(options);
    Ok(counted.differences(&reported))
}

/// Runs all ports, and meanwhile receives what the codelets send.
fn simulate(options: &Options, late: &Receiver<Late>, late_by_flow: &mut LateByFlow) -> Totals {
    let running = AtomicUsize::new(options.ports as usize);
    std::thread::scope(|scope| {
        let ports: Vec<_> = (0..options.ports)
            .map(|number| {
                let running = &running;
                scope.spawn(move || {
                    let mut port = Port::new(number, options);
                    for count in 1..=options.packets {
                        port.receive(count);
                    }
                    port.drain(u64::MAX);
                    running.fetch_sub(1, Ordering::Release);
                    port.counted
                })
            })
            .collect();
        loop {
            let over = running.load(Ordering::Acquire) == 0;
            for packet in late.try_iter() {
                let of_flow = late_by_flow.entry(packet.flow).or_default();
                of_flow.packets += 1;
                of_flow.longest_ns = of_flow.longest_ns.max(packet.waited_ns);
            }
            if over {
                break;
            }
            std::thread::yield_now();
        }
        let mut counted = Totals::default();
        for port in ports {
            match port.join() {
                Ok(of_port) => counted.add(of_port),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        counted
    })
}

/// One queue, and what feeds and empties it.
struct Port {
    number: u32,
    random: Random,
    hide: Option<u64>,
    now_ns: u64,
    /// When the line is free again.
    free_ns: u64,
    /// With whether codelets see it.
    waiting: VecDeque<(Packet, bool)>,
    deadline_ns: u64,
    counted: Totals,
}

impl Port {
    fn new(number: u32, options: &Options) -> Self {
        let mut counted = Totals::default();
        counted.queues.insert(number, Queue::default());
        Self {
            number,
            random: Random(
                options.seed ^ (u64::from(number) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            ),
            hide: options.hide,
            now_ns: 0,
            free_ns: 0,
            waiting: VecDeque::new(),
            deadline_ns: options.deadline_us * 1000,
            counted,
        }
    }

    /// The next packet: usually the line keeps up; of a thousand packets, two hundred come in a rush.
    fn receive(&mut self, count: u64) {
        let mean_gap = if count % 1000 < 200 { 4_000 } else { 9_000 };
        self.now_ns += 1 + self.random.below(2 * mean_gap);
        self.drain(self.now_ns);

        let share = self.random.below(SHARES.len() as u64) as usize;
        let flow = self.number * FLOWS_A_PORT + SHARES.get(share).copied().unwrap_or(0);
        let packet = Packet {
            flow: FlowKey {
                source: u32::from(Ipv4Addr::new(10, 0, 0, 1)) + flow,
                target: u32::from(Ipv4Addr::new(10, 0, 9, 1)) + self.number,
            },
            bytes: 64 + self.random.below(1437),
            arrived_ns: self.now_ns,
        };
        self.count_arrival(&packet);
        let shown = self.hide.is_none_or(|every| !count.is_multiple_of(every));
        if shown {
            packet_arrived(&packet, self.number);
        }
        self.waiting.push_back((packet, shown));
    }

    /// Sends on what can leave before `until_ns`.
    fn drain(&mut self, until_ns: u64) {
        while let Some((packet, shown)) = self.waiting.front().copied() {
            let leaves_ns = self.free_ns.max(packet.arrived_ns);
            if leaves_ns > until_ns {
                return;
            }
            self.waiting.pop_front();
            let waited_ns = leaves_ns - packet.arrived_ns;
            self.count_departure(&packet, waited_ns);
            let lane = if shown {
                packet_leaves(&packet, self.number, waited_ns);
                route(&packet, waited_ns)
            } else {
                MAIN_LANE
            };
            if lane == MAIN_LANE {
                self.free_ns = leaves_ns + packet.bytes * NS_PER_BYTE;
            } else {
                self.counted.diverted += 1;
            }
        }
    }

    fn count_arrival(&mut self, packet: &Packet) {
        let queue = self.counted.queues.entry(self.number).or_default();
        queue.entered += 1;
        queue.longest = queue.longest.max(queue.entered - queue.left);

        let now = packet.arrived_ns;
        let flow = self.counted.flows.entry(packet.flow).or_insert(FlowStats {
            packets: 0,
            bytes: 0,
            first_ns: now,
            last_ns: now,
            shortest_gap_ns: u64::MAX,
            longest_gap_ns: 0,
        });
        if flow.packets > 0 {
            let gap = now - flow.last_ns;
            flow.shortest_gap_ns = flow.shortest_gap_ns.min(gap);
            flow.longest_gap_ns = flow.longest_gap_ns.max(gap);
        }
        flow.packets += 1;
        flow.bytes += packet.bytes;
        flow.last_ns = now;
    }

    fn count_departure(&mut self, packet: &Packet, waited_ns: u64) {
        let queue = self.counted.queues.entry(self.number).or_default();
        queue.left += 1;
        let bin = (waited_ns.checked_ilog2().unwrap_or(0) as usize).min(BINS - 1);
        if let Some(count) = self.counted.waits.get_mut(bin) {
            *count += 1;
        }
        if waited_ns > self.deadline_ns {
            let late = self.counted.late.entry(packet.flow).or_default();
            late.packets += 1;
            late.longest_ns = late.longest_ns.max(waited_ns);
        }
    }
}

/// Late packets of a flow.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
struct LateOfFlow {
    packets: u64,
    longest_ns: u64,
}

type LateByFlow = BTreeMap<FlowKey, LateOfFlow>;

/// Everything that is counted, by the codelets or by the application.
#[derive(Default)]
struct Totals {
    flows: BTreeMap<FlowKey, FlowStats>,
    queues: BTreeMap<u32, Queue>,
    waits: [u64; BINS],
    late: LateByFlow,
    /// Packets that were sent to the slow lane, which the late ones should be.
    diverted: u64,
    /// Records of late packets that found their channel full.
    lost: u64,
}

impl Totals {
    /// Takes what the codelets hold in their maps.
    fn read(&mut self, set: &Codeletset) -> Result<(), Box<dyn Error>> {
        self.flows = set.map("flows")?.iter()?.collect();
        let used = |(_, queue): &(u32, Queue)| queue.entered > 0;
        self.queues = set.map("queues")?.iter()?.filter(used).collect();
        let waits = set.map::<u32, u64>("waits")?;
        for (bin, count) in (0..).zip(&mut self.waits) {
            *count = waits.sum(&bin)?; // Each port counts in a copy of its own.
        }
        Ok(())
    }

    /// Ports share neither flows nor queues.
    fn add(&mut self, other: Self) {
        self.flows.extend(other.flows);
        self.queues.extend(other.queues);
        self.late.extend(other.late);
        self.diverted += other.diverted;
        for (count, more) in self.waits.iter_mut().zip(other.waits) {
            *count += more;
        }
    }

    fn differences(&self, reported: &Self) -> Vec<String> {
        let mut found = Vec::new();
        compare("flow", &self.flows, &reported.flows, flow_name, &mut found);
        let port = |number: &u32| number.to_string();
        compare("port", &self.queues, &reported.queues, port, &mut found);
        let all = |late: &LateByFlow| late.values().map(|flow| flow.packets).sum::<u64>();
        if self.diverted != all(&self.late) {
            found.push(format!(
                "late packets: {} diverted, {} counted",
                self.diverted,
                all(&self.late)
            ));
        }
        if reported.lost == 0 {
            compare(
                "late packets of",
                &self.late,
                &reported.late,
                flow_name,
                &mut found,
            );
        } else {
            let (counted, received) = (all(&self.late), all(&reported.late));
            if received + reported.lost != counted {
                found.push(format!(
                    "late packets: {received} received and {} lost, {counted} counted",
                    reported.lost
                ));
            }
        }
        if self.waits != reported.waits {
            let all = |waits: &[u64]| waits.iter().sum::<u64>();
            found.push(format!(
                "waiting times: {} reported, {} counted",
                all(&reported.waits),
                all(&self.waits)
            ));
        }
        found
    }

    fn print(&self, options: &Options) {
        println!("\nFlows, by flow_stats");
        println!(
            "  {:<22} {:>8} {:>11} {:>8}   gap in us: {:>6} {:>7} {:>8}",
            "", "packets", "bytes", "Mbit/s", "least", "mean", "most"
        );
        for (key, flow) in &self.flows {
            let lasted_ns = (flow.last_ns - flow.first_ns).max(1);
            println!(
                "  {:<22} {:>8} {:>11} {:>8.1} {:>20.1} {:>7.1} {:>8.1}",
                flow_name(key),
                flow.packets,
                flow.bytes,
                flow.bytes as f64 * 8000.0 / lasted_ns as f64,
                micros(flow.shortest_gap_ns),
                micros(lasted_ns / (flow.packets - 1).max(1)),
                micros(flow.longest_gap_ns),
            );
        }
        println!("\nQueues, by queue_enter and queue_leave");
        println!(
            "  {:<22} {:>8} {:>11} {:>8}",
            "", "entered", "left", "longest"
        );
        for (port, queue) in &self.queues {
            println!(
                "  port {port:<17} {:>8} {:>11} {:>8}",
                queue.entered, queue.left, queue.longest
            );
        }
        self.print_waits();
        println!(
            "\nDiverted after {} us, by divert_late",
            options.deadline_us
        );
        println!("  {:<22} {:>8} {:>11}", "", "packets", "longest us");
        for (key, late) in &self.late {
            println!(
                "  {:<22} {:>8} {:>11.1}",
                flow_name(key),
                late.packets,
                micros(late.longest_ns)
            );
        }
        if self.lost > 0 {
            println!(
                "  and {} more, whose records found the channel full",
                self.lost
            );
        }
    }

    fn print_waits(&self) {
        println!("\nTime in the queue, by wait_histogram");
        // What is shorter than 2^10 ns is one line.
        let (short, long) = self.waits.split_at(10);
        let mut lines = vec![("less than 1 us".to_owned(), short.iter().sum::<u64>())];
        lines.extend(
            (10..)
                .zip(long)
                .map(|(bin, count)| (format!("from {:.0} us", micros(1 << bin)), *count)),
        );
        while lines.pop_if(|(_, count)| *count == 0).is_some() {}
        let most = lines.iter().map(|(_, count)| *count).max().unwrap_or(1);
        for (label, count) in lines {
            let bar = "#".repeat((count * 40).div_ceil(most) as usize);
            println!("{}", format!("  {label:<22} {count:>8}  {bar}").trim_end());
        }
    }
}

fn compare<K: Ord, V: PartialEq + std::fmt::Debug>(
    what: &str,
    counted: &BTreeMap<K, V>,
    reported: &BTreeMap<K, V>,
    name: impl Fn(&K) -> String,
    found: &mut Vec<String>,
) {
    for (key, value) in counted {
        let theirs = reported.get(key);
        if theirs != Some(value) {
            let theirs = theirs.map_or_else(|| "nothing".to_owned(), |value| format!("{value:?}"));
            found.push(format!(
                "{what} {}: {theirs} reported, {value:?} counted",
                name(key)
            ));
        }
    }
    for key in reported.keys().filter(|key| !counted.contains_key(key)) {
        found.push(format!("{what} {}: reported, never seen", name(key)));
    }
}

fn flow_name(key: &FlowKey) -> String {
    format!(
        "{} > {}",
        Ipv4Addr::from(key.source),
        Ipv4Addr::from(key.target)
    )
}

fn micros(ns: u64) -> f64 {
    ns as f64 / 1000.0
}

/// xorshift64*: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}
