//! Clocks: wall time and the fastest monotonic tick.
