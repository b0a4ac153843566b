use jbpf_hooks::jbpf_helper;

#[jbpf_helper]
fn none() {}

#[jbpf_helper(id = 3)]
fn built_in() {}

#[jbpf_helper(id = 64)]
fn beyond() {}

#[jbpf_helper(id = "32", id = 33, ident = 5)]
fn text() {}

#[jbpf_helper(id = 34, name = "no identifier")]
fn named() {}

fn main() {}
