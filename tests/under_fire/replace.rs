//! Versions of a codeletset that replace each other while threads call: each call runs exactly one
//! of two versions, kept maps lose nothing, and other maps begin anew.

use std::sync::atomic::{AtomicU64, Ordering};

use jbpf::request::CodeletBuilder;
use jbpf::{Codeletset, LoadError, LoadRequest, StreamId, jbpf_data};

use super::{Application, Cell, Record, STREAM, fired, request, until, while_firing};

const REPLACEMENTS: u32 = 100;

/// A call ran one version.
fn ran_one(cell: Cell) {
    assert_eq!(cell.first + cell.second, 1, "{cell:?}");
    assert_eq!(cell.failed, 0, "{cell:?}");
}

#[test]
fn no_call_runs_neither_or_both_and_counts_that_are_kept_never_fall() {
    let application = Application::start();
    for (kind, shared) in [
        ("array", true),
        ("hash", true),
        ("thread_array", false),
        ("thread_hash", false),
    ] {
        let versions = [1, 2].map(|version| request(&format!("{kind}_{version}"), None));
        let set = application.load(&versions[0]).unwrap();
        let counts = set.map::<u32, u64>("counts").unwrap();
        if shared {
            (0..8).for_each(|key| counts.set(&key, &0).unwrap());
        }
        let total = || (0..8).map(|key| counts.sum(&key).unwrap()).sum::<u64>();
        let versions_seen = [AtomicU64::new(0), AtomicU64::new(0)];
        let all = while_firing(
            || {
                let mut last = 0;
                for round in 1..=REPLACEMENTS {
                    let version = round as usize % 2;
                    let before = versions_seen[version].load(Ordering::Relaxed);
                    application.replace(&versions[version]).unwrap();
                    until("the new version runs", || {
                        versions_seen[version].load(Ordering::Relaxed) > before
                    });
                    let now = total();
                    assert!(now >= last, "{kind}: the counts fell from {last} to {now}");
                    last = now;
                }
            },
            |cell| {
                ran_one(cell);
                versions_seen[cell.second as usize].fetch_add(1, Ordering::Relaxed);
            },
        );
        // The view is that of the first version's map: it is the same one still.
        assert_eq!(total(), all.first + all.second, "{kind}");
        assert!(all.first > 0 && all.second > 0, "{kind}: {all:?}");
        application.unload("set").unwrap();
        assert_eq!(fired(0), Cell::default(), "{kind}");
    }
}

#[test]
fn a_map_whose_definition_changed_begins_anew() {
    let application = Application::start();
    let set = application.load(&request("array_1", None)).unwrap();
    let old = set.map::<u32, u64>("counts").unwrap();
    old.set(&0, &1000).unwrap();
    (1..8).for_each(|key| old.set(&key, &0).unwrap());
    let all = while_firing(
        || {
            application.replace(&request("array_larger", None)).unwrap();
        },
        ran_one,
    );
    let set = application.get("set").unwrap();
    let new = set.map::<u32, u64>("counts").unwrap();
    let total =
        |counts: &jbpf::MapView<u32, u64>| counts.iter().unwrap().map(|(_, n)| n).sum::<u64>();
    assert_eq!(new.len(), 16);
    assert_eq!(total(&old), 1000 + all.first, "calls of the old version");
    assert_eq!(total(&new), all.second, "calls of the new one");
    // Back again: the old counts stay gone.
    application.replace(&request("array_1", None)).unwrap();
    let set = application.get("set").unwrap();
    assert_eq!(total(&set.map("counts").unwrap()), 0);
}

#[test]
fn another_kind_of_map_or_another_codelet_begins_anew() {
    let application = Application::start();
    let set = application.load(&request("array_1", None)).unwrap();
    set.map::<u32, u64>("counts").unwrap().set(&3, &33).unwrap();
    for (codelet, entries) in [("thread_array_1", 0), ("hash_1", 0), ("array_1", 0)] {
        let set = application.replace(&request(codelet, None)).unwrap();
        let counts = set.map::<u32, u64>("counts").unwrap();
        assert_eq!(counts.sum(&3).unwrap_or(0), entries, "{codelet}");
    }
}

