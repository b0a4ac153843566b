use jbpf_hooks::jbpf_data;

#[jbpf_data]
struct Between {
    kind: u8,
    length: u32,
}

#[jbpf_data]
struct AtTheEnd {
    length: u32,
    kind: u8,
}

fn main() {}
