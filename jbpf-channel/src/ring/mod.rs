//! Rings: the memory of a channel, and the algorithms on it.
//!
//! `protocol` holds the two algorithms: safe code over atomic words, which loom explores. `output`
//! and `input` put them on mapped memory. `lanes` takes input from other processes. `layout` fixes
//! the offsets, and `region` owns the pages. `reader` is the view of an output ring that readers
//! and producers share. `copy` moves records between memory that others touch at the same time.
//! `addresses` tells machine code how to do the usual cases of an output ring by itself.

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
