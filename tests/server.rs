//! The control socket as operators and collectors use it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

#[path = "../fuzz/checks/line.rs"]
mod line;
#[path = "../fuzz/checks/replay.rs"]
mod replay;

use std::collections::BTreeSet;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use jbpf::operator::{Operator, OperatorError, TailEvent};
use jbpf::protocol::{
    ErrorReport, HookReport, HookRole, LoadBody, MapBody, ObjectBody, Reply, Request,
    StatisticsBody,
};
use jbpf::request::{CodeletBuilder, LoadRequestBuilder};
use jbpf::stream::Direction;
use jbpf::{BuildError, Engine, LoadRequest, Runtime, StreamId};
use jbpf_testing_app::{Application, INPUT, OUTPUT, Packet, codelets, fire, first_example, single};
use zerocopy::FromBytes as _;

fn refused<T: std::fmt::Debug>(result: Result<T, OperatorError>) -> ErrorReport {
    match result.unwrap_err() {
        OperatorError::Refused(report) => *report,
        other => panic!("{other}"),
    }
}

#[test]
fn an_application_says_who_it_is_and_what_it_offers() {
    let application = Application::start();
    let mut operator = application.operator();

    let hello = operator.hello().unwrap();
    assert_eq!(
        (hello.name.as_str(), hello.pid),
        ("served", std::process::id())
    );
    assert_eq!((hello.codeletsets, hello.codelets), (0, 0));
    assert_eq!(
        application.runtime().socket(),
        Some(application.socket().as_path())
    );

    let hooks = operator.hooks().unwrap();
    let example = hooks.iter().find(|hook| hook.name == "example").unwrap();
    assert_eq!(example.kind, HookRole::Monitoring);
    assert_eq!(example.docs.trim(), "Called for every packet.");
    assert!(example.file.ends_with("jbpf-testing-app/src/lib.rs") && example.line > 0);
    let fields: Vec<_> = example
        .context
        .fields
        .iter()
        .map(|f| (f.name.as_str(), f.offset))
        .collect();
    assert_eq!(fields, [("meta_data", 16), ("ctx_id", 24)]);
    assert_eq!(example.data.as_ref().unwrap().name, "Packet");
    assert!(example.codelets.is_empty());

    assert!(operator.helpers().unwrap().get(1).is_some());
    assert!(operator.header().unwrap().contains("struct example_ctx"));
}

#[test]
fn codeletsets_are_loaded_listed_and_unloaded() {
    let application = Application::start();
    let mut operator = application.operator();
    let request = first_example();

    let loaded = operator.load(&request).unwrap();
    assert_eq!(loaded.id, "example_codeletset");
    assert_eq!(operator.list().unwrap(), std::slice::from_ref(&loaded));
    assert_eq!(operator.show("example_codeletset").unwrap(), loaded);
    assert_eq!(application.runtime().list().len(), 1);
    assert_eq!(loaded.codelets[0].hook, "example");
    let hooks = operator.hooks().unwrap();
    let example = hooks.iter().find(|hook| hook.name == "example").unwrap();
    assert_eq!(example.codelets[0].codelet, "example_codelet");

    assert_eq!(refused(operator.load(&request)).code, "already-loaded");
    operator.replace(&request).unwrap();
    operator.unload("example_codeletset").unwrap();
    assert!(operator.list().unwrap().is_empty());
    let gone = refused(operator.unload("example_codeletset"));
    assert_eq!(gone.code, "not-loaded");
    assert_eq!(refused(operator.replace(&request)).code, "not-loaded");
}

