//! The runtime's own threads and memory: granted, or refused with a reason.

#![expect(unsafe_code, reason = "has the kernel refuse a system call")]

use std::time::Duration;

use jbpf::{LoadError, LoadRequest, Runtime, RuntimeBuilder, Scheduling};

use super::{Turn, answer, asked, request, sending, threads, turn, wait_for};

fn refused(configure: impl FnOnce(RuntimeBuilder) -> RuntimeBuilder) -> String {
    let _turn = turn();
    let built = configure(Runtime::builder().name("statistics")).build();
    built.unwrap_err().to_string()
}

/// A line of the status, and the scheduling policy, of the thread of this name.
fn state(name: &str, line: &str) -> (String, String) {
    wait_for("the thread", || {
        std::fs::read_dir("/proc/self/task")
            .unwrap()
            .find_map(|task| {
                let path = task.ok()?.path();
                let comm = std::fs::read_to_string(path.join("comm")).ok()?;
                if comm.trim() != name {
                    return None;
                }
                let status = std::fs::read_to_string(path.join("status")).ok()?;
                let value = status.lines().find_map(|own| own.strip_prefix(line))?;
                let stat = std::fs::read_to_string(path.join("stat")).ok()?;
                // The 41st field; the second one, in brackets, may hold spaces.
                let (_, fields) = stat.rsplit_once(") ")?;
                let policy = fields.split(' ').nth(38)?;
                Some((value.trim().to_owned(), policy.to_owned()))
            })
    })
}

#[test]
fn threads_are_named_placed_and_scheduled_as_asked() {
    let processor = first_allowed();
    let turn = Turn::with(|builder| {
        let builder = builder.call_period(Duration::from_millis(1));
        let builder = builder.thread_prefix("radio").thread_affinity([processor]);
        builder.thread_scheduling(Scheduling::Idle)
    });
    turn.runtime.on_output(|_| {}).unwrap();
    let heart = sending(
        "heart",
        "stats_report/heartbeat",
        "periodic_call",
        "heartbeats",
    );
    turn.runtime.load(&heart).unwrap();
    for name in ["radio-timer", "radio-output"] {
        let (allowed, policy) = state(name, "Cpus_allowed_list:");
        assert_eq!(allowed, processor.to_string(), "{name}");
        assert_eq!(policy, libc::SCHED_IDLE.to_string(), "{name}");
    }
    drop(turn);
    assert_eq!(threads("radio-"), 0);
}

#[test]
fn the_thread_that_ends_what_was_dropped_inside_a_codelet_is_placed_and_scheduled_too() {
    let processor = first_allowed();
    let turn = Turn::with(|builder| {
        let builder = builder.thread_prefix("tower").thread_affinity([processor]);
        builder.thread_scheduling(Scheduling::Idle)
    });
    let asks = request("asks", "stress/asks", "asked");
    turn.runtime.load(&asks).unwrap();
    let mut measuring = Some(turn.runtime.measure("asked").unwrap());
    let (said, hear) = std::sync::mpsc::channel();
    answer(move || {
        drop(measuring.take());
        // It waits for this call to end, once it has begun.
        let asked_for = (processor.to_string(), libc::SCHED_IDLE.to_string());
        wait_for("the thread in its place", || {
            (state("tower-retire", "Cpus_allowed_list:") == asked_for).then_some(())
        });
        said.send(()).unwrap();
    });
    asked();
    hear.try_recv().unwrap();
    answer(|| {});
}

/// The first processor that this process may use.
fn first_allowed() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let list = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        .unwrap();
    let first = list.trim().split([',', '-']).next().unwrap();
    first.parse().unwrap()
}

#[test]
fn what_the_system_refuses_is_said_when_the_runtime_is_built() {
    for processors in [vec![], vec![1023], vec![1_000_000]] {
        let asked = processors.clone();
        let said = refused(|builder| builder.thread_affinity(processors));
        let start = format!("the runtime's threads cannot be kept to the processors {asked:?}: ");
        assert!(said.starts_with(&start), "{said}");
    }
    // No priority of the real-time policies, whatever the privileges.
    for scheduling in [Scheduling::Fifo(0), Scheduling::RoundRobin(200)] {
        let said = refused(|builder| builder.thread_scheduling(scheduling));
        let start = format!(
            "the runtime's threads cannot be scheduled as {scheduling:?}: Invalid argument"
        );
        assert!(said.starts_with(&start), "{said}");
    }
    for prefix in ["", "nine_long", "a/b"] {
        let said = refused(|builder| builder.thread_prefix(prefix));
        let start = format!("the prefix `{prefix}` of the threads' names must have");
        assert!(said.starts_with(&start), "{said}");
    }
    // Nothing is left behind.
    let _turn = Turn::start();
}

