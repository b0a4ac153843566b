use jbpf_hooks::jbpf_hook;

#[jbpf_hook]
fn compared(old: &[u8], new: &[u8]) {}

fn main() {}
