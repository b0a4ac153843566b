//! `jbpf top` on a terminal: what it shows, what keys do, and how it leaves the terminal, however
//! it ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod terminal;

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixListener;

use jbpf::Runtime;
use rustix::process::Signal;
use terminal::Terminal;
use terminal::pty::{OTHER_SCREEN, Pty};

const LEFT: &str = "\u{1b}[D";
const RIGHT: &str = "\u{1b}[C";
const CONTROL_C: &str = "\u{3}";

/// `jbpf top`, once its table is there.
fn top(terminal: &Terminal<'_>, size: (u16, u16)) -> Pty {
    let mut top = Pty::start(terminal.command("top --interval-ms 20"), size);
    top.wait_for(OTHER_SCREEN);
    top.wait_for("jbpf top  watched  1 codelets, every 0.02 s");
    assert!(top.is_raw());
    top
}

/// It takes the keys with it, and on a terminal without signals nothing else ends the table.
#[test]
fn an_application_that_falls_silent_ends_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("silent.sock");
    let socket = UnixListener::bind(&path).unwrap();
    let silent = std::thread::spawn(move || {
        let (client, _) = socket.accept().unwrap();
        let mut lines = BufReader::new(&client).lines();
        let hello = r#""hello":{"name":"silent","pid":1,"jbpf":"","executable":null,"uptime_s":0,"codeletsets":0,"codelets":0}"#;
        let answers = [hello, r#""measuring":{}"#, r#""statistics":[]"#];
        for (id, answer) in (1..).zip(answers) {
            lines.next().unwrap().unwrap();
            writeln!(&client, r#"{{"version":1,"id":{id},{answer}}}"#).unwrap();
        }
        // Until the client hangs up.
        lines.count()
    });
    let top = Terminal(folder.path()).command(&format!("top --socket {}", path.display()));
    let said = Pty::start(top, (80, 24)).ends_and_restores(Some(2));
    assert!(
        said.contains("error: the application did not answer"),
        "{said:?}"
    );
    assert_eq!(silent.join().unwrap(), 1, "one question was not answered");
}

#[test]
fn the_live_table_obeys_keys_and_gives_the_terminal_back() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("jbpf")).unwrap();
    let terminal = Terminal(folder.path());
    let socket = folder.path().join("jbpf/watched.sock");
    let runtime = Runtime::builder()
        .name("watched")
        .socket(&socket)
        .build()
        .unwrap();
    // Nothing is fired, but without a use the linker leaves the hook out.
    jbpf_testing_app::fire([]);
    runtime.load(&jbpf_testing_app::first_example()).unwrap();

    keys_change_the_table(&terminal);
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let top = top(&terminal, (120, 20));
        top.kill(signal);
        top.ends_and_restores(Some(0));
    }
    // Too small for the table, and of no size that is known.
    let mut small = Pty::start(terminal.command("top"), (8, 1));
    small.wait_for("jbpf top");
    small.press("q");
    small.ends_and_restores(Some(0));
    let unsized_one = top(&terminal, (0, 0));
    unsized_one.press("q");
    unsized_one.ends_and_restores(Some(0));

    let top = top(&terminal, (120, 20));
    drop(runtime);
    let said = top.ends_and_restores(Some(2));
    assert!(
        said.contains("error: the application did not answer"),
        "{said:?}"
    );
}

fn keys_change_the_table(terminal: &Terminal<'_>) {
    let mut top = top(terminal, (120, 20));
    top.wait_for("CALLS/Sv");
    top.wait_for("example_codeletset/example_codelet");
    top.press(RIGHT);
    top.wait_for("P50v");
    top.press(LEFT);
    top.wait_for("CALLS/Sv");
    top.press("r");
    top.wait_for("CALLS/S^");
    top.press("h");
    top.wait_for("1 hooks, every");
    top.press("h");
    top.wait_for("1 codelets, every");
    top.press("/");
    top.wait_for("filter: _   enter keeps it");
    top.press("qx");
    top.wait_for("0 codelets, every");
    top.wait_for("filter: qx_");
    top.press("\u{7f}\r");
    top.wait_for("filter: q   q quit");
    top.press("/");
    top.press("\u{1b}");
    top.wait_for("1 codelets, every");
    top.press(CONTROL_C);
    let last = top.ends_and_restores(Some(0));
    assert_eq!(last, "", "nothing comes on the first screen");
}
