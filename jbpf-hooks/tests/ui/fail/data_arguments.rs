use jbpf_hooks::jbpf_data;

#[jbpf_data(readonly, read_only, read_only, crate)]
struct Packet {
    seq_no: i32,
}

#[jbpf_data(crate = jbpf_hooks)]
struct Response {
    seq_no: i32,
}

fn main() {}
