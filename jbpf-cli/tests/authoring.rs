//! Authors of codelets ask a running application: this test process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod terminal;

use std::path::Path;

use jbpf::{Runtime, jbpf_helper, jbpf_hook};
use jbpf_testing_app::{Packet, example};
use terminal::{Terminal, codelets, has};

/// Called for every slot.
#[jbpf_hook(program_type = "jbpf_ran")]
fn slot(packet: &Packet) {}

/// Asked for every packet.
#[jbpf_hook(control)]
fn admit(packet: &Packet) -> u64 {
    0
}

/// Doubles a number.
#[jbpf_helper(id = 40)]
fn doubled(number: u64) -> u64 {
    number.checked_mul(2).expect("a number that can be doubled")
}

fn packet(seq_no: i32) -> Packet {
    Packet {
        seq_no,
        value: 2,
        name: [0; 32],
    }
}

fn fire() {
    let packet = packet(1);
    example(&packet, 0);
    slot(&packet);
    admit(&packet);
}

/// One test: a process has one runtime.
#[test]
fn codelets_are_written_for_a_running_application() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("jbpf")).unwrap();
    let _runtime = Runtime::builder()
        .name("authored")
        .socket(folder.path().join("jbpf/authored.sock"))
        .build()
        .unwrap();
    fire();
    let terminal = Terminal(folder.path());
    codelets_are_verified_for_its_hooks(&terminal);
    codelets_run_on_the_data_of_its_hooks(&terminal);
    its_contexts_serve_without_it(&terminal);
    if has("clang") {
        codelets_are_built_for_its_hooks(&terminal, folder.path());
    }
}

fn codelets_are_verified_for_its_hooks(terminal: &Terminal<'_>) {
    let codelet = codelets("first_example/example_codelet.o");
    let said = terminal.prints(&format!("verify {codelet} --hook example"));
    assert!(
        said.contains("example_codelet.o, section jbpf_generic, for hook example"),
        "{said}"
    );
    let said = &terminal.json(&format!(
        "verify {codelet} --app authored --hook admit --json"
    ))[0];
    assert_eq!(
        (&said["hook"], &said["verdict"]),
        (&"admit".into(), &"accepted".into())
    );

    let said = terminal.complains(2, &format!("verify {codelet} --hook exmaple"));
    assert_eq!(said, "error: no hook `exmaple`; did you mean `example`?\n");
    let said = terminal.complains(2, &format!("verify {codelet} --app authored"));
    assert!(
        said.ends_with("may be for any of `admit`, `example`; name one with --hook\n"),
        "{said}"
    );
    let stats = codelets("stats_report/stats_report.o");
    let output = terminal.run(&format!("verify {stats} --hook example"));
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("the program type `jbpf_stats` does not attach to hook `example`, whose type is `jbpf_generic`"),
        "{said}"
    );
    terminal.complains(
        2,
        &format!("verify {codelet} --hook example --context generic"),
    );
}

/// The application has written down its hooks, and is asked no more.
fn its_contexts_serve_without_it(terminal: &Terminal<'_>) {
    let file = terminal.0.join("contexts.json");
    std::fs::write(&file, terminal.prints("hooks --json")).unwrap();
    let contexts = file.to_str().unwrap();
    let codelet = codelets("first_example/example_codelet.o");
    for against in ["--hook example", "--hook report_stats"] {
        let live = terminal.run(&format!("verify {codelet} {against} --json"));
        let offline = terminal.run(&format!(
            "verify {codelet} {against} --contexts {contexts} --json"
        ));
        assert_eq!(offline.status.code(), live.status.code());
        assert_eq!(
            String::from_utf8_lossy(&offline.stdout),
            String::from_utf8_lossy(&live.stdout)
        );
    }
    let said = terminal.json(&format!(
        r#"run {codelet} --contexts {contexts} --hook example --data-json {{"seq_no":3}} --json"#
    ));
    assert_eq!(said[0]["record"]["seq_no"], 3);
    let said = terminal.complains(
        2,
        &format!("verify {codelet} --contexts {contexts} --hook exmaple"),
    );
    assert_eq!(said, "error: no hook `exmaple`; did you mean `example`?\n");
    terminal.complains(
        2,
        &format!("verify {codelet} --contexts {contexts} --app x"),
    );

    let (hooks, helpers) = terminal
        .prints("hooks --json")
        .trim_end()
        .rsplit_once('\n')
        .map(|(hooks, helpers)| (hooks.to_owned(), helpers.to_owned()))
        .unwrap();
    assert!(helpers.starts_with("{\"helpers\":"), "{helpers}");
    for (text, told) in [
        (hooks, "the line with the helpers is missing"),
        ("{}".to_owned(), "is not what `jbpf hooks --json` writes"),
    ] {
        std::fs::write(&file, text).unwrap();
        let said = terminal.complains(2, &format!("verify {codelet} --contexts {contexts}"));
        assert!(said.contains(told) && said.contains("line 1 of"), "{said}");
    }
}

