//! The traffic model: which UEs there are, and what happens in each slot.
//!
//! Five threads share the station's work, as they do in a real one. Each has a source of random
//! numbers of its own and depends on no other thread. So the same seed makes the same calls,
//! however fast the threads run. The UEs of a run are planned before it begins.

mod fronthaul;
mod scheduler;
mod uplink;
mod upper;

use super::hooks::{CELLS, SlotTime};
use super::totals::Totals;

pub use self::scheduler::SLICE_WEIGHTS;

/// How busy the station is.
pub struct Load {
    pub name: &'static str,
    pub ues: usize,
    /// UEs of a cell that are scheduled in a downlink slot.
    pub dl_grants: usize,
    /// One of so many slots has downlink grants.
    pub dl_every: u64,
    /// UEs of a cell that are scheduled in an uplink slot.
    pub ul_grants: usize,
    /// Packets of a bearer that a grant carries.
    pub packets_a_grant: u32,
    /// Symbols of a downlink slot that carry samples.
    pub dl_symbols: u8,
    /// Symbols of an uplink slot that carry samples.
    pub ul_symbols: u8,
    /// U-plane packets of a symbol and antenna port.
    pub fragments: u16,
}

/// About 110,000 calls a second.
pub const IDLE: Load = Load {
    name: "idle",
    ues: 16,
    dl_grants: 1,
    dl_every: 3,
    ul_grants: 1,
    packets_a_grant: 1,
    dl_symbols: 1,
    ul_symbols: 2,
    fragments: 1,
};

/// About 1,000,000 calls a second.
pub const LOADED: Load = Load {
    name: "loaded",
    ues: 200,
    dl_grants: 9,
    dl_every: 1,
    ul_grants: 14,
    packets_a_grant: 1,
    dl_symbols: 13,
    ul_symbols: 14,
    fragments: 2,
};

/// The work of a thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Packets to the radio units.
    FronthaulTransmit,
    /// Packets from the radio units.
    FronthaulReceive,
    /// The downlink's and the uplink's grants.
    Scheduler,
    /// The indications of the physical layer, and the reports of UEs.
    Uplink,
    /// RLC, PDCP, RRC and the UEs' contexts.
    Upper,
}

impl Role {
    pub const ALL: [Self; 5] = [
        Self::FronthaulTransmit,
        Self::FronthaulReceive,
        Self::Scheduler,
        Self::Uplink,
        Self::Upper,
    ];
}

/// A layer, by which calls are counted.
#[derive(Clone, Copy, Debug)]
pub enum Layer {
    Fapi,
    Mac,
    Rlc,
    Pdcp,
    Xran,
    Rrc,
    Ue,
    Slice,
}

impl Layer {
    pub const NAMES: [&str; 8] = [
        "FAPI",
        "MAC",
        "RLC",
        "PDCP",
        "xRAN",
        "RRC",
        "UE contexts",
        "slices",
    ];
}

/// Counts the calls of hooks, and hides some of them from the codelets.
pub struct Calls {
    pub by_layer: [u64; Layer::NAMES.len()],
    all: u64,
    hide: Option<u64>,
}

impl Calls {
    /// Whether the hook is called. The others are counted all the same.
    fn show(&mut self, layer: Layer) -> bool {
        if let Some(count) = self.by_layer.get_mut(layer as usize) {
            *count += 1;
        }
        self.all += 1;
        self.hide
            .is_none_or(|every| !self.all.is_multiple_of(every))
    }
}

/// Calls a hook, unless it is hidden.
macro_rules! fire {
    ($worker:ident, $layer:ident, $call:expr) => {
        if $worker.calls.show(Layer::$layer) {
            $call;
        }
    };
}
use fire;

/// A UE's stay in the station.
#[derive(Clone, Copy, Debug)]
pub struct Stay {
    pub ue_id: u32,
    pub rnti: u16,
    pub cell: u16,
    pub slice: u8,
    pub bearers: u8,
    /// The slot in which it comes.
    pub from: u64,
    /// The slot in which it is gone.
    pub to: u64,
}

/// Slots that a UE stays in the mean.
const MEAN_STAY: u64 = 8000;
const FIRST_RNTI: u16 = 0x4601;

/// Plans the stays of UEs: as many UEs as the load says, and for each that leaves another one.
pub fn plan(load: &Load, seed: u64, slots: u64) -> Vec<Stay> {
    let mut random = Random::new(seed, 0);
    let mut stays = Vec::new();
    for place in 0..load.ues {
        let mut from = 0;
        while from < slots {
            let to = from + 1 + random.below(2 * MEAN_STAY);
            stays.push(Stay {
                ue_id: 0,
                rnti: 0,
                cell: (place % usize::from(CELLS)) as u16,
                slice: match random.below(10) {
                    0..5 => 0,
                    5..8 => 1,
                    _ => 2,
                },
                bearers: 1 + random.below(2) as u8,
                from,
                to,
            });
            from = to + 1 + random.below(20);
        }
    }
    stays.sort_by_key(|stay| stay.from);
    for (number, stay) in (0..).zip(&mut stays) {
        stay.ue_id = number;
        stay.rnti = FIRST_RNTI.wrapping_add(number as u16);
    }
    stays
}

