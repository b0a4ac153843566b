use jbpf_hooks::JbpfData;

#[derive(JbpfData)]
struct Packet {
    seq_no: i32,
}

fn main() {}