#[test]
fn a_channel_that_is_kept_stays_open() {
    let application = Application::start();
    let channel = Some(("records", true));
    let versions = [1, 2].map(|version| request(&format!("output_{version}"), channel));
    application.load(&versions[0]).unwrap();
    let records = application.output::<Record>(STREAM).unwrap();
    let mut received = [0_u64; 2];
    let receive = |received: &mut [u64; 2]| {
        for record in records.try_iter() {
            assert_eq!(record.key, record.again);
            received[record.version as usize - 1] += 1;
        }
    };
    let all = while_firing(
        || {
            for round in 1..=REPLACEMENTS as usize {
                let version = round % 2;
                application.replace(&versions[version]).unwrap();
                assert!(!records.raw().is_closed());
                let before = received[version];
                until("a record of the new version", || {
                    receive(&mut received);
                    received[version] > before
                });
            }
        },
        |cell| assert_eq!(cell.first + cell.second + cell.failed, 1, "{cell:?}"),
    );
    receive(&mut received);
    // Each version's records, in one channel: received, or counted as dropped.
    assert_eq!(received, [all.first, all.second]);
    assert_eq!(records.dropped(), all.failed);
    application.unload("set").unwrap();
    assert!(records.raw().is_closed());
}

/// Versions that fail one step further each, and the message of each.
fn failing() -> Vec<(LoadRequest, &'static str)> {
    let path = |object| format!("{}/../codelets/{object}.o", env!("CARGO_MANIFEST_DIR"));
    let named = |name, object| CodeletBuilder::from_path(name, path(object), "fire");
    let good = || named("codelet", "under_fire/array_2");
    let of = |codelets: Vec<CodeletBuilder>| {
        let set = LoadRequest::builder("set");
        let set = codelets.into_iter().fold(set, |set, one| set.codelet(one));
        set.build().unwrap()
    };
    let nowhere = CodeletBuilder::from_path("other", path("under_fire/array_2"), "nowhere");
    let counts = |name, object| named(name, object).linked_map("counts", "codelet", "counts");
    vec![
        (of(vec![good(), nowhere]), "no hook `nowhere`"),
        (
            of(vec![good(), named("other", "under_fire/absent")]),
            "cannot read the object",
        ),
        (
            of(vec![good(), named("other", "loading/no_program")]),
            "the object holds no program",
        ),
        (
            of(vec![good(), named("other", "tests/v3/null_dereference")]),
            "rejected for hook `fire`",
        ),
        (
            of(vec![good(), counts("other", "under_fire/hash_1")]),
            "they must have the same type and sizes",
        ),
        (
            of(vec![good(), named("other", "under_fire/output_1")]),
            "the codelet uses the channel `records`, which `out_io_channel` does not list",
        ),
        (
            of(vec![good(), named("other", "loading/no_entries")]),
            "max_entries",
        ),
        (
            of(vec![
                good(),
                named("other", "under_fire/input").input("commands", STREAM),
            ]),
            "is in use by codeletset `beside`",
        ),
    ]
}

#[test]
fn a_replacement_that_fails_at_any_step_leaves_the_loaded_version_running() {
    let application = Application::start();
    // Takes nothing, as nothing is sent.
    let beside = format!(
        "{}/../codelets/under_fire/input.o",
        env!("CARGO_MANIFEST_DIR")
    );
    let beside = CodeletBuilder::from_path("input", beside, "fire").input("commands", STREAM);
    let beside = LoadRequest::builder("beside").codelet(beside);
    application.load(&beside.build().unwrap()).unwrap();
    application.load(&request("array_1", None)).unwrap();
    let before = application.list();
    let counts = application
        .get("set")
        .unwrap()
        .map::<u32, u64>("counts")
        .unwrap();
    let all = while_firing(
        || {
            for (request, reason) in failing() {
                for _ in 0..3 {
                    let error = application.replace(&request).unwrap_err().to_string();
                    assert!(error.contains(reason), "{error}");
                    assert_eq!(application.list(), before, "{error}");
                }
            }
        },
        ran_one,
    );
    let total: u64 = counts.iter().unwrap().map(|(_, count)| count).sum();
    assert_eq!((total, all.second), (all.first, 0));
}

