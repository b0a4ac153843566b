use jbpf_hooks::jbpf_hook;

struct Cell;

impl Cell {
    #[jbpf_hook]
    fn associated(ctx_id: u32) {}
}

fn main() {}
