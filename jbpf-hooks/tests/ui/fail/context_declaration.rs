use jbpf_hooks::{JbpfContext, Region};

#[derive(JbpfContext)]
struct NoRepr<'a> {
    region: Region<'a, [u8]>,
}

#[derive(JbpfContext)]
#[repr(C)]
struct Generic<'a, 'b, T, const N: usize> {
    region: Region<'a, [u8]>,
    data_end: u64,
}

#[derive(JbpfContext)]
enum Either {
    One,
}

#[derive(JbpfContext)]
#[repr(C)]
struct Attributes<'a> {
    #[jbpf(writable)]
    region: Region<'a, [u8]>,
    #[jbpf(text)]
    number: u64,
}

fn main() {}
