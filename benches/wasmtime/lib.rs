//! Nothing: see the benchmark.
