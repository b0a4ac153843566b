//! The order in which codelets of one hook are told: the order in which they run.

use jbpf::Runtime;
use jbpf::operator::Operator;

use super::{Turn, request};

/// The sets on the hook `counted`, as the statistics and as the control socket tell them.
fn told(runtime: &Runtime, operator: &mut Operator) -> [Vec<String>; 2] {
    let statistics = runtime.statistics();
    let hook = statistics.hooks.iter().find(|hook| hook.hook == "counted");
    let counted = hook.unwrap().codelets.iter();
    let hooks = operator.hooks().unwrap();
    let hook = hooks.iter().find(|hook| hook.name == "counted");
    let attached = hook.unwrap().codelets.iter();
    [
        counted.map(|codelet| codelet.codeletset.clone()).collect(),
        attached.map(|codelet| codelet.codeletset.clone()).collect(),
    ]
}

#[test]
fn codelets_of_equal_priority_are_told_in_the_order_of_loading() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("order.sock");
    let turn = Turn::with(|builder| builder.socket(&socket));
    let mut operator = Operator::connect(&socket).unwrap();
    let runtime = &turn.runtime;
    let set = |id: &str| request(id, "bench/count_region", "counted");
    for id in ["zebra", "ant", "mole"] {
        runtime.load(&set(id)).unwrap();
    }
    let loaded = ["zebra", "ant", "mole"];
    assert_eq!(told(runtime, &mut operator), [loaded, loaded]);
    // A replacement takes the place of its predecessor.
    runtime.replace(&set("ant")).unwrap();
    assert_eq!(told(runtime, &mut operator), [loaded, loaded]);
    runtime.unload("zebra").unwrap();
    runtime.load(&set("zebra")).unwrap();
    let loaded = ["ant", "mole", "zebra"];
    assert_eq!(told(runtime, &mut operator), [loaded, loaded]);
}