#[test]
fn refusals_have_codes_and_name_the_nearest_name() {
    let application = Application::start();
    let mut operator = application.operator();

    let report = refused(operator.load(&single("first_example/example_codelet.o", "exmaple")));
    assert_eq!(report.code, "unknown-hook");
    assert_eq!(
        report.message,
        "codeletset `single`, codelet `only`: no hook `exmaple`; did you mean `example`?"
    );
    assert!(report.rejection.is_none());

    let report = refused(operator.load(&single("tests/v3/endless_loop.o", "example")));
    let rejection = report.rejection.unwrap();
    assert_eq!(report.code.to_string(), rejection.code.to_string());
    assert_eq!(report.code, "E0041");
    assert!(rejection.location.is_some());

    operator.load(&first_example()).unwrap();
    let report = refused(operator.show("example_codeletste"));
    assert!(
        report
            .message
            .ends_with("did you mean `example_codeletset`?"),
        "{report:?}"
    );
    let report = refused(operator.send(StreamId([9; 16]), &[0; 4]));
    assert_eq!(report.code, "unknown-stream");
}

#[test]
fn records_are_watched_and_sent() {
    let application = Application::start();
    let mut operator = application.operator();
    operator.load(&first_example()).unwrap();

    let mut tail = application.operator().tail(OUTPUT).unwrap();
    assert_eq!(tail.stream().map, "outmap");
    assert_eq!(tail.stream().record_size as usize, size_of::<Packet>());
    assert_eq!(
        tail.next_event(Some(Duration::from_millis(1))).unwrap(),
        None
    );

    fire(1..=3);
    for seq_no in 1..=3 {
        let Some(TailEvent::Record(event)) = tail.next_event(None).unwrap() else {
            panic!("no record");
        };
        let packet = Packet::read_from_bytes(&event.bytes.0).unwrap();
        assert_eq!((packet.seq_no, packet.value), (seq_no, -seq_no));
        assert_eq!(
            (event.number + 1, event.lost),
            (seq_no.cast_unsigned().into(), 0)
        );
    }

    operator.send(INPUT, &7_i32.to_le_bytes()).unwrap();
    let too_long = refused(operator.send(INPUT, &[0; 4096]));
    assert_eq!(too_long.code, "record-too-long");
    fire([4]);
    let streams = operator.streams().unwrap();
    let input = streams
        .iter()
        .find(|s| s.direction == Direction::Input)
        .unwrap();
    assert_eq!((input.sent, input.received, input.dropped), (1, 1, 1));
    let output = streams
        .iter()
        .find(|s| s.direction == Direction::Output)
        .unwrap();
    assert_eq!((output.sent, output.received), (4, 0));

    operator.unload("example_codeletset").unwrap();
    let fourth = tail.next_event(None).unwrap();
    assert!(matches!(fourth, Some(TailEvent::Record(event)) if event.number == 3));
    let end = tail.next_event(None).unwrap();
    assert_eq!(end, Some(TailEvent::End { lost: 0 }));
}

#[test]
fn unloading_closes_channels_however_long_the_codeletset_is_kept() {
    use jbpf::SendError;
    use jbpf_channel::RecvError;

    let application = Application::start();
    let runtime = application.runtime();
    let kept = runtime.load(&first_example()).unwrap();
    let packets = runtime.output::<Packet>(OUTPUT).unwrap();
    let answers = runtime.input::<i32>(INPUT).unwrap();
    fire(1..=2);

    // A version that keeps the channels: they stay open.
    let replaced = runtime.replace(&first_example()).unwrap();
    answers.send(&1).unwrap();
    assert!(!packets.raw().is_closed());

    runtime.unload(replaced.id()).unwrap();
    let limit = Duration::from_secs(60);
    let received = [(); 3].map(|()| packets.recv_timeout(limit).map(|packet| packet.seq_no));
    assert_eq!(received, [Ok(1), Ok(2), Err(RecvError::Closed)]);
    assert_eq!(answers.send(&2), Err(SendError::Closed));
    drop((kept, replaced));
}

#[test]
fn a_stream_says_whether_somebody_reads_it() {
    let application = Application::start();
    let runtime = application.runtime();
    runtime.load(&first_example()).unwrap();
    let read = || {
        let streams = runtime.streams();
        let output = streams.iter().find(|stream| stream.stream_id == OUTPUT);
        output.unwrap().read
    };
    assert!(!read());
    let packets = runtime.output::<Packet>(OUTPUT).unwrap();
    let _tail = application.operator().tail(OUTPUT).unwrap();
    assert!(read());
    drop(packets);
    assert!(!read(), "to watch is not to read");
}

