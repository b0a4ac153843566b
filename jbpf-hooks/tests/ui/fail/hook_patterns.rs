use jbpf_hooks::{jbpf_data, jbpf_hook};

#[jbpf_data]
struct Packet {
    seq_no: i32,
}

#[jbpf_hook]
fn destructured(Packet { seq_no }: &Packet, [a, b]: &[u8; 2]) {}

#[jbpf_hook]
fn ignored(_: u32) {}

#[jbpf_hook]
fn bound(whole @ _: u32, ref other: u32) {}

fn main() {}