#[test]
fn a_load_beyond_the_memory_budget_is_refused_and_leaves_it_free() {
    let turn = Turn::with(|builder| builder.memory_budget(1 << 20));
    let large = sending("large", "bench/send", "counted", "records");
    for _ in 0..3 {
        let error = turn.runtime.load(&large).unwrap_err();
        assert!(matches!(error, LoadError::Map { .. }), "{error}");
        assert!(
            error
                .to_string()
                .contains("of the memory budget of 1048576 bytes are left"),
            "{error}"
        );
    }
    turn.runtime
        .load(&request("small", "bench/count_array", "counted"))
        .unwrap();
}

#[test]
fn memory_that_may_not_be_locked_is_refused() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

    let turn = Turn::with(RuntimeBuilder::lock_memory);
    let before = getrlimit(Resource::Memlock);
    let none = Rlimit {
        current: Some(0),
        ..before
    };
    std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            // This thread alone gives up the capability: a thread that has it may lock memory
            // without limit.
            let mut own = capabilities(None).unwrap();
            own.effective.remove(CapabilitySet::IPC_LOCK);
            set_capabilities(None, own).unwrap();
            setrlimit(Resource::Memlock, none).unwrap();
            turn.runtime
                .load(&request("set", "bench/count_array", "counted"))
        });
        let error = load.join().unwrap().unwrap_err().to_string();
        assert!(error.contains("could not be locked in memory"), "{error}");
        assert!(
            error.contains("raise RLIMIT_MEMLOCK or build the runtime without lock_memory"),
            "{error}"
        );
    });
    setrlimit(Resource::Memlock, before).unwrap();
    turn.runtime
        .load(&request("set", "bench/count_array", "counted"))
        .unwrap();
}

/// A codelet with a map that fills a huge page.
fn on_a_huge_page() -> LoadRequest {
    request("set", "loading/huge_page_map", "counted")
}

const NO_HUGE_PAGES: &str = "codeletset `set`, codelet `codelet`: map `large`: 2097152 bytes could not be put on huge pages: ";

#[test]
fn a_process_with_huge_pages_disabled_is_told_so() {
    use rustix::thread::disable_transparent_huge_pages;

    let turn = Turn::with(RuntimeBuilder::huge_pages);
    disable_transparent_huge_pages(true).unwrap();
    let error = turn.runtime.load(&on_a_huge_page());
    disable_transparent_huge_pages(false).unwrap();
    assert_eq!(
        error.unwrap_err().to_string(),
        format!(
            "{NO_HUGE_PAGES}they are disabled for this process (PR_SET_THP_DISABLE); enable transparent huge pages or \
             build the runtime without huge_pages"
        )
    );
    assert!(turn.runtime.list().is_empty());
    // Maps that fill no huge page are none of its business.
    let small = request("small", "bench/count_array", "counted");
    turn.runtime.load(&small).unwrap();
}

#[test]
fn huge_pages_that_the_system_refuses_are_an_error_of_the_load() {
    let turn = Turn::with(RuntimeBuilder::huge_pages);
    let setting = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
    let available = setting.is_ok_and(|setting| !setting.contains("[never]"));
    std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            forbid_advice(libc::MADV_HUGEPAGE);
            turn.runtime.load(&on_a_huge_page())
        });
        let error = load.join().unwrap().unwrap_err().to_string();
        let reason = if available { "Invalid argument" } else { "" };
        let start = format!("{NO_HUGE_PAGES}{reason}");
        assert!(error.starts_with(&start), "{error}");
    });
    assert!(turn.runtime.list().is_empty());
    let allowed = turn.runtime.load(&on_a_huge_page());
    assert_eq!(allowed.is_ok(), available, "{allowed:?}");
}

/// As on a kernel that knows no such advice, for the calling thread: without privileges, and for
/// good.
fn forbid_advice(advice: i32) {
    use libc::{BPF_ABS, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, sock_filter};

    let filter = |code: u32, jt: u8, jf: u8, k: u32| sock_filter {
        code: u16::try_from(code).unwrap(),
        jt,
        jf,
        k,
    };
    // In `struct seccomp_data`: the call's number, and the low half of its third argument.
    let (number, third) = (0, 32);
    let madvise = u32::try_from(libc::SYS_madvise).unwrap();
    let invalid = libc::SECCOMP_RET_ERRNO | u32::try_from(libc::EINVAL).unwrap();
    let mut filters = [
        filter(BPF_LD | BPF_W | BPF_ABS, 0, 0, number),
        filter(BPF_JMP | BPF_JEQ | BPF_K, 0, 3, madvise),
        filter(BPF_LD | BPF_W | BPF_ABS, 0, 0, third),
        filter(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, advice.cast_unsigned()),
        filter(BPF_RET | BPF_K, 0, 0, invalid),
        filter(BPF_RET | BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: u16::try_from(filters.len()).unwrap(),
        filter: filters.as_mut_ptr(),
    };
    // SAFETY: touches no memory; this thread starts no programs.
    let refused = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(refused, 0);
    // SAFETY: the program is as long as it says, and is copied.
    let refused = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            0,
            &raw const program,
        )
    };
    assert_eq!(refused, 0);
}
