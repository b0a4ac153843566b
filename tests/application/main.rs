//! Additions of an application, as codelets compiled from C see them: helpers (`helpers`),
//! contexts and program types (`contexts`), map types (`maps`).
//!
//! The codelets are in `codelets/application`, with a header that the declarations here make:
//! `BLESS=1 cargo test -p jbpf-tests --test application` writes it anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod contexts;
mod helpers;
mod maps;

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jbpf::request::CodeletBuilder;
use jbpf::{Engine, LoadRequest, Runtime, RuntimeBuilder, jbpf_data, jbpf_hook};

/// Something that the application knows.
#[jbpf_data]
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Flow {
    pub source: u32,
    pub target: u32,
    pub bytes: u64,
}

/// Where codelets put what they found.
#[jbpf_data]
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Answer {
    pub results: [u64; 8],
    pub flow: Flow,
}

const FLOW: Flow = Flow {
    source: 1,
    target: 2,
    bytes: 4,
};

/// Asks the one codelet that is loaded.
#[jbpf_hook(control)]
pub fn ask(answer: &mut Answer, key: u32) -> u64 {
    u64::MAX
}

/// The codelet's result, and the answer that it filled in.
fn asked(key: u32) -> (u64, Answer) {
    let mut answer = Answer {
        results: [0; 8],
        flow: FLOW,
    };
    let returned = ask(&mut answer, key);
    (returned, answer)
}

/// Asks another codelet.
#[jbpf_hook(control)]
pub fn tell(key: u32) -> u64 {
    u64::MAX
}

const MINUS_1: u64 = -1_i64 as u64;
const MINUS_2: u64 = -2_i64 as u64;

/// A runtime for one test at a time, on each engine.
struct Application {
    runtime: Runtime,
    _turn: MutexGuard<'static, ()>,
}

impl std::ops::Deref for Application {
    type Target = Runtime;
    fn deref(&self) -> &Runtime {
        &self.runtime
    }
}

impl Application {
    fn start(configure: impl FnOnce(RuntimeBuilder) -> RuntimeBuilder) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let builder = Runtime::builder().name("application");
        Self {
            runtime: configure(builder).build().unwrap(),
            _turn: turn,
        }
    }
}

fn on_both_engines(check: impl Fn(&Application, Engine)) {
    for engine in [Engine::Native, Engine::Interpreter] {
        let application =
            Application::start(|builder| builder.engine(engine).map_type(maps::last_seen()));
        check(&application, engine);
    }
}

fn object(name: &str) -> PathBuf {
    PathBuf::from(format!(
        "{}/../codelets/application/{name}.o",
        env!("CARGO_MANIFEST_DIR")
    ))
}

fn codelet(name: &str, hook: &str) -> CodeletBuilder {
    CodeletBuilder::from_path(name, object(name), hook)
}

fn request(set: &str, codelets: impl IntoIterator<Item = CodeletBuilder>) -> LoadRequest {
    codelets
        .into_iter()
        .fold(LoadRequest::builder(set), |set, codelet| {
            set.codelet(codelet)
        })
        .build()
        .unwrap()
}

/// A codeletset of one codelet, both of that name.
fn single(name: &str, hook: &str) -> LoadRequest {
    request(name, [codelet(name, hook)])
}

fn refused(application: &Application, request: &LoadRequest) -> String {
    let error = application.load(request).unwrap_err().to_string();
    assert!(application.list().is_empty());
    error
}

/// Refused by the verifier at the line of the source that ends in `// here`.
fn rejected(application: &Application, name: &str, hook: &str, rest: &str) {
    let path = object(name).with_extension("c");
    let source = std::fs::read_to_string(path).unwrap();
    let line = source.lines().position(|line| line.ends_with("// here"));
    let line = line.unwrap() + 1;
    assert_eq!(
        refused(application, &single(name, hook)),
        format!(
            "codeletset `{name}`, codelet `{name}`: rejected for hook `{hook}` at ./application/{name}.c:{line}: {rest}"
        )
    );
}

#[test]
fn the_header_is_what_the_declarations_say() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../codelets/application/hooks.h"
    );
    let header = jbpf::codelet_header();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, &header).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap();
    assert_eq!(header, written, "BLESS=1 writes it anew");
}
