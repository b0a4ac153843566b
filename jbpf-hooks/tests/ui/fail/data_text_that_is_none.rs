use jbpf_hooks::jbpf_data;

#[jbpf_data]
struct Packet {
    #[jbpf(text)]
    name: [u16; 8],
    #[jbpf(text = "yes", utf8)]
    other: [u8; 8],
}

#[jbpf_data]
struct Second {
    #[jbpf(text)]
    name: [u16; 8],
}

fn main() {}
