//! Two declarations of one name, or one id, are found, wherever they are.
#![allow(missing_docs)]

use jbpf_hooks::registry::{self, Claim};
use jbpf_hooks::{jbpf_helper, jbpf_hook};

#[jbpf_hook]
fn received(ctx_id: u32) {}

#[jbpf_hook]
fn sent(ctx_id: u32) {}

#[jbpf_helper(id = 40)]
fn level() -> u64 {
    1
}

mod other {
    use super::{jbpf_helper, jbpf_hook};

    #[jbpf_hook(name = "received")]
    pub fn also_received(ctx_id: u32) {}

    #[jbpf_helper(id = 41)]
    pub fn level() -> u64 {
        2
    }

    #[jbpf_helper(id = 40)]
    pub fn another_of_forty() -> u64 {
        3
    }
}

#[test]
fn duplicates_name_what_is_claimed_and_both_places() {
    let duplicates = registry::duplicates();
    let claims: Vec<_> = duplicates
        .iter()
        .map(|duplicate| &duplicate.claim)
        .collect();
    assert_eq!(
        claims,
        [
            &Claim::HookName("received"),
            &Claim::HelperName("level"),
            &Claim::HelperId(40)
        ]
    );
    assert_eq!(
        duplicates
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        [
            "two hooks are named `received`, at jbpf-hooks/tests/duplicates.rs:7 and at \
             jbpf-hooks/tests/duplicates.rs:21; name one of them differently with `#[jbpf_hook(name = \"...\")]`",
            "two helpers are named `level`, at jbpf-hooks/tests/duplicates.rs:13 and at \
             jbpf-hooks/tests/duplicates.rs:24; name one of them differently with `#[jbpf_helper(name = \"...\")]`",
            "two helpers have the id 40, at jbpf-hooks/tests/duplicates.rs:13 and at \
             jbpf-hooks/tests/duplicates.rs:29; give one of them another of the ids 32 to 63",
        ]
    );
    received(1);
    sent(1);
    other::also_received(1);
    assert_eq!(level() + other::level() + other::another_of_forty(), 6);
}

#[test]
fn hooks_and_helpers_are_found_by_name_and_id() {
    assert_eq!(registry::hooks().len(), 3);
    assert_eq!(registry::helpers().len(), 3);
    assert!(registry::hook("sent").is_some());
    assert!(registry::hook("lost").is_none());
    assert!(registry::helper(42).is_none());
}
