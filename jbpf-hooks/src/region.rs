//! The data region of a context that an application writes as a struct of its own.
//!
//! [`Region`] and [`RegionMut`] are the first 24 bytes of such a context: `data`, `data_end`,
//! `meta_data`. Holding the reference's lifetime, they keep what codelets see alive for the call.
