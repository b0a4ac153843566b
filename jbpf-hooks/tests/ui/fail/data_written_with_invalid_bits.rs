use jbpf_hooks::jbpf_data;

type Flag = bool;

#[jbpf_data]
struct Link {
    id: [u8; 3],
    up: Flag,
}

fn main() {}
