//! `peer/wasmtime_call`: the work of the codelet of `hook/armed`, as a WebAssembly function that
//! wasmtime runs. The same run measures the floor and the armed hook.
//!
//! ```text
//! cargo bench --manifest-path benches/wasmtime/Cargo.toml
//! ```

use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use jbpf::request::CodeletBuilder;
use jbpf::{LoadRequest, Runtime, jbpf_data, jbpf_hook};
use wasmtime::{Engine, Instance, Module, Store};

/// Adds 1 to the i64 at an address of its memory.
const COUNT_UP: &str = r#"
    (module
        (memory (export "memory") 1)
        (func (export "count_up") (param i32)
            (i64.store (local.get 0) (i64.add (i64.load (local.get 0)) (i64.const 1)))))
"#;

/// The address of the count in that memory.
const COUNT: usize = 64;

#[jbpf_data]
struct Count {
    value: u64,
}

#[jbpf_hook]
fn armed(count: &mut Count) {}

#[inline(never)]
fn count_up(count: &mut Count) {
    count.value += 1;
}

fn native(criterion: &mut Criterion) {
    criterion.bench_function("hook/native_fn_pointer", |bencher| {
        let (mut count, mut calls) = (Count { value: 0 }, 0);
        let function: fn(&mut Count) = black_box(count_up);
        bencher.iter(|| {
            calls += 1;
            black_box(function)(black_box(&mut count));
        });
        assert_eq!(count.value, calls);
    });
}

fn hook(criterion: &mut Criterion) {
    let runtime = Runtime::builder().name("wasmtime_call").build().unwrap();
    let object = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../codelets/bench/count_region.o"
    );
    let request = LoadRequest::builder("armed")
        .codelet(CodeletBuilder::from_path("count", object, "armed"))
        .build()
        .unwrap();
    let set = runtime.load(&request).unwrap();
    criterion.bench_function("hook/armed", |bencher| {
        let (mut count, mut calls) = (Count { value: 0 }, 0);
        bencher.iter(|| {
            calls += 1;
            armed(black_box(&mut count));
        });
        assert_eq!(count.value, calls);
    });
    runtime.unload(set.id()).unwrap();
}

fn wasmtime(criterion: &mut Criterion) {
    let engine = Engine::default();
    let module = Module::new(&engine, COUNT_UP).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let function = instance
        .get_typed_func::<u32, ()>(&mut store, "count_up")
        .unwrap();
    let memory = instance.get_memory(&mut store, "memory").unwrap();
    criterion.bench_function("peer/wasmtime_call", |bencher| {
        let mut calls = 0_u64;
        memory.data_mut(&mut store)[COUNT..COUNT + 8].fill(0);
        bencher.iter(|| {
            calls += 1;
            function.call(&mut store, black_box(COUNT as u32)).unwrap();
        });
        let counted = &memory.data(&store)[COUNT..COUNT + 8];
        assert_eq!(counted, calls.to_le_bytes());
    });
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(50)
        .configure_from_args();
    native(&mut criterion);
    hook(&mut criterion);
    wasmtime(&mut criterion);
    criterion.final_summary();
}
