//! Maps: memory that machine code, helpers, other threads and the application share.
//!
//! `storage` owns pages; `array`, `hash` and `per_thread` lay entries out in them. Channels (kinds 3, 4
//! and 7) are maps too: they hold the codelet's end of a ring of `jbpf-channel`.

use jbpf_verifier::types::MapDef;

/// A map of any kind. Its address is what codelets hold as a map pointer.
#[derive(Debug)]
#[repr(C)]
pub struct Map {
    def: MapDef,
}
