//! The package has a benchmark only; this library is empty.
