//! A forked child runs no codelets and changes nothing of its parent's. Alone in its process: it
//! forks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]
#![allow(unsafe_code, reason = "forks")]

/// All processes are number 1, as each may be in a PID namespace of its own.
#[unsafe(no_mangle)]
extern "C" fn getpid() -> i32 {
    1
}

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jbpf::operator::Operator;
use jbpf::request::CodeletBuilder;
use jbpf::{
    BuildError, LoadError, LoadRequest, Measuring, Runtime, StreamId, UnloadError, WrongPlace,
    jbpf_data, jbpf_helper, jbpf_hook,
};

#[jbpf_data]
struct Count {
    value: u64,
}

#[jbpf_hook]
fn counted(count: &mut Count) {}

/// Has its codelet fork.
#[jbpf_hook(control)]
fn forks() -> u64 {
    404
}

/// The result of `fork`.
#[jbpf_helper(id = 40)]
fn fork_inside() -> i32 {
    // SAFETY: the child returns through the codelet, asks, and exits.
    unsafe { libc::fork() }
}

/// How many codelets ran.
fn fire() -> u64 {
    let mut count = Count { value: 0 };
    counted(&mut count);
    count.value
}

fn codelet(object: &str, hook: &str) -> CodeletBuilder {
    let path = format!("{}/../codelets/{object}.o", env!("CARGO_MANIFEST_DIR"));
    CodeletBuilder::from_path("codelet", path, hook)
}

fn request(id: &str, codelet: CodeletBuilder) -> LoadRequest {
    LoadRequest::builder(id).codelet(codelet).build().unwrap()
}

/// Checks in the child. Returns the number of the first check that fails.
fn child(runtime: Runtime, measuring: Measuring) -> i32 {
    if fire() != 0 || jbpf::registry::hook("counted").unwrap().is_armed() {
        return 1;
    }
    if std::thread::spawn(fire).join().ok() != Some(0) {
        return 2;
    }
    let load = runtime.load(&request("more", codelet("bench/count_region", "counted")));
    if !matches!(load, Err(LoadError::Place(WrongPlace::Forked))) {
        return 3;
    }
    let unload = runtime.unload("set");
    if !matches!(unload, Err(UnloadError::Place(WrongPlace::Forked))) {
        return 4;
    }
    if runtime.measure("counted").is_ok() {
        return 5;
    }
    drop(measuring);
    drop(runtime);
    let own = Runtime::builder().name("child").build();
    if !matches!(own, Err(BuildError::Forked)) {
        return 6;
    }
    0
}

/// Checks in a child that began inside of a codelet. Returns the number of the first check that
/// fails.
fn child_of_a_codelet(runtime: &Runtime) -> i32 {
    if jbpf::reclaim::inside_codelet() {
        return 1;
    }
    if forks() != 404 || fire() != 0 {
        return 2;
    }
    let unload = runtime.unload("set");
    i32::from(!matches!(
        unload,
        Err(UnloadError::Place(WrongPlace::Forked))
    ))
}

/// Waits for a child; its exit status.
fn wait(process: i32) -> i32 {
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut status = -1;
    loop {
        // SAFETY: `status` may be written.
        match unsafe { libc::waitpid(process, &raw mut status, libc::WNOHANG) } {
            0 => std::thread::yield_now(),
            ended => {
                assert_eq!(ended, process);
                assert!(libc::WIFEXITED(status), "{status}");
                return libc::WEXITSTATUS(status);
            }
        }
        if Instant::now() > deadline {
            // SAFETY: a child that has not been waited for: the number is its own.
            unsafe { libc::kill(process, libc::SIGKILL) };
            panic!("the child hangs");
        }
    }
}

