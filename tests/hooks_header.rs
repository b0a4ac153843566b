//! `codelets/first_example/hooks.h` agrees with the example's Rust types.
//!
//! `BLESS=1 cargo test -p jbpf-tests --test hooks_header` writes it anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

#[path = "../examples/first_example.rs"]
#[allow(
    dead_code,
    reason = "the types and the hook are wanted, not the program"
)]
mod first_example;

#[test]
fn the_header_is_what_the_types_say() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../codelets/first_example/hooks.h"
    );
    let header = jbpf::codelet_header();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, &header).unwrap();
    }
    assert_eq!(
        header,
        std::fs::read_to_string(path).unwrap(),
        "BLESS=1 writes it anew"
    );
}
