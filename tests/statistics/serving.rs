//! The output callback: the channels it serves, and for how long.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use jbpf::{LoadRequest, Runtime, StreamId};

use super::{Turn, also_counted, codelet, counted, fire, sending, turn};

/// Nothing here takes longer on any machine. Work that does hangs.
const DEADLINE: Duration = Duration::from_secs(60);

#[test]
fn a_channel_without_end_keeps_the_callback_from_no_other_and_the_runtime_from_ending() {
    let _turn = turn();
    let runtime = Runtime::builder().name("serving").build().unwrap();
    let busy = sending("busy", "bench/send", "counted", "records");
    runtime.load(&busy).unwrap();
    let quiet = codelet("bench/send", "also_counted").output("records", StreamId([8; 16]));
    let quiet = LoadRequest::builder("quiet").codelet(quiet).build();
    runtime.load(&quiet.unwrap()).unwrap();
    let (said, hear) = mpsc::channel();
    runtime
        .on_output(move |record| match record.codeletset {
            // There comes another one for each that is served.
            "busy" => fire(counted, 1),
            _ => said.send(record.number).unwrap(),
        })
        .unwrap();
    fire(counted, 1000);
    fire(also_counted, 3);
    let served = [(); 3].map(|()| hear.recv_timeout(DEADLINE));
    assert_eq!(served, [Ok(0), Ok(1), Ok(2)]);
    let (tell, ended) = mpsc::channel();
    thread::spawn(move || {
        drop(runtime);
        tell.send(()).unwrap();
    });
    assert_eq!(
        ended.recv_timeout(DEADLINE),
        Ok(()),
        "the runtime does not end"
    );
}

#[test]
fn what_a_channel_holds_when_it_is_unloaded_is_served_to_its_end() {
    const RECORDS: u64 = 1000;
    let turn = Turn::start();
    let set = sending("set", "bench/send", "counted", "records");
    turn.runtime.load(&set).unwrap();
    let (said, hear) = mpsc::channel();
    let (go, until) = mpsc::channel::<()>();
    turn.runtime
        .on_output(move |record| {
            said.send(record.number).unwrap();
            if record.number == 0 {
                until.recv().unwrap();
            }
        })
        .unwrap();
    fire(counted, RECORDS);
    assert_eq!(hear.recv_timeout(DEADLINE), Ok(0));
    turn.runtime.unload("set").unwrap();
    go.send(()).unwrap();
    for number in 1..RECORDS {
        assert_eq!(hear.recv_timeout(DEADLINE), Ok(number));
    }
}
