use jbpf_hooks::jbpf_data;

#[jbpf_data]
struct Pair<T> {
    first: T,
    second: T,
}

#[jbpf_data]
struct Borrowed<'a> {
    name: &'a [u8; 8],
}

fn main() {}
