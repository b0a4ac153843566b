//! Without unsafe code: traits that the verifier or unsafe code believes.
#![forbid(unsafe_code)]

use jbpf_hooks::context::{
    ContextLayout, ContextNumber, JbpfContext, PassedContext, RegionLayout, WritableNumber,
};
use jbpf_hooks::layout::Scalar;
use jbpf_hooks::region::{ContextRegion, RegionTarget};

#[derive(Clone, Copy)]
struct Mine(u8);

impl ContextNumber for Mine {
    const SCALAR: Scalar = Scalar::U64;
}

impl WritableNumber for bool {}

impl JbpfContext for Mine {
    const CONTEXT: ContextLayout = ContextLayout::new("Mine", RegionLayout::None, &[]);
}

impl PassedContext for Mine {}

impl RegionTarget for Mine {
    const SHARED: RegionLayout = RegionLayout::None;

    fn at(data: *mut u8, _: *mut u8) -> *mut Self {
        data.cast()
    }
}

impl ContextRegion for Mine {
    const LAYOUT: RegionLayout = RegionLayout::None;
}

fn main() {}
