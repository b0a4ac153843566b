//! Map types of the application's own, from their definition in C to the last reference.
#![expect(
    unsafe_code,
    reason = "implements storage that codelets access by address"
)]

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use jbpf::map::{ApplicationKind, ApplicationMap, MapOptions, MemoryBudget, Status};
use jbpf::request::CodeletBuilder;
use jbpf_verifier::types::MapKind;

use super::{
    Application, Engine, asked, codelet, object, on_both_engines, refused, rejected, request,
    single, tell,
};

#[path = "../../jbpf-core/tests/support/last_seen.rs"]
mod last_seen;
use last_seen::LIVING;
pub use last_seen::last_seen;

/// Type 21: numbers by index. Each of the first sixteen threads has its own numbers.
struct OfThreads {
    values: Box<[AtomicU64]>,
    entries: usize,
}

const THREADS: usize = 16;

fn of_threads() -> ApplicationKind {
    ApplicationKind::new(21, |def| {
        let entries = def.max_entries as usize;
        Ok(Box::new(OfThreads {
            values: (0..entries * THREADS).map(|_| AtomicU64::new(0)).collect(),
            entries,
        }))
    })
    .unwrap()
}

impl OfThreads {
    fn value(&self, key: &[u8], slot: u32) -> Option<&AtomicU64> {
        let index = u32::from_ne_bytes(key.try_into().unwrap()) as usize;
        let start = (slot as usize).checked_mul(self.entries)?;
        (index < self.entries).then(|| self.values.get(start + index))?
    }
}

// SAFETY: values are `AtomicU64`s in a box that lives as long as the map, and all references to
// them are to atomics; `contains` compares with their addresses.
unsafe impl ApplicationMap for OfThreads {
    fn lookup(&self, key: &[u8], slot: u32) -> *mut u8 {
        self.value(key, slot)
            .map_or(ptr::null_mut(), |value| value.as_ptr().cast())
    }

    fn update(&self, key: &[u8], value: &[u8], slot: u32) -> Status {
        let value = u64::from_ne_bytes(value.try_into().unwrap());
        self.value(key, slot).map_or(Status::Error, |own| {
            own.store(value, Ordering::Relaxed);
            Status::Success
        })
    }

    fn contains(&self, addr: usize, len: usize, slot: u32) -> bool {
        (0..self.entries).any(|index| {
            self.value(&(index as u32).to_ne_bytes(), slot)
                .is_some_and(|value| {
                    let start = value.as_ptr().addr();
                    addr >= start && addr + len <= start + 8
                })
        })
    }
}

#[test]
fn codelets_use_it_through_the_helpers_of_maps() {
    on_both_engines(|application, engine| {
        let set = application.load(&single("own_map", "ask")).unwrap();
        let (_, answer) = asked(5);
        let expected = [404, 0, 51, 1, 5051, 0, 0, 0];
        assert_eq!(answer.results, expected, "{engine:?}");
        let last = set.map::<u32, u64>("last").unwrap();
        assert_eq!(last.get(&5).unwrap(), Some(77), "{engine:?}");
        assert_eq!(last.iter().unwrap().collect::<Vec<_>>(), [(5, 77)]);
        // 9 takes the place of 5, as its kind has it.
        last.set(&9, &1).unwrap();
        assert_eq!(asked(5).1.results[0], 404, "{engine:?}");
        assert!(last.remove(&5).unwrap());
    });
}

#[test]
fn it_is_listed_with_its_number_and_all_of_its_definition() {
    let application = Application::start(|builder| builder.map_type(last_seen()));
    let set = application.load(&single("own_map", "ask")).unwrap();
    let info = set.info();
    let [map] = &info.codelets[0].maps[..] else {
        panic!("{info:?}");
    };
    assert_eq!(
        (map.name.as_str(), map.kind),
        ("last", MapKind::Application(20))
    );
    assert_eq!((map.max_entries, map.parameters.flags), (4, 1));
    assert_eq!(application.list(), [info]);
}

#[test]
fn each_thread_has_its_copy_where_the_kind_says_so() {
    for engine in [Engine::Native, Engine::Interpreter] {
        let application =
            Application::start(|builder| builder.engine(engine).map_type(of_threads()));
        application
            .load(&single("own_map_per_thread", "ask"))
            .unwrap();
        assert_eq!((asked(0).0, asked(0).0), (1, 2), "{engine:?}");
        std::thread::scope(|scope| {
            let other = scope.spawn(|| (asked(0).0, asked(0).0));
            assert_eq!(other.join().unwrap(), (1, 2), "{engine:?}");
        });
        assert_eq!(asked(0).0, 3, "{engine:?}");
    }
}

#[test]
fn the_verifier_knows_what_its_values_are() {
    let application = Application::start(|builder| builder.map_type(last_seen()));
    for (name, message) in [
        (
            "own_map_beyond",
            "E0022: r1 reaches beyond the end of a value of map last",
        ),
        (
            "own_map_null",
            "E0025: r0, a pointer to a value of map last, may be null here",
        ),
        (
            "own_map_no_channel",
            "E0033: ringbuf_output does not work on map last, which is of the application's kind 20",
        ),
    ] {
        rejected(&application, name, "ask", message);
    }
}

