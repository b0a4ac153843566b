//! The pages for newcomers name files. A file that moves takes its name in the pages along.

use crate::root;

/// The names in backticks that are paths from the repository's root.
fn paths(page: &str) -> Vec<&str> {
    let quoted = page.split('`').skip(1).step_by(2);
    let tops = [
        "jbpf-",
        "tests/",
        "benches/",
        "fuzz/",
        "docs/",
        "codelets/",
        "examples/",
        ".ci/",
    ];
    let is_path = |name: &&str| {
        tops.iter().any(|top| name.starts_with(top))
            && name.contains('/')
            && !name.contains(|c: char| c.is_whitespace() || "*<{".contains(c))
            // A page that a contributor adds.
            && !name.contains("NN")
            && !name.contains("NAME")
    };
    quoted.filter(is_path).collect()
}

#[test]
fn the_files_that_the_pages_name_exist() {
    for page in ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"] {
        let text = std::fs::read_to_string(root().join(page)).unwrap();
        let text = text.replace("```", "");
        for path in paths(&text) {
            assert!(root().join(path).exists(), "{page} names `{path}`");
        }
    }
    let architecture = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    assert!(paths(&architecture).len() > 50);
}
