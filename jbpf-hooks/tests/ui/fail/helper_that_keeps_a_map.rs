use jbpf_hooks::{CodeletBytes, MapRef, jbpf_helper};

#[jbpf_helper(id = 32)]
fn map(kept: MapRef<'static>) {
    let _ = kept;
}

#[jbpf_helper(id = 33)]
fn bytes(kept: CodeletBytes<'static>) {
    let _ = kept;
}

type Map = MapRef<'static>;

#[jbpf_helper(id = 34)]
fn behind_an_alias(kept: Map) {
    let _ = kept;
}

fn main() {}
