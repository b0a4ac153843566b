use jbpf_hooks::{JbpfData, jbpf_hook};

#[derive(JbpfData)]
#[repr(C)]
struct Packet {
    seq_no: i32,
}

#[jbpf_hook]
fn example(packet: &Packet) {}

fn main() {}
