//! The committed inputs of a fuzz target, in the default suite and without libFuzzer.

use std::any::Any;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Runs `check` on each seed of `target`, and on each input that once showed a fault. If
/// `JBPF_FUZZ_CORPUS` is set, runs it on the fuzzer's own corpus, too. If an input fails, the last
/// panic message begins with its name. Returns the number of inputs.
pub fn replay(target: &str, mut check: impl FnMut(&[u8])) -> usize {
    let mut folders = vec!["seeds", "regressions"];
    if std::env::var_os("JBPF_FUZZ_CORPUS").is_some() {
        folders.push("corpus");
    }
    let mut replayed = 0;
    for folder in folders {
        for path in inputs(&fuzz().join(folder).join(target)) {
            let bytes = fs::read(&path).unwrap();
            let checked = catch_unwind(AssertUnwindSafe(|| check(&bytes)));
            if let Err(panic) = checked {
                panic!("{}: {}", path.display(), message(&*panic));
            }
            replayed += 1;
        }
    }
    replayed
}

/// The folder `fuzz`, for tests of any package.
fn fuzz() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = package.ancestors().map(|folder| folder.join("fuzz"));
    folders.find(|folder| folder.is_dir()).unwrap()
}

/// The files of a folder, ordered by name; none if there is no such folder.
fn inputs(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message")
}
