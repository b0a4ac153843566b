use std::sync::atomic::AtomicU32;

use jbpf_hooks::jbpf_hook;

struct Packet {
    seq_no: i32,
}

#[jbpf_hook]
fn received(packet: &Packet) {}

#[jbpf_hook]
fn counted(counter: &AtomicU32) {}

fn main() {}
