//! Exists so that the `links` key of the manifest takes effect.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
