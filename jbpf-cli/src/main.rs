//! The jbpf command.
fn main() {}
