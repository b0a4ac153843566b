//! A client of the control socket that sends any bytes; see `docs/fuzzing.md`.

#![no_main]
#![allow(missing_docs)]

#[path = "../checks/line.rs"]
mod line;

use jbpf_testing_app::Application;

thread_local! {
    static APPLICATION: Application = line::application();
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    APPLICATION.with(|application| line::check(application, bytes));
});
