use jbpf_hooks::jbpf_data;

struct Inner {
    number: u32,
}

#[jbpf_data]
struct Nested {
    inner: Inner,
}

fn main() {}
