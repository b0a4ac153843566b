//! Any bytes as a request in YAML; see `docs/fuzzing.md`.

#![no_main]
#![allow(missing_docs)]

#[path = "../checks/request.rs"]
mod request;

use std::sync::LazyLock;

use tempfile::TempDir;

/// The folder of the requests' files, in memory if the system has such a place: each input writes
/// one file.
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| request::check(FOLDER.path(), bytes));
