//! Runs a codelet as its source says, on one engine.

use std::sync::{Arc, Mutex};

use jbpf_channel::RawReceiver;
use jbpf_core::builtins::{self, PRINTF_TARGET};
use jbpf_core::engine::{
    BoundCodelet, CodeletEnvironment, CompileOptions, CompiledHook, Engine, Input, interpreter,
};
use jbpf_core::map::{Map, MapOptions, Storage};
use jbpf_hooks::hook::HookKind;
use jbpf_hooks::reclaim;
use jbpf_verifier::VerifiedProgram;
use jbpf_verifier::types::{ContextDef, ContextFieldDef};
use tracing::field::{Field, Visit};
use tracing::span;
use tracing::{Event, Metadata, Subscriber};
use zerocopy::IntoBytes as _;

use crate::notation::{Run, Value};

/// Offset of the first field of a context.
const FIELDS: u32 = 16;

/// The engine that runs a codelet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// The interpreter. Its faults are failures of the test.
    CheckedInterpreter,
    Native,
    /// Machine code with guarded accesses.
    Guarded,
}

/// A codelet with maps of its own, ready to run.
pub struct Session {
    codelet: Arc<BoundCodelet>,
    native: Option<CompiledHook>,
    outputs: Vec<(String, RawReceiver)>,
}

impl Session {
    pub fn new(name: &str, verified: VerifiedProgram, on: On) -> Self {
        let maps: Vec<Arc<Map>> = verified
            .program()
            .maps
            .iter()
            .map(|def| Arc::new(Map::new(def, &MapOptions::default()).expect("a map")))
            .collect();
        let outputs = maps
            .iter()
            .filter_map(|map| match map.storage() {
                Storage::RingBuf(output) | Storage::Output(output) => Some((
                    map.def().name.clone(),
                    output.ring().primary().expect("the only reader"),
                )),
                _ => None,
            })
            .collect();
        let helpers = builtins::bindings(Arc::clone(verified.helpers()), []).expect("built in");
        let environment = Arc::new(CodeletEnvironment {
            name: name.to_owned(),
            runtime_threshold_ns: 0,
        });
        let codelet = BoundCodelet::bind(verified, maps, Arc::new(helpers), environment)
            .map(Arc::new)
            .expect("what it was verified with");
        let native = (on != On::CheckedInterpreter).then(|| {
            let options = CompileOptions {
                guard_accesses: on == On::Guarded,
                ..CompileOptions::default()
            };
            Engine::Native
                .compile_with(HookKind::Control, &[Arc::clone(&codelet)], None, options)
                .expect("it compiles")
        });
        Self {
            codelet,
            native,
            outputs,
        }
    }

    /// The codelet.
    pub fn codelet(&self) -> &Arc<BoundCodelet> {
        &self.codelet
    }

    /// Runs once, and compares all that the source says; r0, so that engines can be compared.
    pub fn run(&self, run: &Run) -> u64 {
        let r0 = self.call(run);
        for (name, receiver) in &self.outputs {
            let records: Vec<Vec<u8>> = receiver.try_iter().collect();
            let expected = run.outputs.iter().find(|(map, _)| map == name);
            let expected = expected.map_or(&[][..], |(_, records)| records);
            assert_eq!(records, expected, "records of {name} after {}", run.text);
        }
        r0
    }

    /// Runs once, and returns the records that came out of one channel.
    pub fn records(&self, run: &Run, map: &str) -> Vec<Vec<u8>> {
        self.call(run);
        let (_, receiver) = self.outputs.iter().find(|(name, _)| name == map).unwrap();
        receiver.try_iter().collect()
    }