/// Codelets that count calls by key, each in a map of its own or, as they are linked, in another
/// one's.
fn counting<const N: usize>(codelets: [(&str, Option<&str>); N]) -> LoadRequest {
    let path = |name| {
        format!(
            "{}/../codelets/under_fire/{name}.o",
            env!("CARGO_MANIFEST_DIR")
        )
    };
    let codelet = |(name, linked): (&str, Option<&str>)| {
        let codelet = CodeletBuilder::from_path(name, path("array_1"), "fire");
        match linked {
            None => codelet,
            Some(other) => codelet.linked_map("counts", other, "counts"),
        }
    };
    codelets
        .into_iter()
        .fold(LoadRequest::builder("set"), |set, one| {
            set.codelet(codelet(one))
        })
        .build()
        .unwrap()
}

fn counted(set: &Codeletset, map: &str) -> u64 {
    set.map::<u32, u64>(map).unwrap().get(&3).unwrap().unwrap()
}

#[test]
fn maps_that_are_linked_no_more_are_each_its_own_and_the_first_keeps_the_contents() {
    let application = Application::start();
    application
        .load(&counting([("a", None), ("b", Some("a")), ("c", Some("b"))]))
        .unwrap();
    fired(3);
    let set = application
        .replace(&counting([("a", None), ("b", None), ("c", None)]))
        .unwrap();
    let counts = |set| ["a/counts", "b/counts", "c/counts"].map(|map| counted(set, map));
    assert_eq!(counts(&set), [3, 0, 0]);
    fired(3);
    assert_eq!(counts(&set), [4, 1, 1]);
}

#[test]
fn a_map_is_found_by_its_codelet_whatever_that_is_called() {
    let application = Application::start();
    let set = application
        .load(&counting([("b", None), ("a/b", None), ("c", Some("a/b"))]))
        .unwrap();
    fired(3);
    let counts = ["b/counts", "a/b/counts", "c/counts"];
    assert_eq!(counts.map(|map| counted(&set, map)), [1, 2, 2]);
}

#[test]
fn a_map_that_is_linked_to_a_new_codelets_keeps_its_contents() {
    let application = Application::start();
    application.load(&counting([("b", None)])).unwrap();
    fired(3);
    let set = application
        .replace(&counting([("a", None), ("b", Some("a"))]))
        .unwrap();
    assert_eq!(counted(&set, "counts"), 1);
    fired(3);
    assert_eq!(counted(&set, "counts"), 3);
}

/// As long as a record of the codelet, and another thing.
#[jbpf_data]
struct Anything {
    words: [u64; 3],
}

#[test]
fn a_replacement_that_fails_does_not_say_what_the_records_of_a_kept_channel_are() {
    let application = Application::start();
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../codelets/under_fire/output_1.o"
    );
    let object = std::fs::read(path).unwrap();
    // Without BTF the type of the records is unknown.
    let mut silent = object.clone();
    for at in 0..silent.len() - 5 {
        if silent[at..].starts_with(b".BTF") {
            silent[at..at + 4].copy_from_slice(b".btf");
        }
    }
    let taken = StreamId([8; 16]);
    let codelet = |name: &str, object: &[u8], stream| {
        CodeletBuilder::from_bytes(name, object.to_vec(), "fire").output("records", stream)
    };
    let kept = |object| LoadRequest::builder("set").codelet(codelet("codelet", object, STREAM));
    let beside = LoadRequest::builder("beside").codelet(codelet("other", &object, taken));
    application.load(&beside.build().unwrap()).unwrap();
    application.load(&kept(&silent).build().unwrap()).unwrap();
    // Refused after all maps are made.
    let request = kept(&object).codelet(codelet("other", &object, taken));
    let error = application.replace(&request.build().unwrap()).unwrap_err();
    assert!(matches!(error, LoadError::StreamIdInUse { .. }), "{error}");
    drop(application.output::<Anything>(STREAM).unwrap());
}
