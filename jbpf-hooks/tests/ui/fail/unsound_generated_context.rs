//! Without unsafe code: a context whose region is anywhere.
#![forbid(unsafe_code)]

use jbpf_hooks::jbpf_hook;

#[jbpf_hook]
fn honest(bytes: &mut [u8]) {}

#[jbpf_hook]
fn anywhere(context: HonestContext) {}

fn main() {
    anywhere(HonestContext {
        data: 0x4141_4141,
        data_end: 0x4141_5141,
        meta_data: 0,
        __padding0: [],
    });
}