    /// Runs once, and compares everything but the records that come out of channels.
    fn call(&self, run: &Run) -> u64 {
        for (map, records) in &run.inputs {
            let Storage::ControlInput(input) = self.map(map).storage() else {
                panic!("{map} is no input channel");
            };
            for record in records {
                let mut whole = record.clone();
                whole.resize(input.ring().record_size() as usize, 0);
                input.ring().send_bytes(&whole).expect("room");
            }
        }
        let context = self.codelet.program().context();
        let mut fields = vec![0; context.readable.next_multiple_of(8) as usize - FIELDS as usize];
        for (name, value) in &run.fields {
            place(context, name, &mut fields)
                .copy_from_slice(&value.to_le_bytes()[..field(context, name).size as usize]);
        }
        let mut words = vec![0u64; run.region.len().div_ceil(8)];
        let region = &mut words.as_mut_bytes()[..run.region.len()];
        region.copy_from_slice(&run.region);

        let mut input = Input {
            fields: &mut fields,
            region,
        };
        let printed = Printed::default();
        let r0 = tracing::subscriber::with_default(printed.clone(), || match &self.native {
            Some(native) => native.call(&mut input).expect("the input fits"),
            None => {
                interpreter::run(&self.codelet, &mut input, &mut ())
                    .unwrap_or_else(|error| panic!("{}: {error}", run.text))
                    .r0
            }
        });

        let text = &run.text;
        let faults = self.codelet.aborts().faults();
        assert_eq!(faults, 0, "guards stopped {text}");
        if let Some(expected) = run.r0 {
            assert_eq!(r0.cast_signed(), expected.cast_signed(), "r0 of {text}");
        }
        let region = &words.as_bytes()[..run.region.len()];
        let expected = run.region_after.as_ref().unwrap_or(&run.region);
        if run.region_after.is_some() {
            assert_eq!(region, &expected[..], "region after {text}");
        }
        for (name, value) in &run.fields_after {
            let size = field(context, name).size as usize;
            assert_eq!(
                place(context, name, &mut fields),
                &value.to_le_bytes()[..size],
                "{name} after {text}"
            );
        }
        for value in &run.values {
            assert_eq!(self.value(value), value.value, "{} after {text}", value.map);
        }
        if let Some(expected) = &run.print {
            assert_eq!(&printed.take(), expected, "printed by {text}");
        }
        r0
    }

    fn map(&self, name: &str) -> &Map {
        self.codelet
            .maps()
            .iter()
            .find(|map| map.def().name == name)
            .unwrap_or_else(|| panic!("no map {name}"))
    }

    fn value(&self, wanted: &Value) -> Option<Vec<u8>> {
        let map = self.map(&wanted.map);
        assert_eq!(wanted.key.len(), map.def().key_size as usize);
        let size = map.def().value_size as usize;
        reclaim::with_record(|thread| {
            // SAFETY: the key has the map's size, and nobody else uses the map.
            let at = unsafe { map.lookup(wanted.key.as_ptr(), thread.slot()) };
            // SAFETY: a lookup gives a value of that size, or null.
            (!at.is_null()).then(|| unsafe { std::slice::from_raw_parts(at, size) }.to_vec())
        })
        .expect("no codelet is running")
    }
}

/// A field by its name; `meta` is short for `meta_data`.
fn field<'a>(context: &'a ContextDef, name: &str) -> &'a ContextFieldDef {
    let name = if name == "meta" { "meta_data" } else { name };
    // The statistics context calls its number differently.
    context
        .fields
        .iter()
        .find(|field| field.name == name || field.offset == 24 && name == "ctx_id")
        .unwrap_or_else(|| panic!("no field {name}"))
}

fn place<'a>(context: &ContextDef, name: &str, fields: &'a mut [u8]) -> &'a mut [u8] {
    let field = field(context, name);
    let start = (field.offset - FIELDS) as usize;
    &mut fields[start..start + field.size as usize]
}

/// Keeps the lines that codelets print.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<String>>);

impl Printed {
    fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Subscriber for Printed {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == PRINTF_TARGET
    }

    fn event(&self, event: &Event<'_>) {
        struct Message<'a>(&'a mut String);
        impl Visit for Message<'_> {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                if field.name() == "message" {
                    self.0.push_str(&format!("{value:?}"));
                }
            }
        }
        event.record(&mut Message(&mut self.0.lock().unwrap()));
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}
