//! The machine code of an idle hook call: one load, one compare, one branch, arguments untouched;
//! and nothing with the feature `disabled`.
//!
//! The crates in `tests/asm` are compiled as a user's would be, optimised, and the code of their
//! functions is compared with the listings beside them. `BLESS=1 cargo test --test idle_assembly`
//! writes the listings anew.
#![cfg(all(target_arch = "x86_64", target_os = "linux", not(loom), not(miri)))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

const CRATES: [&str; 2] = ["same_crate", "cross_crate"];

/// By crate, the functions that call a monitoring hook and a control hook.
const CALLS: [(&str, [&str; 2]); 2] = [
    ("same_crate", ["monitoring_call", "control_call"]),
    (
        "cross_crate",
        ["monitoring_call_across", "control_call_across"],
    ),
];

/// The workspace and its target folder are one test's at a time.
static TURN: Mutex<()> = Mutex::new(());

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// A workspace of the two crates, with the versions of the project's own lock file.
fn workspace() -> PathBuf {
    let root = here().join("../target/idle_assembly");
    let manifest = "[workspace]\nresolver = \"3\"\nmembers = [\"same_crate\", \"cross_crate\"]\n";
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("Cargo.toml"), manifest).unwrap();
    fs::copy(here().join("../Cargo.lock"), root.join("Cargo.lock")).unwrap();
    for name in CRATES {
        let hooks = here();
        let mut manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[lib]\npath = \"{}\"\n\n\
             [features]\ndisabled = [\"jbpf-hooks/disabled\"]\n\n\
             [dependencies]\njbpf-hooks = {{ path = \"{}\" }}\n",
            hooks
                .join("tests/asm")
                .join(name)
                .with_extension("rs")
                .display(),
            hooks.display()
        );
        if name == "cross_crate" {
            manifest.push_str("same_crate = { path = \"../same_crate\" }\n");
        }
        fs::create_dir_all(root.join(name)).unwrap();
        fs::write(root.join(name).join("Cargo.toml"), manifest).unwrap();
    }
    root
}

/// The assembly of a crate, with these of its features.
fn assembly(root: &Path, name: &str, features: &str) -> String {
    let output = Command::new(env!("CARGO"))
        .args([
            "rustc",
            "--release",
            "--offline",
            "--quiet",
            "--lib",
            "-p",
            name,
            "--features",
            features,
            "--",
        ])
        .args(["-C", "codegen-units=1", "--emit"])
        .arg(format!(
            "asm={}",
            root.join(name).join("listing.s").display()
        ))
        .current_dir(root)
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_TARGET_DIR")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    fs::read_to_string(root.join(name).join("listing.s")).unwrap()
}

/// The instructions and labels of a function, without hashes and directives.
fn function(assembly: &str, name: &str) -> String {
    let label = format!("{name}:");
    let body = assembly.lines().skip_while(|line| *line != label).skip(1);
    let lines = body
        .take_while(|line| !line.trim_start().starts_with(".cfi_endproc"))
        .filter(|line| !line.trim_start().starts_with('.') || line.starts_with(".LBB"))
        .map(|line| without_hashes(line.trim_end()));
    let text: Vec<String> = lines.collect();
    assert!(!text.is_empty(), "{name} is not in the listing");
    format!("{label}\n{}\n", text.join("\n"))
}

/// Symbols end in hashes that differ from build to build: `17h0123456789abcdefE`.
fn without_hashes(line: &str) -> String {
    let mut rest = line;
    let mut clean = String::new();
    while let Some(at) = rest.find("17h") {
        let (before, hash) = rest.split_at(at + 3);
        let digits = hash.bytes().take_while(u8::is_ascii_hexdigit).count();
        clean.push_str(before);
        clean.push_str(if digits >= 16 {
            "HASH"
        } else {
            &hash[..digits]
        });
        rest = &hash[digits..];
    }
    clean + rest
}

/// The instructions of an idle call: up to the conditional branch, and from it the way that is not
/// taken.
fn idle_path(function: &str) -> Vec<&str> {
    let mut path = Vec::new();
    for line in function
        .lines()
        .skip(1)
        .map(str::trim)
        .filter(|line| !line.starts_with(".LBB"))
    {
        path.push(line);
        if line.starts_with("ret") || line.starts_with("jmp") {
            break;
        }
    }
    path
}

/// One load of the hook's pointer (and one of its address, where the linker fills that in), one
/// compare, one branch; what passes arguments is not touched.
fn check_idle(name: &str, function: &str) {
    let path = idle_path(function);
    let mnemonic = |line: &str| {
        line.split_whitespace()
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let branch = path
        .iter()
        .position(|line| line.starts_with('j'))
        .unwrap_or_else(|| panic!("{name} has no branch:\n{function}"));
    let before = &path[..branch];
    let addresses = before
        .iter()
        .filter(|line| line.contains("@GOTPCREL"))
        .count();
    let reads = before
        .iter()
        .filter(|line| line.contains('(') && !line.contains("@GOTPCREL"))
        .count();
    let compares = before
        .iter()
        .filter(|line| ["cmpq", "testq"].contains(&mnemonic(line).as_str()))
        .count();
    assert!(
        addresses <= 1,
        "{name} loads more than one address:\n{function}"
    );
    assert_eq!(
        (reads, compares),
        (1, 1),
        "{name}: one load, one compare:\n{function}"
    );
    assert!(
        before.len() <= 3,
        "{name} does more than load and compare:\n{function}"
    );
    let arguments = ["%rdi", "%edi", "%rsi", "%esi", "%rdx", "%edx", "%rsp"];
    for line in before {
        assert!(
            !arguments.iter().any(|register| line.contains(register)),
            "{name} touches an argument:\n{function}"
        );
    }
}

#[test]
fn an_idle_call_is_one_load_one_compare_one_branch() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let root = workspace();
    for (name, functions) in CALLS {
        let assembly = assembly(&root, name, "");
        let mut listing = String::new();
        for wanted in functions {
            let code = function(&assembly, wanted);
            check_idle(wanted, &code);
            listing.push_str(&code);
        }
        let kept = here().join("tests/asm").join(name).with_extension("s");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&kept, &listing).unwrap();
        }
        let kept = fs::read_to_string(&kept).expect("BLESS=1 writes the listings");
        assert_eq!(listing, kept, "{name}: BLESS=1 writes the listings anew");
    }
}

#[test]
fn a_disabled_call_is_the_body_alone() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let root = workspace();
    for (name, [monitoring, control]) in CALLS {
        let assembly = assembly(&root, name, "disabled");
        assert_eq!(
            function(&assembly, monitoring),
            format!("{monitoring}:\n\tretq\n")
        );
        assert_eq!(
            function(&assembly, control),
            format!("{control}:\n\txorl\t%eax, %eax\n\tretq\n")
        );
    }
}
