//! Helpers of the application's own: what it knows, and a clock that it sets, for a codelet that
//! limits rates.
//!
//! ```text
//! cargo run --release --example custom_helper
//! ```
//!
//! Requests of several users come in; the control hook `admit` says which of them are served. The
//! codelet (`codelets/custom_helper/rate_limit.c`) keeps a bucket of tokens for each user. What a
//! user pays for it asks the application (`plan_of`), refusals it tells (`note_refusal`), and
//! accounts that are closed it hands over with the map that they are in (`close_account`). It
//! reads the time with the helper that any codelet has, which the application replaces with the
//! time of a simulation: every run prints the same.
//!
//! The application limits rates by itself as well; when the two differ it says so and ends with
//! code 1.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use clap::Parser;
use jbpf::{LoadRequest, MapRef, Runtime, jbpf_data, jbpf_helper, jbpf_hook};

/// A request, as far as codelets see it.
#[jbpf_data]
pub struct Request {
    user: u32,
    bytes: u32,
}

/// A user's account. A token is 10^9 parts, so that a plan of N requests a second earns N parts a
/// nanosecond.
#[jbpf_data]
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bucket {
    parts: u64,
    refilled_ns: u64,
    admitted: u64,
    refused: u64,
}

const TOKEN: u64 = 1_000_000_000;

/// Whether a request is served: 1, or 0.
#[jbpf_hook(control)]
fn admit(request: &Request) -> u64 {
    1
}

/// The requests a second that a user pays for; 0: the account is closed.
#[jbpf_helper(id = 32)]
fn plan_of(user: u32) -> u64 {
    PLANS
        .iter()
        .find(|plan| plan.user == user)
        .filter(|plan| NOW_NS.load(Ordering::Relaxed) < plan.ends_ns)
        .map_or(0, |plan| plan.rate)
}

/// A request was refused.
#[jbpf_helper(id = 33)]
fn note_refusal(request: &Request) {
    REFUSED_BYTES.fetch_add(request.bytes.into(), Ordering::Relaxed);
}

/// Takes a user's bucket out of the map; 0, or -1 when there is none.
#[jbpf_helper(id = 34)]
fn close_account(buckets: MapRef<'_>, user: u32) -> i32 {
    match buckets.lookup::<u32, Bucket>(&user) {
        Ok(Some(bucket)) => {
            let mut closed = CLOSED.lock().unwrap_or_else(PoisonError::into_inner);
            closed.insert(user, bucket);
            buckets
                .delete(&user)
                .map_or_else(|error| error.code(), |()| 0)
        }
        _ => -1,
    }
}

/// The time of the simulation, where codelets ask for the wall clock's.
#[jbpf_helper(id = 7)]
fn simulated_time() -> u64 {
    NOW_NS.load(Ordering::Relaxed)
}

static NOW_NS: AtomicU64 = AtomicU64::new(0);
static REFUSED_BYTES: AtomicU64 = AtomicU64::new(0);
static CLOSED: Mutex<BTreeMap<u32, Bucket>> = Mutex::new(BTreeMap::new());

/// The application alone knows this.
struct Plan {
    user: u32,
    name: &'static str,
    /// Requests a second.
    rate: u64,
    /// When the account is closed.
    ends_ns: u64,
}

const PLANS: [Plan; 4] = [
    Plan {
        user: 1,
        name: "free",
        rate: 10,
        ends_ns: u64::MAX,
    },
    Plan {
        user: 2,
        name: "basic",
        rate: 100,
        ends_ns: u64::MAX,
    },
    Plan {
        user: 3,
        name: "large",
        rate: 400,
        ends_ns: u64::MAX,
    },
    Plan {
        user: 4,
        name: "until 30 s",
        rate: 100,
        ends_ns: 30 * TOKEN,
    },
];

/// A rate limiter in a codelet, with helpers and a clock of the application's own.
#[derive(Parser)]
struct Options {
    /// Requests of all users together, one a simulated millisecond.
    #[arg(long, default_value_t = 60_000)]
    requests: u64,
    /// Where everything random begins.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Hides every Nth request from the codelet, to see that the totals are compared.
    #[arg(long)]
    hide: Option<u64>,
    /// The load request.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/codelets/custom_helper/load.yaml"))]
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
    let runtime = Runtime::builder().name("custom_helper").build()?;
    let set = runtime.load(&LoadRequest::from_yaml_file(&options.request)?)?;
    let mut counted = Counted::default();
    let mut random = options.seed.max(1);
    for count in 1..=options.requests {
        NOW_NS.fetch_add(TOKEN / 1000, Ordering::Relaxed);
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let request = Request {
            user: 1 + (random >> 33) as u32 % 4,
            bytes: 100 + (random >> 40) as u32 % 1400,
        };
        counted.served_otherwise +=
            u64::from(counted.admits(&request) != ask(&request, count, options));
    }

    let mut buckets: BTreeMap<u32, Bucket> = set.map("buckets")?.iter()?.collect();
    buckets.extend(CLOSED.lock().unwrap_or_else(PoisonError::into_inner).iter());
    runtime.unload(set.id())?;

    let refused_bytes = REFUSED_BYTES.load(Ordering::Relaxed);
    println!(
        "{} requests in {} s of simulated time, seed {}\n",
        options.requests,
        options.requests / 1000,
        options.seed
    );
    println!(
        "  {:<4} {:<10} {:>12} {:>9} {:>9}",
        "user", "plan", "requests/s", "admitted", "refused"
    );
    for (plan, bucket) in PLANS
        .iter()
        .filter_map(|plan| Some((plan, buckets.get(&plan.user)?)))
    {
        println!(
            "  {:<4} {:<10} {:>12} {:>9} {:>9}",
            plan.user, plan.name, plan.rate, bucket.admitted, bucket.refused
        );
    }
    println!("\n  {refused_bytes} bytes refused, of accounts that were open");
    Ok(counted.served_otherwise == 0
        && counted.buckets == buckets
        && counted.refused_bytes == refused_bytes)
}

fn ask(request: &Request, count: u64, options: &Options) -> bool {
    let shown = options
        .hide
        .is_none_or(|every| !count.is_multiple_of(every));
    !shown || admit(request) == 1
}

/// The same limits, by the application.
#[derive(Default)]
struct Counted {
    buckets: BTreeMap<u32, Bucket>,
    refused_bytes: u64,
    /// Requests of which the codelet said something else.
    served_otherwise: u64,
}

impl Counted {
    fn admits(&mut self, request: &Request) -> bool {
        let now = NOW_NS.load(Ordering::Relaxed);
        let rate = plan_of(request.user);
        if rate == 0 {
            return false;
        }
        let bucket = self.buckets.entry(request.user).or_insert(Bucket {
            parts: rate * TOKEN,
            refilled_ns: now,
            admitted: 0,
            refused: 0,
        });
        let earned = (now - bucket.refilled_ns) * rate;
        bucket.parts = (bucket.parts + earned).min(rate * TOKEN);
        bucket.refilled_ns = now;
        if bucket.parts < TOKEN {
            bucket.refused += 1;
            self.refused_bytes += u64::from(request.bytes);
            return false;
        }
        bucket.parts -= TOKEN;
        bucket.admitted += 1;
        true
    }
}
