//! The algorithms of both directions, in safe code over borrowed atomic words.
//!
//! They neither map memory nor copy records: a claim names a position, and its holder moves the
//! bytes.

pub(crate) mod input;
pub(crate) mod output;

#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{AtomicU64, Ordering, fence};
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering, fence};

#[cfg(all(loom, test))]
mod models;
