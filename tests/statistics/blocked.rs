//! A thread that stays inside of a codelet: operations that wait for it, operations that do not,
//! and reports about it.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use jbpf::error::ThreadInside;
use jbpf::operator::{Operator, OperatorError};
use jbpf::protocol::WaitingReport;
use jbpf::{LoadError, MeasureError, UnloadError};

use super::{Turn, answer, asked, fire, request, wait_for};

const COUNT: &str = "bench/count_region";
const ASKS: &str = "stress/asks";

/// A thread inside of the hook `asked`, in a helper that a codelet has called.
struct Blocked {
    thread: u32,
    release: Sender<()>,
    join: JoinHandle<()>,
}

impl Blocked {
    /// The codelet is loaded as `asks`.
    fn start(turn: &Turn) -> Self {
        turn.runtime.load(&request("asks", ASKS, "asked")).unwrap();
        let (release, released): (_, Receiver<()>) = channel();
        let (inside, hear) = channel();
        answer(move || {
            let thread = rustix::thread::gettid().as_raw_nonzero().get();
            // Nobody listens to a second call.
            let _ = inside.send(thread.unsigned_abs());
            let _ = released.recv();
        });
        let join = std::thread::spawn(asked);
        let thread = hear.recv().unwrap();
        Self {
            thread,
            release,
            join,
        }
    }

    fn leaves(self) {
        drop(self.release);
        self.join.join().unwrap();
        answer(|| {});
    }

    fn is(&self, thread: &ThreadInside) -> bool {
        (thread.thread, thread.hook.as_str()) == (self.thread, "asked")
    }
}

fn served(folder: &tempfile::TempDir, unload_limit: Duration) -> (Turn, Operator) {
    let socket = folder.path().join("app.sock");
    let turn = Turn::with(|builder| builder.socket(&socket).unload_limit(unload_limit));
    let operator = Operator::connect(&socket).unwrap();
    (turn, operator)
}

#[test]
fn changes_of_other_hooks_wait_for_nobody_there() {
    let folder = tempfile::tempdir().unwrap();
    let (turn, mut operator) = served(&folder, Duration::ZERO);
    turn.runtime
        .load(&request("set", COUNT, "counted"))
        .unwrap();
    let blocked = Blocked::start(&turn);
    turn.runtime
        .replace(&request("set", COUNT, "counted"))
        .unwrap();
    fire(super::counted, 3);
    let measuring = turn.runtime.measure("counted").unwrap();
    fire(super::counted, 3);
    drop(measuring);
    // With no time to wait in.
    turn.runtime.unload("set").unwrap();
    // Otherwise the codelets that they took off would be left to another thread.
    assert_eq!(operator.waiting().unwrap(), WaitingReport::default());
    blocked.leaves();
}

#[test]
fn an_unload_that_waits_too_long_is_detached_and_ends_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (turn, mut operator) = served(&folder, Duration::from_millis(50));
    let blocked = Blocked::start(&turn);
    let refused = turn.runtime.unload("asks").unwrap_err();
    let said = refused.to_string();
    let UnloadError::StillInside { id, inside, .. } = refused else {
        panic!("{said}");
    };
    assert_eq!((id.as_str(), inside.len()), ("asks", 1));
    assert_eq!(
        (inside[0].thread, inside[0].hook.as_str()),
        (blocked.thread, "asked")
    );
    assert_eq!(
        said,
        format!(
            "codeletset `asks` is detached, and after 0.05 s still waits for thread {} inside hook `asked` to leave; its memory is freed when that has left",
            blocked.thread
        )
    );
    // Nobody else runs it, and its name and its hook are free.
    assert!(turn.runtime.list().is_empty());
    asked();
    turn.runtime
        .load(&request("asks", COUNT, "counted"))
        .unwrap();
    let report = operator.waiting().unwrap();
    assert!(report.changes.is_empty());
    assert!(blocked.is(&report.inside[0]), "{report:?}");
    blocked.leaves();
    wait_for("the rest to be freed", || {
        operator.waiting().unwrap().inside.is_empty().then_some(())
    });
}

#[test]
fn an_operator_is_told_what_an_unload_waits_for_and_goes_on_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let (turn, mut operator) = served(&folder, Duration::from_secs(60));
    let blocked = Blocked::start(&turn);
    let socket = folder.path().join("app.sock");
    let unloading = std::thread::spawn(move || {
        let mut operator = Operator::connect(socket).unwrap();
        operator.unload("asks")
    });
    let change = wait_for("the unload to wait", || {
        let report = operator.waiting().unwrap();
        let change = report.changes.into_iter().next()?;
        (!change.inside.is_empty()).then_some(change)
    });
    assert_eq!(change.change, "unload");
    assert_eq!(change.codeletset.as_deref(), Some("asks"));
    assert!(change.begun && blocked.is(&change.inside[0]), "{change:?}");
    // None of this waits behind it.
    operator.load(&request("set", COUNT, "counted")).unwrap();
    operator.measure(Some(&["counted"])).unwrap();
    operator.replace(&request("set", COUNT, "counted")).unwrap();
    operator.unload("set").unwrap();
    assert!(operator.list().unwrap().is_empty());
    assert!(!operator.statistics(None).unwrap().is_empty());
    assert!(!unloading.is_finished());
    blocked.leaves();
    unloading.join().unwrap().unwrap();
    assert_eq!(operator.waiting().unwrap(), WaitingReport::default());
}

#[test]
fn an_operator_learns_that_an_unload_has_waited_too_long() {
    let folder = tempfile::tempdir().unwrap();
    let (turn, mut operator) = served(&folder, Duration::from_millis(50));
    let blocked = Blocked::start(&turn);
    match operator.unload("asks") {
        Err(OperatorError::Refused(report)) => assert_eq!(report.code, "still-inside"),
        other => panic!("{other:?}"),
    }
    let gone = operator.unload("asks");
    assert!(matches!(gone, Err(OperatorError::Refused(report)) if report.code == "not-loaded"));
    blocked.leaves();
}

/// Codelets that are taken off stay in memory, so the number of such changes is limited.
#[test]
fn so_many_changes_wait_for_a_thread_and_no_more() {
    let turn = Turn::with(|builder| builder.unload_limit(Duration::ZERO));
    let blocked = Blocked::start(&turn);
    let again = request("asks", ASKS, "asked");
    for _ in 0..63 {
        let left = turn.runtime.unload("asks").unwrap_err();
        assert!(matches!(left, UnloadError::StillInside { .. }), "{left}");
        turn.runtime.load(&again).unwrap();
    }
    turn.runtime.unload("asks").unwrap_err();
    let refused = turn.runtime.load(&again).unwrap_err();
    assert!(
        matches!(refused, LoadError::Waiting { changes: 64, .. }),
        "{refused}"
    );
    let refused = turn.runtime.measure_all().unwrap_err();
    assert!(
        matches!(refused, MeasureError::Waiting { changes: 64, .. }),
        "{refused}"
    );
    blocked.leaves();
    wait_for("the rest to be freed", || turn.runtime.load(&again).ok());
}
