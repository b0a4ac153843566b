//! Helper 11 as a subscriber sees it.
#![allow(
    unsafe_code,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use jbpf_core::builtins::{self, PRINTF_TARGET};
use jbpf_core::engine::CodeletEnvironment;
use jbpf_verifier::types::HelperTable;
use tracing::field::{Field, Visit};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber, span};

/// An event: target, level and fields.
type Seen = (String, Level, BTreeMap<String, String>);

/// Keeps the events that it is told of.
#[derive(Clone)]
struct Recorder {
    level: Level,
    panics: bool,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Recorder {
    fn new(level: Level) -> Self {
        Self {
            level,
            panics: false,
            seen: Arc::default(),
        }
    }
}

struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= &self.level
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        assert!(!self.panics, "the subscriber's own bug");
        let mut fields = Fields(BTreeMap::new());
        event.record(&mut fields);
        let metadata = event.metadata();
        self.seen
            .lock()
            .unwrap()
            .push((metadata.target().to_owned(), *metadata.level(), fields.0));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Calls the helper with a format that ends with a zero byte, as C compilers write it.
fn printf(format: &str, args: [u64; 3]) -> i64 {
    let mut bytes = [format.as_bytes(), b"\0"].concat();
    let environment = CodeletEnvironment {
        name: "talker".to_owned(),
        runtime_threshold_ns: 0,
    };
    let bindings = builtins::bindings(Arc::new(HelperTable::builtin()), []).unwrap();
    let target = bindings.get(11).unwrap();
    assert!(target.args == 5 && target.needs_codelet && !target.needs_thread);
    // SAFETY: the target says that the function takes five registers and the environment.
    let printf = unsafe {
        std::mem::transmute::<
            *const (),
            extern "C" fn(*mut u8, u64, u64, u64, u64, *const CodeletEnvironment) -> i64,
        >(target.address as *const ())
    };
    let [first, second, third] = args;
    printf(
        bytes.as_mut_ptr(),
        bytes.len() as u64,
        first,
        second,
        third,
        &raw const environment,
    )
}

fn messages(format: &str, args: [u64; 3]) -> (i64, Vec<Seen>) {
    let recorder = Recorder::new(Level::DEBUG);
    let returned = tracing::subscriber::with_default(recorder.clone(), || printf(format, args));
    let seen = recorder.seen.lock().unwrap().clone();
    (returned, seen)
}

#[test]
fn a_message_is_an_event_with_the_codelets_name() {
    let (returned, seen) = messages(" Called %d times, %u left, mask %#x\n\n", [2, 7, 255]);
    assert_eq!(returned, 0);
    let [(target, level, fields)] = &seen[..] else {
        panic!("{seen:?}");
    };
    assert_eq!((target.as_str(), *level), (PRINTF_TARGET, Level::DEBUG));
    assert_eq!(fields["message"], " Called 2 times, 7 left, mask 0xff");
    assert_eq!(fields["codelet"], "talker");
}

#[test]
fn a_format_that_would_follow_an_address_is_refused() {
    for format in ["%s", "%p", "%n", "%d %d %d %d", "%"] {
        let (returned, seen) = messages(format, [1, 2, 3]);
        assert!(returned < 0, "{format}");
        assert!(seen.is_empty(), "{format}: {seen:?}");
    }
}

#[test]
fn what_is_not_text_is_replaced() {
    let (returned, seen) = messages("%c", [0xff, 0, 0]);
    assert_eq!(returned, 0);
    assert_eq!(seen[0].2["message"], "\u{fffd}");
}

#[test]
fn without_a_subscriber_that_wants_it_nothing_happens() {
    assert_eq!(printf("%s", [0; 3]), 0, "not even looked at");
    let recorder = Recorder::new(Level::INFO);
    let returned = tracing::subscriber::with_default(recorder.clone(), || printf("%d", [1; 3]));
    assert_eq!(returned, 0);
    assert!(recorder.seen.lock().unwrap().is_empty());
}

#[test]
fn a_panic_of_the_subscriber_stays_outside_of_machine_code() {
    let recorder = Recorder {
        panics: true,
        ..Recorder::new(Level::DEBUG)
    };
    let returned = tracing::subscriber::with_default(recorder, || printf("%d", [1; 3]));
    assert!(returned < 0);
}

/// Leaves its interest to its filter, and the filter panics.
struct Undecided;

impl Subscriber for Undecided {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        panic!("the subscriber's own bug");
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[test]
fn a_panic_of_the_subscribers_filter_does_so_too() {
    let returned = tracing::subscriber::with_default(Undecided, || printf("%d", [1; 3]));
    assert_eq!(returned, 0, "nobody wants it");
}
