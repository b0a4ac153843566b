use jbpf_hooks::jbpf_hook;

struct Cell;

impl Cell {
    #[jbpf_hook]
    fn method(&self, ctx_id: u32) {}

    #[jbpf_hook]
    fn returning(ctx_id: u32) -> Self {
        Cell
    }
}

fn main() {}
