//! Damaged real objects: parsing ends soon for any damage, with an object or an error.

use std::sync::LazyLock;

use proptest::prelude::*;

use crate::fuzzed::check::check;
use crate::{codelet, codelets};

/// Every real object of one version.
static OBJECTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut objects = vec![
        codelet("first_example/example_codelet.o"),
        codelet("stats_report/stats_report.o"),
    ];
    if let Ok(folder) = std::fs::read_dir(codelets().join("tests/v3")) {
        let mut paths: Vec<_> = folder.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        objects.extend(paths.iter().filter_map(|path| std::fs::read(path).ok()));
    }
    objects
});

#[test]
fn undamaged() {
    OBJECTS.iter().for_each(|bytes| check(bytes));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn flipped_bytes(which: prop::sample::Index, flips in prop::collection::vec(
        (any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = which.get(&OBJECTS).clone();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        check(&bytes);
    }

    #[test]
    fn words_of_the_headers_replaced(which: prop::sample::Index, edits in prop::collection::vec(
        (any::<prop::sample::Index>(), prop_oneof![Just(0u32), Just(1), Just(u32::MAX), Just(i32::MAX as u32), any::<u32>(), 0u32..64]), 1..4)) {
        let mut bytes = which.get(&OBJECTS).clone();
        // The section headers end the file: half of it is structure.
        let half = bytes.len() / 2;
        for (at, value) in edits {
            let at = half + at.index((bytes.len() - half) / 4 - 1) * 4;
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        check(&bytes);
    }

    #[test]
    fn cut_and_spliced(a: prop::sample::Index, b: prop::sample::Index,
        from: prop::sample::Index, to: prop::sample::Index, len in 1usize..2048) {
        let (mut bytes, other) = (a.get(&OBJECTS).clone(), b.get(&OBJECTS));
        let (from, to) = (from.index(other.len()), to.index(bytes.len()));
        let piece = &other[from..other.len().min(from + len)];
        let end = bytes.len().min(to + piece.len());
        bytes.splice(to..end, piece.iter().copied());
        check(&bytes);
    }

    #[test]
    fn arbitrary_bytes_after_a_good_header(tail in prop::collection::vec(any::<u8>(), 0..4096)) {
        let mut bytes = codelet("first_example/example_codelet.o")[..64].to_vec();
        bytes.extend(tail);
        check(&bytes);
    }
}
