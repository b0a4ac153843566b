//! The macros' messages about misuses, word for word, and the uses that they accept.
//! `TRYBUILD=overwrite cargo test -p jbpf-hooks --test ui` writes the messages anew.
#![allow(missing_docs)]

#[test]
fn misuses_are_explained_and_uses_accepted() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/fail/*.rs");
    cases.pass("tests/ui/pass/*.rs");
}
