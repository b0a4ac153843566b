//! The prebuilt objects belong to their sources. If a codelet or a header was changed without
//! `make -C codelets`, this test tells so, without a C compiler.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

fn codelets() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join("codelets")
}

/// Files below `folder` with this extension, relative to `codelets`.
fn files(folder: &Path, extension: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|own| own == extension) {
            let relative = path.strip_prefix(codelets()).unwrap();
            found.insert(relative.to_str().unwrap().replace('\\', "/"));
        }
    }
    found
}

fn hash(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Sha256::digest(&bytes)
        .iter()
        .fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        })
}

/// Every record: the list's path, and the hash and path of each line.
fn records() -> Vec<(String, Vec<(String, String)>)> {
    files(&codelets(), "sha256")
        .into_iter()
        .map(|list| {
            let text = std::fs::read_to_string(codelets().join(&list)).unwrap();
            let lines = text
                .lines()
                .map(|line| line.split_once("  ").expect("a hash and a path"))
                .map(|(hash, path)| (hash.to_owned(), path.to_owned()))
                .collect();
            (list, lines)
        })
        .collect()
}

#[test]
fn sources_and_objects_are_those_that_were_recorded_together() {
    for (list, lines) in records() {
        for (recorded, path) in lines {
            assert_eq!(
                hash(&codelets().join(&path)),
                recorded,
                "codelets/{path} is not what codelets/{list} was recorded with; run `make -C codelets`"
            );
        }
    }
}

#[test]
fn every_source_and_object_is_recorded() {
    let recorded: BTreeSet<String> = records()
        .into_iter()
        .flat_map(|(_, lines)| lines)
        .map(|(_, path)| path)
        .collect();
    for extension in ["c", "cpp", "h", "o"] {
        let present = files(&codelets(), extension);
        assert!(!present.is_empty());
        let missing: Vec<_> = present.difference(&recorded).collect();
        assert!(
            missing.is_empty(),
            "not recorded in any codelets/**/*.sha256: {missing:?}; run `make -C codelets`"
        );
    }
}

#[test]
fn objects_name_no_path_of_the_machine_that_built_them() {
    for object in files(&codelets(), "o") {
        let bytes = std::fs::read(codelets().join(&object)).unwrap();
        for prefix in [&b"/home/"[..], b"/root/", b"/tmp/", b"/usr/"] {
            let found = bytes.windows(prefix.len()).any(|window| window == prefix);
            assert!(!found, "{object} holds {}", String::from_utf8_lossy(prefix));
        }
    }
}

/// `docs/safety.md` names a test for each clause, as `file::test`.
#[test]
fn the_tests_that_the_promise_names_exist() {
    let named = existing_tests("docs/safety.md");
    assert!(named > 50, "{named} tests are named");
}

/// `docs/verified-facts.md` does so for each fact.
#[test]
fn the_tests_that_facts_are_held_by_exist() {
    let named = existing_tests("docs/verified-facts.md");
    assert!(named > 40, "{named} tests are named");
}

/// The number of tests that a page names. Each of them exists.
fn existing_tests(page: &str) -> usize {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let page = std::fs::read_to_string(root.join(page)).unwrap();
    let mut named = 0;
    for (file, test) in page.split('`').filter_map(|code| code.split_once(".rs::")) {
        let path = root.join(format!("{file}.rs"));
        let source = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let declared = source.split_once(&format!("fn {test}("));
        let (before, _) = declared.unwrap_or_else(|| panic!("{file}.rs has no test {test}"));
        let attributes = before.rsplit_once('}').map_or(before, |(_, last)| last);
        assert!(
            attributes.contains("#[test]"),
            "{file}.rs: {test} is no test"
        );
        named += 1;
    }
    named
}
