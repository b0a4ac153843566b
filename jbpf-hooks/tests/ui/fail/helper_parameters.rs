use jbpf_hooks::jbpf_helper;

struct Packet {
    seq_no: i32,
}

#[jbpf_helper(id = 32)]
fn values(size: usize, load: f32, name: String, pointer: *const u8) {}

#[jbpf_helper(id = 33)]
fn slices(words: &[u32], bytes: &mut [u8], text: &str) {}

#[jbpf_helper(id = 34)]
fn unknown(packet: &Packet) {}

#[jbpf_helper(id = 35)]
fn by_value(packet: Packet) {}

#[jbpf_helper(id = 36)]
fn pattern((first, second): (u32, u32)) {}

fn main() {}
