use jbpf_hooks::jbpf_helper;

#[jbpf_helper(id = 32)]
async fn asynchronous() {}

#[jbpf_helper(id = 33)]
unsafe extern "C" fn foreign() {}

#[jbpf_helper(id = 34)]
fn generic<T>(value: T) {}

#[jbpf_helper(id = 35)]
fn returns_text() -> String {
    String::new()
}

struct Cell;

impl Cell {
    #[jbpf_helper(id = 36)]
    fn method(&self) {}
}

fn main() {}
