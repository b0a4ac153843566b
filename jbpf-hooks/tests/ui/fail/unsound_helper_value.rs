//! Without unsafe code: a parameter's type that reads wherever a number points.
#![forbid(unsafe_code)]

use jbpf_hooks::helper::{HelperArgument, HelperValue, Registers};
use jbpf_hooks::jbpf_helper;
use jbpf_hooks::layout::Scalar;

struct Peek([u8; 8]);

impl<'call> HelperValue<'call> for Peek {
    const ARGUMENT: HelperArgument = HelperArgument::Number(Scalar::U64);

    fn take(registers: &mut Registers<'call>) -> Self {
        Peek(registers.readable::<[u8; 8]>())
    }
}

#[jbpf_helper(id = 43)]
fn peek(at: Peek) -> u64 {
    u64::from_ne_bytes(at.0)
}

fn main() {}
