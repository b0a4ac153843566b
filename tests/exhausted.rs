//! Requests of operators while the system has nothing left to give: they are refused, and the
//! application goes on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]
#![allow(unsafe_code, reason = "maps memory")]

use std::collections::BTreeSet;
use std::process::Command;
use std::ptr;

use jbpf::operator::OperatorError;
use jbpf::request::CodeletBuilder;
use jbpf::{LoadRequest, Receiver, RuntimeBuilder, Sender, StreamId};
use jbpf_channel::Collector;
use jbpf_channel::limits::MappingShare;
use jbpf_testing_app::{Application, INPUT, OUTPUT, Packet, codelets, fire, first_example};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const PAGE: usize = 4096;

/// All mappings that the process may have, until it is dropped.
struct AllMappings {
    start: *mut libc::c_void,
    len: usize,
}

impl AllMappings {
    /// `None` if the system allows so many that taking them would take too long.
    fn take() -> Option<Self> {
        let limit = std::fs::read_to_string("/proc/sys/vm/max_map_count").ok()?;
        let limit: usize = limit
            .trim()
            .parse()
            .ok()
            .filter(|limit| *limit <= 1 << 19)?;
        let len = 2 * limit * PAGE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping, at an address of the system's choice.
        let start = unsafe { libc::mmap(ptr::null_mut(), len, libc::PROT_NONE, flags, -1, 0) };
        assert_ne!(start, libc::MAP_FAILED);
        let all = Self { start, len };
        for offset in (PAGE..len).step_by(2 * PAGE) {
            // Every second page differs from its neighbours, and is a mapping of its own.
            // SAFETY: a page of the mapping.
            let page = unsafe { start.byte_add(offset) };
            // SAFETY: nothing else uses the page.
            if unsafe { libc::mprotect(page, PAGE, libc::PROT_READ) } != 0 {
                return Some(all);
            }
        }
        panic!("more mappings than the system's limit");
    }
}

impl Drop for AllMappings {
    fn drop(&mut self) {
        // SAFETY: mapped with this length, and given back once.
        let given_back = unsafe { libc::munmap(self.start, self.len) };
        assert_eq!(given_back, 0);
    }
}

#[test]
fn without_mappings_an_operator_is_refused_and_the_application_goes_on() {
    let application = Application::start();
    let mut operator = application.operator();
    let request = first_example();
    // The system keeps the stack of a thread that has ended, for the next one.
    operator.load(&request).unwrap();
    fire(1..=3);

    let Some(all) = AllMappings::take() else {
        eprintln!("the system has too many mappings: what happens without is not tested");
        return;
    };
    let replaced = operator.replace(&request);
    let unloaded = operator.unload("example_codeletset");
    fire(4..=6);
    let listed = operator.list();
    drop(all);
    for refused in [replaced.map(|_| ()), unloaded] {
        match refused {
            Err(OperatorError::Refused(report)) => assert_eq!(report.code, "system", "{report:?}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(listed.unwrap().len(), 1);

    operator.replace(&request).unwrap();
    fire(7..=9);
    operator.unload("example_codeletset").unwrap();
}

/// The application's allocator finds mappings, however many maps operators load.
#[test]
fn maps_and_channels_take_half_of_the_mappings_at_most() {
    let application = Application::start();
    let mut operator = application.operator();
    let before = MappingShare::left();
    let rest = MappingShare::take(before - 4).unwrap();
    let refused = operator.load(&first_example()).unwrap_err().to_string();
    assert!(refused.contains("vm.max_map_count"), "{refused}");
    assert_eq!(MappingShare::left(), 4);
    drop(rest);
    operator.load(&first_example()).unwrap();
    // A counter, and two channels.
    assert!(MappingShare::left() < before - 2);
    operator.unload("example_codeletset").unwrap();
    assert_eq!(MappingShare::left(), before);
}

/// Runs `attempt` while the process has this limit, in the place of what it had.
fn with_limit<T>(resource: Resource, limit: u64, attempt: impl FnOnce() -> T) -> T {
    let before = getrlimit(resource);
    let maximum = before.maximum;
    let current = Some(limit);
    setrlimit(resource, Rlimit { current, maximum }).unwrap();
    let result = attempt();
    setrlimit(resource, before).unwrap();
    result
}

/// Beyond this limit the kernel does not only refuse: it ends the process (`SIGXFSZ`).
#[test]
fn channels_that_files_may_not_hold_are_refused() {
    // The limit also holds for the file that this process may be writing its results to.
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "child_that_may_write_no_file"])
        .output()
        .unwrap();
    assert!(child.status.success(), "{child:?}");
}

#[test]
#[ignore = "a part of another test, in a process of its own"]
fn child_that_may_write_no_file() {
    let application = Application::with(RuntimeBuilder::shared_channels);
    let mut operator = application.operator();
    let request = first_example();
    for limit in [0, 4096] {
        let loaded = with_limit(Resource::Fsize, limit, || operator.load(&request));
        assert!(loaded.is_err(), "{limit}: {loaded:?}");
    }
    operator.load(&request).unwrap();
    let collector = Collector::connect(application.socket()).unwrap();
    with_limit(Resource::Fsize, 0, || {
        collector.output::<Packet>(OUTPUT).unwrap_err();
        collector.input::<i32>(INPUT).unwrap_err();
    });
    fire([1]);
    let packets: Receiver<Packet> = collector.output(OUTPUT).unwrap();
    assert_eq!(packets.try_iter().count(), 1);
    operator.unload("example_codeletset").unwrap();
}

/// The application has descriptors left for its own files and connections, however many channels
/// operators want.
#[test]
fn channels_take_half_of_the_descriptors_at_most() {
    const LIMIT: u8 = 120;
    let application = Application::with(RuntimeBuilder::shared_channels);
    let mut operator = application.operator();
    let object = codelets("first_example/example_codelet.o");
    let (loaded, refused, own) = with_limit(Resource::Nofile, LIMIT.into(), || {
        let mut load = |number: u8| {
            let codelet = CodeletBuilder::from_path("only", &object, "example")
                .output("outmap", StreamId([number; 16]))
                .input("inmap", StreamId([number; 16]));
            let request = LoadRequest::builder(format!("set{number}")).codelet(codelet);
            operator.load(&request.build().unwrap())
        };
        let refused = (1..=LIMIT).find_map(|number| Some((number, load(number).err()?)));
        let (number, refused) = refused.unwrap();
        let own = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok());
        (number - 1, refused, own.collect::<Vec<_>>().len())
    });
    assert_eq!(loaded, LIMIT / 2);
    assert!(refused.to_string().contains("open files"), "{refused}");
    assert!(own >= 20, "{own}");
}

