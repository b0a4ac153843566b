use jbpf_hooks::jbpf_hook;

#[jbpf_hook]
fn named(data: &[u8], data_end: u64, meta_data: u64) {}

fn main() {}
