//! Requests in YAML, of any bytes; see `docs/fuzzing.md`.

#![no_main]
#![allow(missing_docs)]

#[path = "../checks/request.rs"]
mod request;

use std::sync::LazyLock;

use tempfile::TempDir;

/// In memory, where there is such a place: a request is written to a file for each input.
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| request::check(FOLDER.path(), bytes));
