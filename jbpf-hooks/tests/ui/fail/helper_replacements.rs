use jbpf_hooks::jbpf_helper;

#[jbpf_helper(id = 9)]
fn elapsed(start: u64) -> u64 {
    start
}

#[jbpf_helper(id = 15)]
fn random() {}

#[jbpf_helper(id = 8)]
fn time(bytes: &u64) -> u64 {
    *bytes
}

fn main() {}
