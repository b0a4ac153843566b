use jbpf_hooks::jbpf_data;

#[jbpf_data]
#[repr(C, packed)]
struct Packed {
    kind: u8,
    length: u32,
}

#[jbpf_data]
#[repr(transparent)]
struct Wrapped(u32);

fn main() {}
