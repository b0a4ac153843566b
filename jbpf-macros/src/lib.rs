//! The macros of jbpf. Applications use them through `jbpf` or `jbpf-hooks`.
