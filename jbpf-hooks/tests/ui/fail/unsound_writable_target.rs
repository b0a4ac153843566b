//! Without unsafe code: a region that codelets may write, larger than it is, of a type that not all bits are a value of.
#![forbid(unsafe_code)]

use jbpf_hooks::context::RegionLayout;
use jbpf_hooks::layout::FieldType;
use jbpf_hooks::region::WritableTarget;
use jbpf_hooks::{JbpfContext, RegionMut, jbpf_data, jbpf_hook};

#[jbpf_data(read_only)]
struct Flag {
    ok: bool,
    rest: [u8; 7],
}

impl WritableTarget for Flag {
    const EXCLUSIVE: RegionLayout = RegionLayout::Value {
        ty: <Flag as FieldType>::TYPE,
        size: 4096,
        align: 8,
        writable: true,
    };
}

#[jbpf_data]
struct Bits {
    bits: u64,
}

impl WritableTarget for Bits {
    const EXCLUSIVE: RegionLayout = RegionLayout::None;
}

#[derive(JbpfContext)]
#[repr(C)]
struct Ctx<'a> {
    flag: RegionMut<'a, Flag>,
}

#[jbpf_hook]
fn seen(ctx: Ctx<'_>) {}

fn main() {}
