use jbpf_hooks::jbpf_data;

#[jbpf_data]
enum State {
    Idle,
    Busy,
}

#[jbpf_data]
union Either {
    number: u32,
    bytes: [u8; 4],
}

#[jbpf_data]
fn function() {}

fn main() {}