/// An application is killed that has served a client, and forked a child that lives on and has not
/// executed anything else: nobody is kept waiting by what the child inherited, and the next
/// application serves.
fn a_killed_applications_child_keeps_nobody_waiting(socket: &Path) {
    let (go, going) = rustix::pipe::pipe().unwrap();
    let (leave, leaving) = rustix::pipe::pipe().unwrap();
    // SAFETY: the child does nothing but what the C library and the runtime allow, and is killed.
    let application = unsafe { libc::fork() };
    if application == 0 {
        drop(leaving);
        let builder = Runtime::builder().name("killed").socket(socket);
        let _runtime = builder.build().unwrap();
        rustix::io::read(&go, &mut [0; 1]).unwrap();
        // SAFETY: as above; this one waits until the test lets it go.
        if unsafe { libc::fork() } == 0 {
            let _ = rustix::io::read(&leave, &mut [0; 1]);
            // SAFETY: ends the process.
            unsafe { libc::_exit(0) };
        }
        // SAFETY: a signal that nobody handles, to this thread.
        unsafe { libc::raise(libc::SIGKILL) };
        // SAFETY: ends the process.
        unsafe { libc::_exit(1) };
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut client = loop {
        match UnixStream::connect(socket) {
            Ok(client) => break client,
            Err(_) => assert!(Instant::now() < deadline, "nobody serves"),
        }
        std::thread::yield_now();
    };
    let limit = Some(Duration::from_secs(30));
    client.set_read_timeout(limit).unwrap();
    client
        .write_all(b"{\"version\":1,\"id\":1,\"hello\":{}}\n")
        .unwrap();
    client.read_exact(&mut [0; 10]).unwrap();
    rustix::io::write(&going, &[0]).unwrap();
    let mut status = 0;
    // SAFETY: `status` may be written.
    let ended = unsafe { libc::waitpid(application, &raw mut status, 0) };
    assert!(
        ended == application && libc::WIFSIGNALED(status),
        "{status}"
    );
    assert_eq!(libc::WTERMSIG(status), libc::SIGKILL);
    client.read_to_end(&mut Vec::new()).unwrap();
    let late = UnixStream::connect(socket).map_err(|error| error.kind());
    assert_eq!(late.err(), Some(ErrorKind::ConnectionRefused));
    let next = Runtime::builder().name("next").socket(socket).build();
    drop(next.unwrap());
    drop(leaving);
}

#[test]
fn a_forked_child_runs_no_codelets_and_leaves_its_parents_alone() {
    assert_eq!(
        std::process::id(),
        1,
        "children are not known by their numbers"
    );
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("app.sock");
    a_killed_applications_child_keeps_nobody_waiting(&socket);
    let builder = Runtime::builder().name("forks").socket(&socket);
    let runtime = builder
        .call_period(Duration::from_millis(1))
        .build()
        .unwrap();
    runtime
        .load(&request("set", codelet("bench/count_region", "counted")))
        .unwrap();
    // Threads of all kinds that the child does not have.
    let heart = codelet("stats_report/heartbeat", "periodic_call");
    let heart = heart.output("heartbeats", StreamId([1; 16]));
    runtime.load(&request("heart", heart)).unwrap();
    static BEATS: AtomicU64 = AtomicU64::new(0);
    runtime
        .on_output(|_| _ = BEATS.fetch_add(1, Ordering::Relaxed))
        .unwrap();
    let measuring = runtime.measure("counted").unwrap();
    assert_eq!(fire(), 1);

    // SAFETY: the child does only things that the C library and the runtime allow, and exits.
    let process = unsafe { libc::fork() };
    assert!(process >= 0);
    if process == 0 {
        let status = child(runtime, measuring);
        // SAFETY: ends the child, without the parent's exit handlers.
        unsafe { libc::_exit(status) };
    }
    assert_eq!(wait(process), 0);

    // SAFETY: the system call of `fork`, without the work of the C library in the child. So the
    // child only makes these checks, and ends.
    let process = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
    if process == 0 {
        // Hooks are armed as they were, and let no call in.
        let ran = fire();
        let unload = runtime.unload("set");
        let forked = matches!(unload, Err(UnloadError::Place(WrongPlace::Forked)));
        // SAFETY: as above.
        unsafe { libc::_exit(i32::from(!forked) + 2 * i32::from(ran != 0)) };
    }
    assert_eq!(wait(i32::try_from(process).unwrap()), 0);

    runtime
        .load(&request("forks", codelet("stress/asks", "forks")))
        .unwrap();
    let process = forks();
    if process == 0 {
        let status = child_of_a_codelet(&runtime);
        // SAFETY: as above.
        unsafe { libc::_exit(status) };
    }
    assert_eq!(wait(i32::try_from(process).unwrap()), 0);
    runtime.unload("forks").unwrap();

    assert_eq!(fire(), 1, "the parent's hooks are as they were");
    let statistics = runtime.statistics();
    let measured = statistics.hook("counted").unwrap().measured.clone();
    assert_eq!(measured.unwrap().calls, 2);
    let beats = BEATS.load(Ordering::Relaxed);
    let deadline = Instant::now() + Duration::from_secs(30);
    while BEATS.load(Ordering::Relaxed) == beats {
        assert!(Instant::now() < deadline, "the heart stands still");
        std::thread::yield_now();
    }
    let mut operator = Operator::connect(&socket).unwrap();
    assert_eq!(operator.list().unwrap().len(), 2);
    drop(measuring);
    runtime.unload("set").unwrap();
}
