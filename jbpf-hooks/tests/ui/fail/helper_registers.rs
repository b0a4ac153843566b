use jbpf_hooks::{CodeletBytes, jbpf_helper};

#[jbpf_helper(id = 32)]
fn six(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8) {}

#[jbpf_helper(id = 33)]
fn bytes_take_two(first: &[u8], second: &[u8], third: &[u8]) {}

type Bytes<'a> = CodeletBytes<'a>;

#[jbpf_helper(id = 34)]
fn behind_an_alias(first: Bytes<'_>, second: Bytes<'_>, third: Bytes<'_>) {}

fn main() {}
