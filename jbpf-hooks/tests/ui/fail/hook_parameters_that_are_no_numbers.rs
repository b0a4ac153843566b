use jbpf_hooks::jbpf_hook;

struct Counter(u32);

#[jbpf_hook]
fn string(ctx_id: u32, name: String) {}

#[jbpf_hook]
fn sizes(length: usize, offset: isize) {}

#[jbpf_hook]
fn floats(load: f64, wide: u128, letter: char) {}

#[jbpf_hook]
fn compound(pair: (u32, u32), array: [u8; 4], pointer: *const u8) {}

#[jbpf_hook]
fn of_the_application(ctx_id: u32, counter: Counter) {}

#[jbpf_hook]
fn alone(counter: Counter) {}

fn main() {}
