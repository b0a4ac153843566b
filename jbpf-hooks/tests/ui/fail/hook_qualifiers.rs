use jbpf_hooks::jbpf_hook;

#[jbpf_hook]
async fn asynchronous(ctx_id: u32) {}

#[jbpf_hook]
const fn constant(ctx_id: u32) {}

#[jbpf_hook]
extern "C" fn foreign(ctx_id: u32) {}

#[jbpf_hook]
unsafe fn dangerous(ctx_id: u32) {}

fn main() {}