fn codelets_run_on_the_data_of_its_hooks(terminal: &Terminal<'_>) {
    let codelet = codelets("first_example/example_codelet.o");
    let said = terminal.json(&format!(
        r#"run {codelet} --hook example --data-json {{"seq_no":3}} --json"#
    ));
    assert_eq!(said[0]["record"]["seq_no"], 3);
    // The hook's region has a size.
    let said = terminal.complains(2, &format!("run {codelet} --hook example --data-hex 00"));
    assert_eq!(
        said,
        "error: context `ExampleContext` has a region of 40 bytes, but 1 were given\n"
    );
}

const FOR_A_TYPE: &str = r#"
#include "jbpf_defs.h"
#include "jbpf_helper.h"
#include "hooks.h"

SEC("jbpf_ran")
uint64_t jbpf_main(void *state)
{
    struct slot_ctx *ctx = state;
    Packet *packet = (Packet *)ctx->data;
    return doubled(packet->seq_no);
}
"#;

fn codelets_are_built_for_its_hooks(terminal: &Terminal<'_>, folder: &Path) {
    let source = folder.join("ran.c");
    std::fs::write(&source, FOR_A_TYPE).unwrap();
    let source = source.to_str().unwrap();

    // Header, helper and hook are the application's.
    let said = terminal.prints(&format!("build {source} --app authored"));
    assert!(said.starts_with("accepted: "), "{said}");
    assert!(
        said.contains("ran.o, section jbpf_ran, for hook slot"),
        "{said}"
    );
    assert!(said.contains("doubled (40)"), "{said}");

    let object = source.replace("ran.c", "ran.o");
    let said = terminal.complains(2, &format!("run {object} --app authored"));
    assert!(
        said.ends_with("ran.o` calls `doubled`, a function of the application that exists in its process alone; `jbpf verify` checks the call here, and `jbpf load` runs it there\n"),
        "{said}"
    );

    let request = folder.join("ran.yaml");
    let text = format!(
        "codeletset_id: ran\ncodelet_descriptor:\n  - codelet_name: ran\n    codelet_path: {object}\n    hook_name: slot\n    priority: 1\n"
    );
    std::fs::write(&request, text).unwrap();
    let said = terminal.prints(&format!("load {}", request.display()));
    assert!(said.contains("    calls doubled (40)\n"), "{said}");
    for (seq_no, times) in [(-1, "once"), (-2, "2 times")] {
        slot(&packet(seq_no));
        let said = terminal.prints("show ran");
        let expected = format!("    calls doubled (40), which has panicked {times}\n");
        assert!(said.contains(&expected), "{said}");
    }
    terminal.prints("unload ran");

    let said = terminal.complains(1, &format!("build {source}"));
    assert!(
        said.contains(
            "ran.c` does not compile; with --hook or --app, that header comes from the running application"
        ),
        "{said}"
    );
    std::fs::write(folder.join("hooks.h"), "struct slot_ctx;\n").unwrap();
    let said = terminal.complains(1, &format!("build {source} --app authored"));
    assert!(
        said.starts_with("warning: `")
            && said.contains("hooks.h` is not what the application's header is now"),
        "{said}"
    );
}