#[test]
fn hooks_are_measured_as_long_as_the_connection_lasts() {
    let application = Application::start();
    application.runtime().load(&first_example()).unwrap();
    let calls = || {
        let statistics = application.runtime().statistics();
        let measured = statistics.hook("example").unwrap().measured.clone();
        measured.map(|measured| measured.calls)
    };
    let mut watcher = application.operator();
    let mut operator = application.operator();
    let hook = |hooks: Vec<HookReport>| {
        hooks
            .into_iter()
            .find(|hook| hook.name == "example")
            .unwrap()
    };
    assert_eq!(hook(watcher.hooks().unwrap()).calls, None);

    operator.measure(Some(&["example"])).unwrap();
    fire(1..=20);
    let statistics = watcher.statistics(Some(&["example"])).unwrap();
    let measured = statistics[0].measured.as_ref().unwrap();
    assert_eq!((statistics.len(), measured.calls), (1, 20));
    let times = &measured.times;
    let (p50_ns, p99_ns) = (times.quantile_ns(0.5), times.quantile_ns(0.99));
    assert!(p50_ns <= p99_ns && p99_ns.unwrap() <= times.max_ns);
    let codelet = &statistics[0].codelets[0];
    assert_eq!(codelet.measured.as_ref().unwrap().calls, 20);
    let output = codelet
        .channels
        .iter()
        .find(|channel| channel.map == "outmap");
    assert_eq!(output.unwrap().sent, 20);
    let known = hook(watcher.hooks().unwrap());
    assert_eq!((known.calls, known.codelets[0].calls), (Some(20), Some(20)));

    // Another operator measures the same and vanishes. That takes nothing from the first.
    let mut other = application.operator();
    other.measure(None).unwrap();
    drop(other);
    fire(21..=25);
    assert_eq!(calls(), Some(25));
    operator.measure(Some(&[])).unwrap();
    ends(calls);

    operator.measure(None).unwrap();
    fire([26]);
    assert_eq!(calls(), Some(1), "anew");
    drop(operator);
    ends(calls);

    let report = refused(watcher.measure(Some(&["exmaple"])));
    assert_eq!(report.code, "unknown-hook");
    assert_eq!(report.message, "no hook `exmaple`; did you mean `example`?");
    assert_eq!(
        refused(watcher.statistics(Some(&["x"]))).code,
        "unknown-hook"
    );
}

/// The measurements of a connection end in turn with other changes.
fn ends(calls: impl Fn() -> Option<u64>) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while calls().is_some() {
        assert!(Instant::now() < deadline, "still measured");
        std::thread::yield_now();
    }
}

#[test]
fn a_client_that_is_cut_off_while_its_measuring_begins_leaves_none_behind() {
    let application = Application::start();
    application.runtime().load(&first_example()).unwrap();
    for _ in 0..50 {
        let client = application.connect();
        client
            .write(b"{\"version\":1,\"id\":1,\"measure\":{}}\n")
            .unwrap();
        client.stream().shutdown(Shutdown::Both).unwrap();
    }
    // A client that asks now is answered after all of these.
    let mut operator = application.operator();
    operator.measure(Some(&[])).unwrap();
    ends(|| {
        let statistics = application.runtime().statistics();
        let measured = statistics.hook("example").unwrap().measured.clone();
        measured.map(|measured| measured.calls)
    });
}

#[test]
fn maps_are_read_by_pages() {
    let application = Application::start();
    let mut operator = application.operator();
    let loaded = operator.load(&first_example()).unwrap();
    fire(1..=5);

    let codelet = &loaded.codelets[0];
    let array = codelet.maps.iter().find(|map| map.key_size == 4).unwrap();
    let mut part = MapBody {
        codeletset: loaded.id.clone(),
        codelet: codelet.name.clone(),
        map: array.name.clone(),
        skip: 0,
        limit: None,
    };
    let page = operator.map(&part).unwrap();
    assert_eq!(page.map, *array);
    assert_eq!(page.elements.len(), array.max_entries as usize);
    assert!(!page.more);
    let calls = u32::from_le_bytes(page.elements[0].value.0[..4].try_into().unwrap());
    assert_eq!(calls, 5);

    part.limit = Some(0);
    assert!(operator.map(&part).unwrap().more);
    part.skip = 1_000_000;
    assert!(operator.map(&part).unwrap().elements.is_empty());
    part.map.push('x');
    let report = refused(operator.map(&part));
    assert_eq!(report.code, "unknown-map");
    part.map = "outmap".to_owned();
    assert_eq!(refused(operator.map(&part)).code, "map");
}

