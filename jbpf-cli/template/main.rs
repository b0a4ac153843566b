//! An application with one hook, and a codelet that watches it.

use std::error::Error;
use std::thread;
use std::time::Duration;

use jbpf::json::JsonRecord;
use jbpf::{LoadRequest, Receiver, Runtime, StreamId, jbpf_data, jbpf_hook};
use tracing_subscriber::filter::LevelFilter;

/// A request that was served.
#[jbpf_data]
struct Request {
    id: u64,
    latency_us: u32,
    status: u16,
    attempts: u16,
}

/// Called when a request has been served.
#[jbpf_hook]
fn request_served(request: &Request) {}

/// The codelet's output channel, as in `load.yaml`.
const SLOW: &str = "5107e00000000000000000000000c0de";

/// The codeletset that is loaded at the start.
const LOAD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/codelets/load.yaml");

fn main() -> Result<(), Box<dyn Error>> {
    // What codelets print with `jbpf_printf`: events of level DEBUG.
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::DEBUG)
        .with_writer(std::io::stderr)
        .init();
    // With a control socket, so that `jbpf` finds it.
    let runtime = Runtime::builder()
        .name(env!("CARGO_PKG_NAME"))
        .serve()
        .build()?;
    runtime.load(&LoadRequest::from_yaml_file(LOAD)?)?;
    println!("serving requests; slow ones are printed, Ctrl-C ends it");

    let channel: StreamId = SLOW.parse()?;
    let mut slow: Receiver<Request> = runtime.output(channel)?;
    for id in 1.. {
        request_served(&serve(id));
        for request in slow.try_iter() {
            println!("slow: {}", JsonRecord::of(&request));
        }
        // Whoever unloads the codelet and loads it again makes a new channel.
        if slow.raw().is_closed()
            && let Ok(again) = runtime.output(channel)
        {
            slow = again;
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Stands for the application's work.
fn serve(id: u64) -> Request {
    let random = id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    Request {
        id,
        latency_us: (random % 1000) as u32,
        status: if random.is_multiple_of(50) { 500 } else { 200 },
        attempts: 1,
    }
}
