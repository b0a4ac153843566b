use jbpf_hooks::jbpf_hook;

#[jbpf_hook]
fn text(text: &str) {}

#[jbpf_hook]
fn string(text: &String) {}

#[jbpf_hook]
fn vec(bytes: &Vec<u8>) {}

#[jbpf_hook]
fn object(error: &dyn std::error::Error) {}

#[jbpf_hook]
fn pointer(bytes: &&[u8]) {}

fn main() {}
