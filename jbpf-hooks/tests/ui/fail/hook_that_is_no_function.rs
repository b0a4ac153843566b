use jbpf_hooks::jbpf_hook;

#[jbpf_hook]
struct Packet {
    seq_no: i32,
}

trait Service {
    #[jbpf_hook]
    fn declared(ctx_id: u32);
}

fn main() {}