#[test]
fn it_is_linked_between_codelets_and_kept_through_a_replacement() {
    let application = Application::start(|builder| builder.map_type(last_seen()));
    let living = LIVING.load(Ordering::Relaxed);
    let linked = || {
        let other = codelet("own_map_reader", "tell").linked_map("seen", "own_map", "last");
        request("set", [codelet("own_map", "ask"), other])
    };
    let set = application.load(&linked()).unwrap();
    assert_eq!(LIVING.load(Ordering::Relaxed), living + 1);
    asked(5);
    assert_eq!(tell(5), 77);
    let replaced = application.replace(&linked()).unwrap();
    assert_eq!(tell(5), 77);
    assert_eq!(LIVING.load(Ordering::Relaxed), living + 1);
    // Another definition, if only of a number that its kind alone understands: begun anew.
    let other = CodeletBuilder::from_path("own_map_reader", object("own_map_reader_flags"), "tell");
    let anew = application.replace(&request("set", [other])).unwrap();
    assert_eq!(tell(5), 404);
    drop((set, replaced, anew));
    application.unload("set").unwrap();
    assert_eq!(
        LIVING.load(Ordering::Relaxed),
        living,
        "freed with the last codelet"
    );
}

#[test]
fn its_storage_outlives_every_call_under_fire() {
    let application = Application::start(|builder| builder.map_type(last_seen()));
    let living = LIVING.load(Ordering::Relaxed);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for key in 0..4_u32 {
            let stop = &stop;
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let (returned, _) = asked(key);
                    let idle = returned == u64::MAX;
                    assert!(idle || returned == u64::from(key) + 1000, "{returned}");
                    std::thread::yield_now();
                }
            });
        }
        for _ in 0..200 {
            application.load(&single("own_map_write", "ask")).unwrap();
            application.unload("own_map_write").unwrap();
            assert_eq!(LIVING.load(Ordering::Relaxed), living);
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_map_that_cannot_be_made_names_its_codelet() {
    let named = "codeletset `own_map`, codelet `own_map`: map `last`: ";
    let no = ApplicationKind::new(20, |_| Err("there is nothing left".to_owned())).unwrap();
    let bug = ApplicationKind::new(20, |_| panic!("a bug")).unwrap();
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    for (kinds, reason) in [
        (vec![], "nobody provides maps of type 20"),
        (
            vec![no],
            "the application's map type 20 refuses it: there is nothing left",
        ),
        (
            vec![bug],
            "the application's map type 20 refuses it: its constructor panicked",
        ),
    ] {
        let application = Application::start(|builder| {
            kinds
                .into_iter()
                .fold(builder, |builder, kind| builder.map_type(kind))
        });
        let error = refused(&application, &single("own_map", "ask"));
        assert_eq!(error, format!("{named}{reason}"));
    }
    std::panic::set_hook(quiet);
}

/// A payload of a panic that panics when it is dropped, too.
struct Explosive;

impl Drop for Explosive {
    fn drop(&mut self) {
        panic!("a bug");
    }
}

// SAFETY: there are no values.
unsafe impl ApplicationMap for Explosive {
    fn lookup(&self, _key: &[u8], _slot: u32) -> *mut u8 {
        std::panic::panic_any(Explosive)
    }

    fn update(&self, _key: &[u8], _value: &[u8], _slot: u32) -> Status {
        std::panic::panic_any(Explosive)
    }

    fn contains(&self, _addr: usize, _len: usize, _slot: u32) -> bool {
        false
    }
}

#[test]
fn whatever_panics_in_it_the_codelet_ends_and_is_unloaded() {
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    for engine in [Engine::Native, Engine::Interpreter] {
        let kind = ApplicationKind::new(20, |_| Ok(Box::new(Explosive))).unwrap();
        let application = Application::start(|builder| builder.engine(engine).map_type(kind));
        for _ in 0..2 {
            application.load(&single("own_map", "ask")).unwrap();
            assert_ne!(asked(5).0, u64::MAX, "{engine:?}");
            application.unload("own_map").unwrap();
            assert!(application.list().is_empty());
        }
    }
    std::panic::set_hook(quiet);
}

#[test]
fn its_memory_counts_against_the_budget() {
    let budget = MemoryBudget::new(64);
    let application = Application::start(|builder| {
        let mut options = MapOptions::default();
        options.budget = Some(Arc::clone(&budget));
        builder.map_type(last_seen()).map_options(options)
    });
    application.load(&single("own_map", "ask")).unwrap();
    assert_eq!(budget.used(), 64);
    let second = request("second", [codelet("own_map_reader", "tell")]);
    assert_eq!(
        application.load(&second).unwrap_err().to_string(),
        "codeletset `second`, codelet `own_map_reader`: map `seen`: 64 bytes are needed and 0 of the memory budget of 64 \
         bytes are left"
    );
    application.unload("own_map").unwrap();
    assert_eq!(budget.used(), 0);
    application.load(&second).unwrap();
}

#[test]
fn two_types_of_one_number_are_an_error_of_the_builder() {
    let error = jbpf::Runtime::builder()
        .map_type(last_seen())
        .map_type(of_threads())
        .map_type(last_seen())
        .build()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "two of the application's map types have the number 20; give one of them another, from 16 on"
    );
}
