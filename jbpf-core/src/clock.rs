//! Clocks: wall time and the fastest monotonic tick.
//!
//! A *tick* is a step of the processor's time stamp counter, if that runs at a constant rate and
//! the system trusts it; else it is a nanosecond of the system's monotonic clock. A factor with 32
//! bits behind the point turns ticks into nanoseconds. The processor or the hypervisor tells the
//! counter's rate. If neither does, the rate is measured against the system's clock for a
//! millisecond, and measured again as the process grows older, which makes it more exact.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::time::{ClockId, clock_gettime};

/// The source of ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TickSource {
    /// The processor's time stamp counter (`rdtsc`).
    TimeStampCounter,
    /// `CLOCK_MONOTONIC`, in ns.
    Monotonic,
}

/// Bits behind the point of [`scale`].
pub const SCALE_BITS: u32 = 32;

/// Ns per tick, times 2^32; 0 before it is known.
static SCALE: AtomicU64 = AtomicU64::new(0);

/// The source, and where the measurement of its rate began.
static SOURCE: OnceLock<Chosen> = OnceLock::new();

#[derive(Debug)]
struct Chosen {
    source: TickSource,
    /// When the rate has to be measured.
    began: Option<Reading>,
}

/// Both clocks at one moment.
#[derive(Debug, Clone, Copy)]
struct Reading {
    ticks: u64,
    ns: u64,
}

/// The source of ticks in this process. It never changes.
#[must_use]
pub fn source() -> TickSource {
    chosen().source
}

/// The current tick. Never runs back; differences are turned into time by [`ticks_to_ns`].
#[inline]
#[must_use]
pub fn ticks() -> u64 {
    match source() {
        TickSource::TimeStampCounter => counter::read(),
        TickSource::Monotonic => monotonic_ns(),
    }
}

/// The processor's counter and nothing else, for machine code: a tick if [`source`] says so.
pub(crate) extern "C" fn counter_ticks() -> u64 {
    counter::read()
}

/// A number of ticks in ns; `u64::MAX` when it is more than that holds.
#[inline]
#[must_use]
pub fn ticks_to_ns(ticks: u64) -> u64 {
    let scale = scale().load(Ordering::Relaxed);
    let ns = (u128::from(ticks) * u128::from(scale)) >> SCALE_BITS;
    u64::try_from(ns).unwrap_or(u64::MAX)
}

/// The word that holds ns per tick times 2^32, for machine code. The number is known when this
/// returns.
#[inline]
#[must_use]
pub fn scale() -> &'static AtomicU64 {
    if SCALE.load(Ordering::Relaxed) == 0 {
        chosen();
    }
    &SCALE
}

/// Ns since 1970-01-01 UTC, as the system's wall clock says.
#[inline]
#[must_use]
pub fn wall_ns() -> u64 {
    ns_of(ClockId::Realtime)
}

/// Measures the tick's rate again, over all the time since the process first asked, if it is a
/// measured one and that time is long enough to be worth it. Costs nothing otherwise; called at
/// each load.
pub fn refine() {
    /// Two readings of both clocks are exact to some 50 ns each: over this time, to one in a
    /// million.
    const WORTHWHILE_NS: u64 = 100_000_000;
    let Some(began) = chosen().began else { return };
    let now = read_both();
    if now.ns.saturating_sub(began.ns) >= WORTHWHILE_NS
        && let Some(scale) = scale_between(began, now)
    {
        SCALE.store(scale, Ordering::Relaxed);
    }
}

#[inline]
fn chosen() -> &'static Chosen {
    SOURCE.get_or_init(choose)
}

#[cold]
fn choose() -> Chosen {
    let system = Chosen {
        source: TickSource::Monotonic,
        began: None,
    };
    if !counter::is_constant() || distrusted_by_the_system() {
        SCALE.store(1 << SCALE_BITS, Ordering::Relaxed);
        return system;
    }
    if let Some(scale) = counter::frequency_hz().and_then(scale_of_frequency) {
        SCALE.store(scale, Ordering::Relaxed);
        return Chosen {
            source: TickSource::TimeStampCounter,
            began: None,
        };
    }
    match measure() {
        Some((began, scale)) => {
            SCALE.store(scale, Ordering::Relaxed);
            Chosen {
                source: TickSource::TimeStampCounter,
                began: Some(began),
            }
        }
        None => {
            SCALE.store(1 << SCALE_BITS, Ordering::Relaxed);
            system
        }
    }
}

/// A first measurement, over a millisecond.
fn measure() -> Option<(Reading, u64)> {
    const FIRST_NS: u64 = 1_000_000;
    let began = read_both();
    let now = loop {
        let now = read_both();
        if now.ns.saturating_sub(began.ns) >= FIRST_NS {
            break now;
        }
        std::hint::spin_loop();
    };
    Some((began, scale_between(began, now)?))
}

/// Both clocks, as close together as some tries give.
fn read_both() -> Reading {
    const TRIES: usize = 8;
    let mut best = (u64::MAX, Reading { ticks: 0, ns: 0 });
    for _ in 0..TRIES {
        let before = counter::read();
        let ns = monotonic_ns();
        let took = counter::read().saturating_sub(before);
        if took < best.0 {
            let ticks = before + took / 2;
            best = (took, Reading { ticks, ns });
        }
    }
    best.1
}

fn scale_between(from: Reading, to: Reading) -> Option<u64> {
    let ns = u128::from(to.ns.checked_sub(from.ns)?) << SCALE_BITS;
    let scale = ns.checked_div(to.ticks.checked_sub(from.ticks)?.into())?;
    plausible(scale)
}

fn scale_of_frequency(hz: u64) -> Option<u64> {
    plausible((1_000_000_000_u128 << SCALE_BITS).checked_div(hz.into())?)
}

