use jbpf_hooks::jbpf_hook;

#[jbpf_hook(control)]
fn nothing(ctx_id: u32) {}

#[jbpf_hook(control)]
fn truth(ctx_id: u32) -> bool {
    true
}

fn main() {}
