use jbpf_hooks::{JbpfContext, Region, RegionMut};

#[derive(JbpfContext)]
#[repr(C)]
struct Late<'a> {
    carrier: u64,
    region: Region<'a, [u8]>,
}

#[derive(JbpfContext)]
#[repr(C)]
struct Two<'a> {
    region: Region<'a, [u8]>,
    other: RegionMut<'a, [u8]>,
}

#[derive(JbpfContext)]
#[repr(C)]
struct Missing {
    carrier: u64,
}

#[derive(JbpfContext)]
#[repr(C)]
struct Nothing;

fn main() {}