/// Counters run at 1 MHz to 100 GHz; any other rate is a broken clock or a hypervisor's joke.
fn plausible(scale: u128) -> Option<u64> {
    let per_ns = 1_u64 << SCALE_BITS;
    u64::try_from(scale)
        .ok()
        .filter(|scale| (per_ns / 100..=per_ns * 1000).contains(scale))
}

/// Whether the system saw the counter run unevenly and fell back to a slow clock.
fn distrusted_by_the_system() -> bool {
    std::fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource")
        .is_ok_and(|name| ["hpet", "acpi_pm", "jiffies", "refined-jiffies"].contains(&name.trim()))
}

#[inline]
fn monotonic_ns() -> u64 {
    ns_of(ClockId::Monotonic)
}

#[inline]
fn ns_of(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds
        .wrapping_mul(1_000_000_000)
        .wrapping_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// The processor's counter.
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod counter {
    #![expect(unsafe_code, reason = "reads the time stamp counter")]

    use std::arch::x86_64::{__cpuid, _rdtsc};

    #[inline]
    pub(super) fn read() -> u64 {
        // SAFETY: every x86-64 processor has the instruction, and it touches no memory. A system
        // that forbids it (`PR_SET_TSC`) forbids the clocks of its own libraries, too.
        unsafe { _rdtsc() }
    }

    /// Whether it ticks at one rate in all power states (CPUID 8000_0007h, EDX bit 8).
    pub(super) fn is_constant() -> bool {
        __cpuid(0x8000_0000).eax >= 0x8000_0007 && __cpuid(0x8000_0007).edx & 1 << 8 != 0
    }

    /// The rate of the counter, as the hypervisor or the processor tells it.
    pub(super) fn frequency_hz() -> Option<u64> {
        of_hypervisor().or_else(of_processor)
    }

    /// Leaf 4000_0010h: kHz in EAX, by agreement of VMware, KVM and others.
    fn of_hypervisor() -> Option<u64> {
        let under_hypervisor = __cpuid(1).ecx & 1 << 31 != 0;
        if !under_hypervisor || __cpuid(0x4000_0000).eax < 0x4000_0010 {
            return None;
        }
        let khz = u64::from(__cpuid(0x4000_0010).eax);
        (khz != 0).then_some(khz * 1000)
    }

    /// Leaf 15h: the crystal's rate and its ratio to the counter's.
    fn of_processor() -> Option<u64> {
        if __cpuid(0).eax < 0x15 {
            return None;
        }
        let leaf = __cpuid(0x15);
        let (denominator, numerator, crystal_hz) = (leaf.eax, leaf.ebx, leaf.ecx);
        if numerator == 0 || crystal_hz == 0 {
            return None;
        }
        (u64::from(crystal_hz) * u64::from(numerator)).checked_div(denominator.into())
    }
}

/// No counter that this knows how to read.
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
mod counter {
    pub(super) fn read() -> u64 {
        0
    }

    pub(super) fn is_constant() -> bool {
        false
    }

    pub(super) fn frequency_hz() -> Option<u64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_never_run_back() {
        let mut last = ticks();
        for _ in 0..10_000 {
            let now = ticks();
            assert!(now >= last);
            last = now;
        }
    }

    #[test]
    fn ticks_measure_the_same_time_as_the_system() {
        let outside = monotonic_ns();
        let start = ticks();
        let inside = monotonic_ns();
        while monotonic_ns() - inside < 20_000_000 {
            std::hint::spin_loop();
        }
        let at_least = monotonic_ns() - inside;
        let measured = ticks_to_ns(ticks() - start);
        let at_most = monotonic_ns() - outside;
        let slack = at_most / 500;
        assert!(
            (at_least - slack..=at_most + slack).contains(&measured),
            "{at_least} <= {measured} <= {at_most}"
        );
    }

    #[test]
    fn a_measured_rate_agrees_with_the_stated_one() {
        if source() != TickSource::TimeStampCounter {
            return;
        }
        let stated = scale().load(Ordering::Relaxed);
        let (_, measured) = measure().unwrap();
        let difference = stated.abs_diff(measured);
        assert!(difference <= stated / 200, "{stated} and {measured}");
    }

    #[test]
    fn more_ticks_than_ns_can_count_saturate() {
        let scale = scale().load(Ordering::Relaxed);
        let expected = (u128::from(u64::MAX) * u128::from(scale)) >> SCALE_BITS;
        assert_eq!(
            ticks_to_ns(u64::MAX),
            u64::try_from(expected).unwrap_or(u64::MAX)
        );
        assert_eq!(ticks_to_ns(0), 0);
    }

    #[test]
    fn rates_that_cannot_be_are_refused() {
        assert_eq!(scale_of_frequency(0), None);
        assert_eq!(scale_of_frequency(1000), None);
        assert_eq!(scale_of_frequency(u64::MAX), None);
        assert_eq!(
            scale_of_frequency(2_000_000_000),
            Some(1 << (SCALE_BITS - 1))
        );
        let zero = Reading { ticks: 5, ns: 5 };
        assert_eq!(scale_between(zero, zero), None);
        assert_eq!(scale_between(Reading { ticks: 9, ns: 9 }, zero), None);
    }

    #[test]
    fn wall_time_is_that_of_the_standard_library() {
        let before = std::time::SystemTime::now();
        let ours = wall_ns();
        let after = std::time::SystemTime::now();
        let ns = |time: std::time::SystemTime| {
            u64::try_from(
                time.duration_since(std::time::UNIX_EPOCH)
                    .unwrap()
                    .as_nanos(),
            )
            .unwrap()
        };
        assert!((ns(before)..=ns(after)).contains(&ours));
    }
}