/// The UEs that are there.
struct Roster<'a> {
    /// Those that have yet to come.
    coming: &'a [Stay],
    present: Vec<Vec<&'a Stay>>,
    arrived: Vec<&'a Stay>,
    left: Vec<&'a Stay>,
}

impl<'a> Roster<'a> {
    fn new(plan: &'a [Stay]) -> Self {
        Self {
            coming: plan,
            present: (0..CELLS).map(|_| Vec::new()).collect(),
            arrived: Vec::new(),
            left: Vec::new(),
        }
    }

    fn advance(&mut self, number: u64) {
        self.arrived.clear();
        self.left.clear();
        for cell in &mut self.present {
            self.left
                .extend(cell.extract_if(.., |stay| stay.to <= number));
        }
        while let Some((next, rest)) = self.coming.split_first()
            && next.from <= number
        {
            if let Some(cell) = self.present.get_mut(usize::from(next.cell)) {
                cell.push(next);
            }
            self.arrived.push(next);
            self.coming = rest;
        }
    }

    /// The UEs of a cell whose turn it is.
    fn scheduled(&self, at: SlotTime, count: usize) -> Vec<&'a Stay> {
        let Some(present) = self.present.get(usize::from(at.cell)) else {
            return Vec::new();
        };
        let first = at.number as usize * count % present.len().max(1);
        let turns = present.iter().cycle().skip(first);
        turns.take(count.min(present.len())).copied().collect()
    }
}

/// A slot's direction: of five slots, three are downlink, one has both, and one is uplink.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Down,
    Special,
    Up,
}

impl Direction {
    fn of(number: u64) -> Self {
        match number % 5 {
            0..3 => Self::Down,
            3 => Self::Special,
            _ => Self::Up,
        }
    }
}

/// One of the threads.
pub struct Worker<'a> {
    role: Role,
    load: &'a Load,
    /// How many slots the run has.
    slots: u64,
    roster: Roster<'a>,
    random: Random,
    pub calls: Calls,
    pub counted: Totals,
    scheduler: scheduler::Memory,
    upper: upper::Memory,
    fronthaul: fronthaul::Memory,
}

impl<'a> Worker<'a> {
    pub fn new(role: Role, load: &'a Load, plan: &'a [Stay], run: &Run) -> Self {
        Self {
            role,
            load,
            slots: run.slots,
            roster: Roster::new(plan),
            random: Random::new(run.seed, 1 + role as u64),
            calls: Calls {
                by_layer: [0; Layer::NAMES.len()],
                all: 0,
                hide: run.hide,
            },
            counted: Totals::default(),
            scheduler: scheduler::Memory::default(),
            upper: upper::Memory::default(),
            fronthaul: fronthaul::Memory::default(),
        }
    }

    /// Works off one slot.
    pub fn slot(&mut self, number: u64) {
        self.roster.advance(number);
        if self.role == Role::FronthaulTransmit {
            self.symbols(number);
        }
        for cell in 0..CELLS {
            let at = SlotTime { number, cell };
            match self.role {
                Role::FronthaulTransmit => self.transmit(at),
                Role::FronthaulReceive => self.receive(at),
                Role::Scheduler => self.schedule(at),
                Role::Uplink => self.indicate(at),
                Role::Upper => self.carry(at),
            }
        }
    }

    /// The UEs of a cell that are granted resources of this downlink slot.
    fn scheduled_down(&self, at: SlotTime) -> Vec<&'a Stay> {
        if at.number.is_multiple_of(self.load.dl_every) {
            self.roster.scheduled(at, self.load.dl_grants)
        } else {
            Vec::new()
        }
    }

    fn arrived(&self, at: SlotTime) -> Vec<&'a Stay> {
        of_cell(&self.roster.arrived, at)
    }

    fn left(&self, at: SlotTime) -> Vec<&'a Stay> {
        of_cell(&self.roster.left, at)
    }
}

fn of_cell<'a>(stays: &[&'a Stay], at: SlotTime) -> Vec<&'a Stay> {
    let of_cell = stays.iter().filter(|stay| stay.cell == at.cell);
    of_cell.copied().collect()
}

/// The settings that all threads of a run share.
pub struct Run {
    pub slots: u64,
    pub seed: u64,
    pub hide: Option<u64>,
}

/// xorshift64*: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn new(seed: u64, stream: u64) -> Self {
        let start = seed ^ (stream + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self(start.max(1))
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }

    /// Whether one of `many` chances comes.
    fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }
}