#[test]
fn memory_is_told_as_long_as_somebody_holds_it() {
    const BUDGET: u64 = 10 << 20;
    let application =
        Application::with(|builder| builder.shared_channels().memory_budget(BUDGET as usize));
    let mut operator = application.operator();
    let none = operator.hello().unwrap().memory;
    assert_eq!((none.used, none.limit, none.unloaded), (0, Some(BUDGET), 0));
    let loaded = operator.load(&first_example()).unwrap();
    let maps = loaded.codelets.iter().flat_map(|codelet| &codelet.maps);
    let bytes: u64 = maps.map(|map| map.memory).sum();
    let all = operator.hello().unwrap().memory;
    assert_eq!((all.used, all.unloaded), (bytes, 0));
    let statistics = operator.statistics(Some(&["example"])).unwrap();
    assert_eq!(statistics[0].codelets[0].memory, bytes);

    // A collector has mapped the channel, and goes on reading what was sent.
    let mut collector = application.connect();
    let open =
        format!(r#"{{"version":1,"id":1,"open_output":{{"stream_id":"{OUTPUT}","tap":true}}}}"#);
    let attachment = &collector.ask(&open)["output"]["attachment"];
    let close = format!(r#"{{"version":1,"id":2,"close":{{"attachment":{attachment}}}}}"#);
    operator.unload("example_codeletset").unwrap();
    let held = operator.hello().unwrap().memory;
    assert!(held.unloaded > 0 && held.used == held.unloaded, "{held:?}");
    assert!(collector.ask(&close)["error"].is_null());
    assert_eq!(operator.hello().unwrap().memory, none);
}

#[test]
fn lists_are_told_from_where_one_wants() {
    let application = Application::start();
    let mut operator = application.operator();
    operator.load(&first_example()).unwrap();
    let (sets, streams) = (operator.list().unwrap(), operator.streams().unwrap());
    assert_eq!((sets.len(), streams.len()), (1, 2));
    for skip in 0..4 {
        let skipped = Some(skip);
        let skip = skip as usize;
        assert_eq!(
            operator.ask(&Request::List { skip: skipped }).unwrap(),
            Reply::List(sets.iter().skip(skip).cloned().collect())
        );
        assert_eq!(
            operator.ask(&Request::Streams { skip: skipped }).unwrap(),
            Reply::Streams(streams.iter().skip(skip).cloned().collect())
        );
    }
}

/// Codeletsets of sixteen codelets, so that a line does not hold their names.
const SETS: usize = 64;

/// A hook whose codelets do not fit into a line: nearly a thousand, with the longest names.
#[test]
fn a_hook_with_many_codelets_is_told_in_parts() {
    let application = Application::with(|builder| builder.engine(Engine::Interpreter));
    let name = |number: usize| format!("{}{number:05}", "\"".repeat(250));
    for set in 0..SETS {
        let builder = LoadRequest::builder(name(set));
        let codelets = (0..16).map(|number| {
            CodeletBuilder::from_path(name(number), codelets("application/any_hook.o"), "example")
        });
        let request = codelets.fold(builder, LoadRequestBuilder::codelet);
        application
            .runtime()
            .load(&request.build().unwrap())
            .unwrap();
    }
    let mut operator = application.operator();
    let too_long = [
        Request::Hooks { skip: None },
        Request::Statistics(StatisticsBody::default()),
    ];
    for request in &too_long {
        let answer = operator.ask(request).map(|_| "a whole answer");
        assert_eq!(refused(answer).code, "answer-too-long", "{request:?}");
    }
    let expected: BTreeSet<_> = (0..SETS)
        .flat_map(|set| (0..16).map(move |number| (name(set), name(number))))
        .collect();
    let hooks = operator.hooks().unwrap();
    let hooks: Vec<_> = hooks.iter().filter(|hook| hook.name == "example").collect();
    assert_eq!(hooks.len(), 1);
    let names = hooks[0].codelets.iter();
    let names = names.map(|it| (it.codeletset.clone(), it.codelet.clone()));
    assert_eq!(names.collect::<BTreeSet<_>>(), expected);
    let statistics = operator.statistics(Some(&["example"])).unwrap();
    assert_eq!(statistics.len(), 1);
    let names = statistics[0].codelets.iter();
    let names = names.map(|it| (it.codeletset.clone(), it.codelet.clone()));
    assert_eq!(names.collect::<BTreeSet<_>>(), expected);
    let list = operator.list().unwrap();
    assert_eq!(list.len(), SETS);
    assert!(list.iter().all(|set| set.codelets.len() == 16));
    // A part of a set, and the end.
    for (skip, expected) in [(0, 4), (14, 2), (16, 0), (u64::MAX, 0)] {
        let (codeletset, skip) = (name(0), Some(skip));
        match operator.ask(&Request::Show { codeletset, skip }).unwrap() {
            Reply::Show(set) => assert_eq!(set.codelets.len(), expected),
            other => panic!("{other:?}"),
        }
    }
}

/// The most memory that this process has had since the last time, in KiB.
fn most_memory_since() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    line.unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap()
}

#[test]
fn a_value_that_no_answer_holds_is_refused_before_it_is_copied() {
    const VALUE_SIZE: u32 = 64 << 20;
    let definition = |value_size: u32| [1, 4, value_size, 1].map(u32::to_le_bytes).concat();
    let mut object = std::fs::read(codelets("first_example/example_codelet.o")).unwrap();
    let small = definition(4);
    let at = object.windows(16).position(|bytes| bytes == small).unwrap();
    object[at..at + 16].copy_from_slice(&definition(VALUE_SIZE));
    let codelet = CodeletBuilder::from_bytes("only", object, "example");
    let codelet = codelet.input("inmap", INPUT);
    let codelet = codelet.output("outmap", OUTPUT);
    let request = LoadRequest::builder("large").codelet(codelet).build();

    let application = Application::start();
    let mut operator = application.operator();
    let loaded = operator.load(&request.unwrap()).unwrap();
    let maps = loaded.codelets[0].maps.iter();
    let large = maps.clone().find(|map| map.value_size == VALUE_SIZE);
    let part = MapBody {
        codeletset: "large".to_owned(),
        codelet: "only".to_owned(),
        map: large.unwrap().name.clone(),
        skip: 0,
        limit: None,
    };
    most_memory_since();
    let before = most_memory_since();
    let report = refused(operator.map(&part));
    assert_eq!(report.code, "answer-too-long");
    assert_eq!(
        report.message,
        "an element of map `counter` has 67108868 bytes, and 786432 fit into an answer"
    );
    let more = most_memory_since() - before;
    assert!(more < u64::from(VALUE_SIZE) / 1024 / 2, "{more} KiB");
}

#[test]
fn stored_codelets_are_loaded_by_path_where_there_is_a_store() {
    let stored = |path: &str| {
        let mut body = LoadBody::from_request(&first_example()).unwrap();
        body.codelets[0].object = ObjectBody::Stored(path.to_owned());
        let load = serde_json::json!({"version": 1, "id": 1, "load": body});
        load.to_string()
    };
    let application = Application::start();
    let answer = application.connect().ask(&stored("example_codelet.o"));
    assert_eq!(answer["error"]["code"], "no-store");
    drop(application);

    let store = codelets("first_example");
    let application = Application::with(|builder| builder.codelet_store(store));
    let mut raw = application.connect();
    for (path, code) in [
        ("../stats_report/stats_report.o", "outside-store"),
        ("/etc/passwd", "outside-store"),
        ("no_such.o", "unreadable-object"),
        (".", "not-a-file"),
        ("load.yaml", "bad-object"),
    ] {
        let answer = raw.ask(&stored(path));
        assert_eq!(answer["error"]["code"], code, "{path}: {answer}");
    }
    let answer = raw.ask(&stored("example_codelet.o"));
    assert_eq!(answer["loaded"]["id"], "example_codeletset", "{answer}");
}

#[test]
fn collectors_open_the_channels_that_are_shared() {
    use jbpf_channel::{Collector, CollectorError};

    let application = Application::start();
    application.runtime().load(&first_example()).unwrap();
    let collector = Collector::connect(application.socket()).unwrap();
    let refused = collector.output::<Packet>(OUTPUT).unwrap_err();
    assert!(
        matches!(refused, CollectorError::Refused { code, .. } if code == "channel-not-shared")
    );
    drop((collector, application));

    let application = Application::with(jbpf::RuntimeBuilder::shared_channels);
    application.runtime().load(&first_example()).unwrap();
    let collector = Collector::connect(application.socket()).unwrap();
    let packets = collector.output::<Packet>(OUTPUT).unwrap();
    let answers = collector.input::<i32>(INPUT).unwrap();
    fire(1..=2);
    let received: Vec<i32> = packets.try_iter().map(|packet| packet.seq_no).collect();
    assert_eq!(received, [1, 2]);
    while answers.send(&2).is_ok() {}
    fire([3]);
    assert!(answers.send(&3).is_ok(), "the codelet has taken one");
}

#[test]
fn the_socket_goes_with_the_runtime() {
    let mut application = Application::start();
    let mut operator = application.operator();
    operator.load(&first_example()).unwrap();
    application.end();
    assert!(!application.socket().exists());
    assert!(matches!(
        operator.hello(),
        Err(OperatorError::Connection(_))
    ));
    assert_eq!(std::fs::read_dir(application.folder()).unwrap().count(), 0);
    fire([1]);
}

#[test]
fn a_live_socket_is_not_taken_and_a_stale_one_is() {
    let mut application = Application::start();
    application.end();
    let socket = application.socket();
    let build = || Runtime::builder().name("served").socket(&socket).build();

    let foreign = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let error = build().unwrap_err();
    assert!(matches!(error, BuildError::Serve(_)), "{error}");
    assert!(
        error
            .to_string()
            .contains("another process serves the socket"),
        "{error}"
    );
    drop(foreign);
    // The refused builds have left no runtime behind, and nobody serves the socket any more.
    let runtime = build().unwrap();
    assert!(matches!(build(), Err(BuildError::AlreadyRunning)));
    drop(runtime);
    assert!(!socket.exists());
}

/// Each line is one more to be read, and none is the answer.
#[test]
fn an_application_that_says_what_nobody_asked_is_not_heard_for_ever() {
    use std::io::Write as _;

    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("app.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let talkative = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        while client
            .write_all(b"{\"version\":1,\"id\":77,\"list\":[]}\n")
            .is_ok()
        {}
    });
    let patience = Duration::from_millis(200);
    let mut operator = Operator::connect_within(&socket, patience).unwrap();
    let silent = operator.hello();
    assert!(
        matches!(silent, Err(OperatorError::Silent { .. })),
        "{silent:?}"
    );
    drop(operator);
    talkative.join().unwrap();
}

#[test]
fn a_client_that_stops_sending_gets_its_answers() {
    let application = Application::start();
    let mut raw = application.connect();
    raw.write(b"{\"version\":1,\"id\":1,\"hello\":{}}\n{\"version\":1,\"id\":2,\"unload\":{\"codeletset\":\"none\"}}\n").unwrap();
    raw.stream().shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(raw.read().unwrap()["hello"]["name"], "served");
    assert_eq!(raw.read().unwrap()["error"]["code"], "not-loaded");
    assert!(raw.read().is_none());
}

#[test]
fn lines_that_the_fuzzer_tried_are_answered() {
    let application = line::application();
    let check = |bytes: &[u8]| line::check(&application, bytes);
    assert!(replay::replay("line", check) > 0);
}
