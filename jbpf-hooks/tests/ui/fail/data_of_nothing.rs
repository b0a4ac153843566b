use jbpf_hooks::jbpf_data;

#[jbpf_data]
struct Nothing;

fn main() {}