/// The result of `attempt` when the process may open so many descriptors more.
fn with_room_for<T>(descriptors: usize, attempt: impl FnOnce() -> T) -> T {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut used: BTreeSet<u64> = names.map(|name| name.parse().unwrap()).collect();
    // The folder itself was open, and is not any more.
    used.retain(|number| std::fs::symlink_metadata(format!("/proc/self/fd/{number}")).is_ok());
    let before = getrlimit(Resource::Nofile);
    let free = (0..).filter(|number| !used.contains(number));
    let mut limit = before;
    limit.current = free.into_iter().nth(descriptors);
    setrlimit(Resource::Nofile, limit).unwrap();
    let result = attempt();
    setrlimit(Resource::Nofile, before).unwrap();
    result
}

#[test]
fn what_a_collector_has_no_descriptors_for_is_there_for_its_next_attempt() {
    let application = Application::with(RuntimeBuilder::shared_channels);
    application.runtime().load(&first_example()).unwrap();
    let collector = Collector::connect(application.socket()).unwrap();
    // The application is the other process, too: it lets go of what it lent a moment later. It
    // does so before it reads the collector's next request, and refuses this one without a
    // descriptor.
    let settle = || {
        let nobody = StreamId([0xee; 16]);
        collector.input::<i32>(nobody).unwrap_err();
    };
    let output = || -> Result<Receiver<Packet>, _> { collector.output(OUTPUT) };
    let input = || -> Result<Sender<i32>, _> { collector.input(INPUT) };
    // By then it has its place.
    drop(output().unwrap());
    let mut failed = (0, 0);
    for (descriptors, number) in (0..8).zip(1..) {
        settle();
        failed.0 += u32::from(with_room_for(descriptors, output).is_err());
        fire([number]);
        let packets = output().unwrap();
        let numbers: Vec<_> = packets.try_iter().map(|packet| packet.seq_no).collect();
        assert_eq!(numbers, [number]);
        settle();
        failed.1 += u32::from(with_room_for(descriptors, input).is_err());
        drop(input().unwrap());
    }
    assert!(failed.0 > 0 && failed.1 > 0, "{failed:?}");
    // The attempt that failed last has left nothing open.
    settle();
    with_room_for(8, output).unwrap();
    settle();
    with_room_for(8, input).unwrap();
}
