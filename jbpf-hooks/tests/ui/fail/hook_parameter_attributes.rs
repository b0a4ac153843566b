use jbpf_hooks::jbpf_hook;

#[jbpf_hook]
fn scratch(#[meta_data] first: u32, #[meta_data = 1] second: u64) {}

#[jbpf_hook]
fn twice(#[meta_data] first: u64, #[meta_data] second: u64) {}

#[jbpf_hook]
fn contradiction(#[jbpf(writable, skip)] number: u32) {}

#[jbpf_hook]
fn region(#[jbpf(writable)] bytes: &[u8]) {}

#[jbpf_hook]
fn truth(#[jbpf(writable)] flag: bool) {}

#[jbpf_hook]
fn conditional(#[cfg(unix)] number: u32) {}

#[jbpf_hook]
fn unknown(#[jbpf(readable)] number: u32) {}

fn main() {}
