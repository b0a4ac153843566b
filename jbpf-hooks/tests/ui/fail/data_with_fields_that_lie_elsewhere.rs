use jbpf_hooks::jbpf_data;

#[jbpf_data]
struct Packet {
    name: String,
    payload: Vec<u8>,
    next: Option<u32>,
    length: usize,
    letters: [char; 4],
    pointer: *const u8,
    pair: (u32, u32),
    up: bool,
}

fn main() {}
