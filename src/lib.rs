//! Run verified eBPF codelets at hooks inside a live Rust application.
