//! A context of the application's own: a struct with a data region and numbers, one of which codelets may write.
//!
//! ```text
//! cargo run --release --example custom_context
//! ```
//!
//! A radio schedules slots on three carriers. Hook `slot_scheduled` hands over the blocks of a slot, which
//! carrier it is for, and the power it will be sent with. Two codelets of the program type `jbpf_slot`
//! (`codelets/custom_context`) may change the power: `power_cap` lowers it where a slot is nearly empty and counts, and after it
//! `power_floor` sees that enough is left. The hook's body finds the number that they leave.
//!
//! Everything random comes from a seed, so that every run prints the same. The application computes the same by
//! itself; when the two differ it says so and ends with code 1.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use jbpf::{JbpfContext, LoadRequest, Region, Runtime, jbpf_data, jbpf_hook};

/// What a slot carries for one user.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct Block {
    user: u32,
    bytes: u32,
}

/// What codelets are given of a slot: 24 bytes for the region, then the numbers.
#[derive(JbpfContext)]
#[repr(C)]
pub struct SlotContext<'a> {
    blocks: Region<'a, [Block]>,
    number: u32,
    carrier: u16,
    _reserved: u16,
    /// In tenths of a decibel over a milliwatt.
    #[jbpf(writable)]
    power: i32,
}

/// What `power_cap` counts of a carrier.
#[jbpf_data]
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Carrier {
    slots: u64,
    blocks: u64,
    bytes: u64,
    lowered: u64,
}

/// Called for every slot before it is sent.
#[jbpf_hook(program_type = "jbpf_slot")]
fn slot_scheduled(ctx: SlotContext<'_>) -> i32 {
    ctx.power
}

const CARRIERS: u16 = 3;
const MOST_BLOCKS: u64 = 16;
/// Tenths of a decibel over a milliwatt, by carrier.
const POWER: [i32; 3] = [430, 400, 240];

/// A context of the application's own, with a number that codelets write.
#[derive(Parser)]
struct Options {
    /// Slots of all carriers together.
    #[arg(long, default_value_t = 30_000)]
    slots: u32,
    /// Where everything random begins.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Hides every Nth slot from the codelets, to see that the totals are compared.
    #[arg(long)]
    hide: Option<u32>,
    /// The load request.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/codelets/custom_context/load.yaml"))]
    request: PathBuf,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => {
            println!("\nAll totals are what the application counted itself.");
            ExitCode::SUCCESS
        }
        Ok(false) => {
            println!("\nThe totals differ from what the application counted itself.");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    let runtime = Runtime::builder().name("custom_context").build()?;
    let set = runtime.load(&LoadRequest::from_yaml_file(&options.request)?)?;
    let mut counted: BTreeMap<u32, Carrier> = BTreeMap::new();
    let mut sent_otherwise = 0_u64;
    let mut saved = 0_i64;
    let mut random = options.seed.max(1);
    let mut next = move |limit: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 33) % limit
    };
    for number in 1..=options.slots {
        let carrier = next(CARRIERS.into()) as u16;
        let blocks: Vec<Block> = (0..next(MOST_BLOCKS + 1))
            .map(|_| Block {
                user: next(1000) as u32,
                bytes: next(1500) as u32,
            })
            .collect();
        let power = POWER.get(usize::from(carrier)).copied().unwrap_or(0);
        let expected = counted
            .entry(carrier.into())
            .or_default()
            .power(&blocks, power);
        let shown = options
            .hide
            .is_none_or(|every| !number.is_multiple_of(every));
        let sent = if shown {
            slot_scheduled(SlotContext {
                blocks: Region::new(&blocks),
                number,
                carrier,
                _reserved: 0,
                power,
            })
        } else {
            power
        };
        saved += i64::from(power - sent);
        sent_otherwise += u64::from(sent != expected);
    }

    let used = |(_, carrier): &(u32, Carrier)| carrier.slots > 0;
    let reported: BTreeMap<u32, Carrier> = set.map("carriers")?.iter()?.filter(used).collect();
    runtime.unload(set.id())?;

    println!(
        "{} slots on {CARRIERS} carriers, seed {}\n",
        options.slots, options.seed
    );
    println!(
        "  {:<9} {:>8} {:>9} {:>12} {:>14}",
        "", "slots", "blocks", "bytes", "power lowered"
    );
    for (number, carrier) in &reported {
        println!(
            "  carrier {number} {:>8} {:>9} {:>12} {:>14}",
            carrier.slots, carrier.blocks, carrier.bytes, carrier.lowered
        );
    }
    let mean = saved as f64 / 10.0 / f64::from(options.slots.max(1));
    println!("\n  power lowered by {mean:.2} dB in the mean");
    Ok(sent_otherwise == 0 && reported == counted)
}

impl Carrier {
    /// Counts a slot, and says what power it is to be sent with: the two codelets in Rust.
    fn power(&mut self, blocks: &[Block], power: i32) -> i32 {
        let bytes: u64 = blocks.iter().map(|block| u64::from(block.bytes)).sum();
        self.slots += 1;
        self.blocks += blocks.len() as u64;
        self.bytes += bytes;
        if bytes >= 4000 {
            return power;
        }
        self.lowered += 1;
        (power - 60).max(200)
    }
}
