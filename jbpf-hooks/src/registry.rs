//! All hooks and helpers linked into the process.
