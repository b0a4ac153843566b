use jbpf_hooks::jbpf_hook;

#[jbpf_hook(nmae = "first", name = "", control = true, control, max_instructions = "many", priority(1))]
fn all_at_once(ctx_id: u32) {}

#[jbpf_hook(max_instructions = 0, program_type, name = 5, crate = "path")]
fn more(ctx_id: u32) {}

#[jbpf_hook(name "no equals sign")]
fn unparsable(ctx_id: u32) {}

fn main() {}
