//! The seeds of the object reader's fuzz target, and the inputs that it found.

#[path = "../../../fuzz/checks/object.rs"]
pub mod check;
#[path = "../../../fuzz/checks/replay.rs"]
mod replay;

#[test]
fn seeds_and_findings_are_read() {
    assert!(replay::replay("object", check::check) > 0);
}
