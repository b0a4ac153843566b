//! Codelet objects: ELF in, linked programs and map definitions out.

pub mod btf;
