//! What an idle process holds: another process of this program loads the first example and says so.

use std::process::Command;

use jbpf::{LoadRequest, Runtime};

/// Set for the process that is looked at: its socket.
const SOCKET: &str = "JBPF_BENCH_IDLE_SOCKET";

/// What `/proc/self/status` says, in kB.
#[derive(Debug, Clone, Copy)]
pub struct Footprint {
    /// `VmRSS`.
    pub resident: u64,
    /// `VmSize`.
    pub reserved: u64,
}

/// In the process that is looked at: becomes idle, and prints its status. False in others.
pub fn answer() -> bool {
    let Some(socket) = std::env::var_os(SOCKET) else {
        return false;
    };
    let runtime = Runtime::builder()
        .name("idle")
        .socket(&socket)
        .serve()
        .build()
        .unwrap();
    let request = LoadRequest::from_yaml_file(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../codelets/first_example/load.yaml"
    ))
    .unwrap();
    let set = runtime.load(&request).unwrap();
    print!("{}", std::fs::read_to_string("/proc/self/status").unwrap());
    runtime.unload(set.id()).unwrap();
    true
}

/// Of an idle process that serves its control socket and has loaded the first example.
pub fn measure() -> Footprint {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .env(SOCKET, folder.path().join("socket"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let status = String::from_utf8(output.stdout).unwrap();
    let of = |field: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let number = line.unwrap().trim().trim_end_matches(" kB");
        number.parse().unwrap()
    };
    Footprint {
        resident: of("VmRSS:"),
        reserved: of("VmSize:"),
    }
}
