//! Without unsafe code: a helper that is declared as something else than its function is.
#![forbid(unsafe_code)]

use jbpf_hooks::__private::{JBPF_HELPERS_V1, linkme};
use jbpf_hooks::helper::{HelperDeclaration, HelperInfo, HelperReturn};
use jbpf_hooks::registry;

extern "C" fn far_away(_: u64, _: u64, _: u64, _: u64, _: u64) -> u64 {
    u64::MAX
}

const DECLARATION: HelperDeclaration = HelperDeclaration {
    id: 43,
    name: "far_away",
    argument_names: &[],
    arguments: &[],
    returns: HelperReturn::Unit,
    file: "",
    line: 0,
    docs: "",
};

#[linkme::distributed_slice(JBPF_HELPERS_V1)]
#[linkme(crate = linkme)]
static FORGED: &HelperInfo = &HelperInfo::new(DECLARATION, far_away);

#[linkme::distributed_slice(JBPF_HELPERS_V1)]
#[linkme(crate = linkme)]
static OF_ANOTHER_TYPE: &HelperDeclaration = &DECLARATION;

fn main() {
    let Some(other) = registry::helper(32) else { return };
    let _ = HelperInfo::new(DECLARATION, other.shim());
    let mut owned = HelperInfo { ..*other };
    owned.arguments = &[];
}
