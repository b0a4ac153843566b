use jbpf_hooks::{jbpf_data, jbpf_hook};

#[jbpf_data(read_only)]
struct Link {
    id: [u8; 3],
    up: bool,
}

#[jbpf_hook]
fn changed(link: &mut Link) {}

#[jbpf_hook]
fn all_changed(links: &mut [Link]) {}

fn main() {}
