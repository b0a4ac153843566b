//! The memory of an idle process. Another process of this program loads the first example and
//! prints its status.

use std::process::Command;

use jbpf::{LoadRequest, Runtime};

/// The variable that holds the measured process's socket. Only that process has it.
const SOCKET: &str = "JBPF_BENCH_IDLE_SOCKET";

/// Sizes from `/proc/self/status`, in kB.
#[derive(Debug, Clone, Copy)]
pub struct Footprint {
    /// `VmRSS`.
    pub resident: u64,
    /// `VmSize`.
    pub reserved: u64,
}

/// In the measured process, becomes idle and prints the status. Returns false in others.
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

/// Measures an idle process that serves its control socket and has loaded the first example.
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
