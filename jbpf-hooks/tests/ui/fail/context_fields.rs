use jbpf_hooks::{JbpfContext, Region};

#[derive(JbpfContext)]
#[repr(C)]
struct Padded<'a> {
    region: Region<'a, [u8]>,
    kind: u8,
    length: u32,
}

#[derive(JbpfContext)]
#[repr(C)]
struct NotNumbers<'a> {
    region: Region<'a, [u8]>,
    name: [u8; 8],
}

#[derive(JbpfContext)]
#[repr(C)]
struct Written<'a> {
    region: Region<'a, [u8]>,
    #[jbpf(writable)]
    up: bool,
}

fn main() {}
