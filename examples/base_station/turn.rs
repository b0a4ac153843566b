//! A turn: the five threads run through the same slots, and the processor time that they take is
//! measured.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::hooks::SLOT_NS;
use super::totals::Totals;
use super::traffic::{Layer, Load, Role, Run, Stay, Worker};

/// Slots that a thread works off before it waits for the clock: half a radio frame.
const BURST: u64 = 10;

/// The result of a turn.
pub struct Turn {
    /// The counts of the traffic model.
    pub counted: Totals,
    pub calls: [u64; Layer::NAMES.len()],
    /// The time of all five threads together.
    pub busy: Duration,
}

/// Runs a turn. If it is `paced`, the slots wait for their time. Meanwhile, the calling thread
/// calls `receive` again and again, and once more when all threads are done.
pub fn take(load: &Load, plan: &[Stay], run: &Run, paced: bool, mut receive: impl FnMut()) -> Turn {
    let running = AtomicUsize::new(Role::ALL.len());
    let begin = Instant::now() + Duration::from_millis(5);
    thread::scope(|scope| {
        let threads: Vec<_> = Role::ALL
            .into_iter()
            .map(|role| {
                let running = &running;
                scope.spawn(move || {
                    let mut worker = Worker::new(role, load, plan, run);
                    let busy = work(&mut worker, run.slots, paced.then_some(begin));
                    running.fetch_sub(1, Ordering::Release);
                    (worker.counted, worker.calls.by_layer, busy)
                })
            })
            .collect();
        loop {
            let over = running.load(Ordering::Acquire) == 0;
            receive();
            if over {
                break;
            }
            thread::sleep(Duration::from_millis(2));
        }
        let mut turn = Turn {
            counted: Totals::default(),
            calls: [0; Layer::NAMES.len()],
            busy: Duration::ZERO,
        };
        for joined in threads {
            let (counted, calls, busy) = match joined.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            turn.counted.extend(counted);
            for (sum, more) in turn.calls.iter_mut().zip(calls) {
                *sum += more;
            }
            turn.busy += busy;
        }
        turn
    })
}

/// Works off all slots. The result is the time that it took, without the time that it waited.
fn work(worker: &mut Worker<'_>, slots: u64, begin: Option<Instant>) -> Duration {
    let before = processor_time();
    let mut waited = Duration::ZERO;
    let started = Instant::now();
    for number in 0..slots {
        if let Some(begin) = begin
            && number.is_multiple_of(BURST)
        {
            let due = begin + Duration::from_nanos(number * SLOT_NS);
            let wait = due.saturating_duration_since(Instant::now());
            thread::sleep(wait);
            waited += wait;
        }
        worker.slot(number);
    }
    let elapsed = started.elapsed().saturating_sub(waited);
    match (before, processor_time()) {
        (Some(before), Some(after)) => after.saturating_sub(before),
        _ => elapsed,
    }
}

/// The processor time of the calling thread, if the system tells.
pub fn processor_time() -> Option<Duration> {
    // The kernel brings the number up to date when the thread leaves the processor.
    thread::sleep(Duration::from_millis(1));
    let times = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let ns = times.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(ns))
}
