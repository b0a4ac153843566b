//! The hooks that the runtime itself calls, regularly, while codelets are attached to them.
//!
//! Both are of the program type `jbpf_stats`, and their context is `struct jbpf_stats_ctx` of
//! `jbpf_defs.h`. `jbpf_perf_ext.h` describes the report. See [`crate::runtime`] for when they are
//! called.

use std::time::Duration;

use jbpf_hooks::hook::Hook;
use jbpf_hooks::{jbpf_data, jbpf_hook};

/// How often the hook `report_stats` is called unless the builder says otherwise.
pub const REPORT_PERIOD: Duration = Duration::from_secs(1);

/// How often the hook `periodic_call` is called unless the builder says otherwise.
pub const CALL_PERIOD: Duration = Duration::from_millis(10);

/// Most hooks in one report.
pub const MAX_REPORTED: usize = 128;

/// Bytes of a hook's name in a report, the zero at its end included.
pub const NAME_LEN: usize = 256;

/// The measurements of a hook since the report before.
#[jbpf_data]
#[derive(Debug, Clone, Copy)]
pub struct PerfData {
    /// Calls: each is counted.
    pub num: u64,
    /// The shortest call that was timed, in ns.
    pub min: u64,
    /// The longest call that was timed, in ns.
    pub max: u64,
    /// The calls by the logarithm of their time in ns, estimated from the timed calls.
    pub hist: [u32; crate::stats::BINS],
    /// The hook's name, zeros behind it.
    #[jbpf(text)]
    pub hook_name: [u8; NAME_LEN],
}

/// The measurements of all hooks since the report before.
#[jbpf_data]
#[derive(Debug, Clone, Copy)]
pub struct StatsReport {
    /// How many entries are filled.
    pub num_reported_hooks: u8,
    /// Zero.
    pub reserved: [u8; 7],
    /// One entry for each hook.
    pub perf_data: [PerfData; MAX_REPORTED],
}

const _: () = assert!(size_of::<PerfData>() == 536 && size_of::<StatsReport>() == 68_616);

/// Called every second with the measurements of all other hooks: how often they were called, and
/// how long their codelets took. meas_period is the time since the call before, in microseconds.
#[jbpf_hook(program_type = "jbpf_stats")]
pub(crate) fn report_stats(report: &mut StatsReport, meas_period: u32) {}

/// Called every 10 milliseconds. meas_period is the time since the call before, in microseconds.
#[jbpf_hook(program_type = "jbpf_stats")]
pub(crate) fn periodic_call(meas_period: u32) {}

/// The hook of [`report_stats`].
pub(crate) fn report_hook() -> &'static Hook {
    &REPORT_STATS_HOOK
}

/// Whether the hook is one of these, which take codelets of any type.
pub(crate) fn is_timer(hook: &Hook) -> bool {
    [report_hook(), periodic_hook()]
        .into_iter()
        .any(|timer| std::ptr::eq(timer, hook))
}

/// The hook of [`periodic_call`].
pub(crate) fn periodic_hook() -> &'static Hook {
    &PERIODIC_CALL_HOOK
}
