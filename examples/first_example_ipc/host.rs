//! The host: the first example, except that its records are read in another process.

use std::error::Error;
use std::sync::mpsc;

use jbpf::protocol::StreamReport;
use jbpf::{LoadRequest, Runtime, jbpf_hook};

use crate::packet::{APPLICATION, OUTPUT, Packet};
use crate::{Collecting, Pace};

/// Called for every packet.
#[jbpf_hook]
fn example(packet: &Packet, ctx_id: u32) {}

const REQUEST: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/codelets/first_example/load.yaml"
);

/// Fires the hook. With a collector of its own, waits until that one reads, and in the end until
/// it has read all.
pub fn run(
    pace: &Pace,
    interrupted: &mpsc::Receiver<()>,
    start_collector: impl FnOnce() -> std::io::Result<Option<Collecting>>,
) -> Result<(), Box<dyn Error>> {
    let runtime = Runtime::builder()
        .name(APPLICATION)
        .serve()
        .shared_channels()
        .build()?;
    let set = runtime.load(&LoadRequest::from_yaml_file(REQUEST)?)?;
    let mut collecting = start_collector()?;
    if let Some(collecting) = &mut collecting {
        collecting.wait_until("has opened the channel", || {
            output(&runtime).is_some_and(|packets| packets.read)
        })?;
    }

    let mut fired = 0;
    for seq_no in 1..=pace.count.unwrap_or(i32::MAX) {
        example(&packet(seq_no), 0);
        fired += 1;
        if pace.is_over(seq_no, interrupted) {
            break;
        }
    }

    if let Some(collecting) = &mut collecting {
        collecting.wait_until("has read all packets", || {
            output(&runtime).is_some_and(|packets| packets.received == packets.sent)
        })?;
    }
    let packets = output(&runtime).ok_or("the channel is gone")?;
    // This closes the channels: the collector ends by itself.
    runtime.unload(set.id())?;
    println!(
        "host: {} packets sent, {} dropped",
        packets.sent, packets.dropped
    );
    if packets.sent + packets.dropped != fired {
        return Err(format!("the hook was called with {fired} packets").into());
    }
    collecting.map_or(Ok(()), Collecting::finish)
}

/// The records that went through the channel so far.
fn output(runtime: &Runtime) -> Option<StreamReport> {
    let mut streams = runtime.streams().into_iter();
    streams.find(|stream| stream.stream_id == OUTPUT)
}

fn packet(seq_no: i32) -> Packet {
    let mut name = [0; 32];
    let text = format!("instance {seq_no}");
    for (byte, character) in name.iter_mut().zip(text.bytes()) {
        *byte = character;
    }
    Packet {
        seq_no,
        value: -seq_no,
        name,
    }
}
