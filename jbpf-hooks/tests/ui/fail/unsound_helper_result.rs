//! Without unsafe code: a result that is not in the range that the verifier is told of.
#![forbid(unsafe_code)]

use jbpf_hooks::helper::{HelperResult, HelperReturn};
use jbpf_hooks::jbpf_helper;

struct Index;

impl HelperResult for Index {
    const RETURNS: HelperReturn = HelperReturn::Unit;

    fn into_register(self) -> u64 {
        u64::MAX
    }
}

#[jbpf_helper(id = 43)]
fn index() -> Index {
    Index
}

fn main() {}
