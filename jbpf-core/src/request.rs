//! The load request, as YAML or built in Rust.
