use jbpf_hooks::jbpf_hook;

#[jbpf_hook]
fn types<T: Copy>(value: T) {}

#[jbpf_hook]
fn lifetimes<'a>(bytes: &'a [u8]) {}

#[jbpf_hook]
fn hidden(value: impl Into<u32>) {}

fn main() {}
