//! The memory of a process that loads a codelet and then does nothing.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Cargo builds the examples with the tests, beside them.
fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    folder
        .join("examples")
        .join(format!("first_example{}", std::env::consts::EXE_SUFFIX))
}

/// Ended when the test is, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_idle_process_holds_little_and_reserves_no_gigabyte() {
    let mut running = Running(
        Command::new(example())
            .args(["--interval-ms", "3600000"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let stdout = BufReader::new(running.0.stdout.take().unwrap());
    let (said, heard) = mpsc::channel();
    std::thread::spawn(move || {
        for line in stdout.lines().map_while(Result::ok) {
            if said.send(line).is_err() {
                break;
            }
        }
    });
    // The first packet is out: everything is loaded, and the process waits for an hour.
    let first = heard.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_eq!(first, "{");
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.0.id())).unwrap();
    let megabytes = |field: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
        kilobytes.parse::<u64>().unwrap() / 1024
    };
    assert!(megabytes("VmSize:") < 1024, "{status}");
    // Only the process's own memory counts here: the program's pages depend on how it was built.
    assert!(megabytes("RssAnon:") < 6, "{status}");
}
