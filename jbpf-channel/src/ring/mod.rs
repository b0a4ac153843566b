//! Rings: what a channel is made of.
//!
//! `protocol` holds the two algorithms, safe code over atomic words, which loom explores. `output`
//! and `input` put them on mapped memory (`lanes`: input from other processes), whose layout `layout` fixes and whose pages `region` owns.
//! `copy` moves records between memory that others touch at the same time. `addresses` is what machine code is told
//! of an output ring, to do the usual cases by itself.

#[cfg(not(loom))]
pub(crate) mod addresses;
#[cfg(not(loom))]
pub(crate) mod copy;
#[cfg(not(loom))]
pub(crate) mod input;
#[cfg(not(loom))]
pub(crate) mod lanes;
#[cfg(not(loom))]
pub(crate) mod layout;
#[cfg(not(loom))]
pub(crate) mod output;
pub(crate) mod protocol;
#[cfg(not(loom))]
pub(crate) mod reader;
#[cfg(not(loom))]
pub(crate) mod region;
