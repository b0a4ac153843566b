//! A project of `jbpf new` builds against this workspace, runs, and is operated as its README
//! says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod terminal;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use terminal::Terminal;

const NAME: &str = "jbpf_new_project";

/// The application, which ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_new_project_builds_runs_and_is_operated() {
    // In a folder that stays, so that a second run of this test builds little.
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let project = temporary.join(NAME);
    let _ = std::fs::remove_dir_all(&project);
    let runtime = tempfile::tempdir().unwrap();
    let terminal = Terminal(runtime.path());
    terminal.prints(&format!("new {}", project.display()));

    let target = temporary.parent().unwrap();
    build(&project, target);
    let _running = Running(
        Command::new(target.join("debug").join(NAME))
            .env("XDG_RUNTIME_DIR", runtime.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap(),
    );
    wait_until("the application has loaded its codelet", || {
        let list = terminal.run("list");
        String::from_utf8_lossy(&list.stdout).contains("slow_requests")
    });

    let header = std::fs::read_to_string(project.join("codelets/hooks.h")).unwrap();
    assert_eq!(terminal.prints("header"), header);
    let object = project.join("codelets/slow_requests.o");
    let object = object.display();
    terminal.prints(&format!("verify {object} --hook request_served"));
    terminal.prints(&format!(
        r#"run {object} --hook request_served --data-json {{"id":1,"latency_us":950}}"#
    ));
    wait_until("requests are counted", || {
        !terminal
            .json("maps slow_requests by_status --json")
            .is_empty()
    });
    terminal.prints(r#"send settings {"slow_us":500}"#);
    wait_until("the codelet has taken the setting", || {
        let current = terminal.json("maps slow_requests current --json");
        current
            .first()
            .is_some_and(|entry| entry["value"]["slow_us"] == 500)
    });
    let request = project.join("codelets/load.yaml");
    terminal.prints(&format!("replace {}", request.display()));
    terminal.prints("unload slow_requests");
    terminal.complains(1, "show slow_requests");
}

/// Offline, with the versions and the settings of this workspace: what is built already is taken
/// from its target folder.
fn build(project: &Path, target: &Path) {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::copy(workspace.join("Cargo.lock"), project.join("Cargo.lock")).unwrap();
    let built = Command::new(env!("CARGO"))
        .current_dir(project)
        .args(["build", "--offline", "--quiet"])
        .arg("--target-dir")
        .arg(target)
        .args(["--config", "profile.dev.debug=\"line-tables-only\""])
        .args(["--config", "profile.dev.package.\"*\".debug=false"])
        // It verifies one small codelet; optimising the verifier takes longer than that.
        .args(["--config", "profile.dev.package.jbpf-verifier.opt-level=0"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{said}");
    assert_eq!(said, "", "warnings");
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not within a minute");
        std::thread::yield_now();
    }
}
