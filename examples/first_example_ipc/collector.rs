//! The collector: receives packets and answers them, with the same `Receiver` and `Sender` as in
//! one process.
//!
//! Records are read where the host's codelet wrote them; the socket serves for opening and closing
//! alone.

use std::error::Error;

use jbpf::json::JsonRecord;
use jbpf::{Receiver, SendError, Sender};
use jbpf_channel::Collector;

use crate::packet::{APPLICATION, INPUT, OUTPUT, Packet, PacketResp};

pub fn run() -> Result<(), Box<dyn Error>> {
    let host = Collector::connect(APPLICATION)?;
    let responses: Sender<PacketResp> = host.input(INPUT)?;
    let packets: Receiver<Packet> = host.output(OUTPUT)?;
    let (mut received, mut answered) = (0_u64, 0_u64);
    let mut expected = None;
    // Until the codelet is unloaded, or the host is gone.
    for packet in packets.blocking() {
        // In one write: the host prints to the same terminal.
        let text = format!("{:#}\n\n", JsonRecord::of(&packet));
        print!("{text}");
        let number = packets.record_number().unwrap_or_default();
        check(number, expected, &packet, packets.dropped())?;
        expected = Some(number + 1);
        received += 1;
        let response = PacketResp {
            seq_no: packet.seq_no,
        };
        match responses.send(&response) {
            Ok(()) => answered += 1,
            // More than the codelet has taken yet; or it is unloaded meanwhile, and nobody waits
            // for an answer. Records that the host sent before are still here to be read.
            Err(SendError::Full | SendError::Closed) => {}
            Err(error) => return Err(error.into()),
        }
    }
    println!("collector: {received} packets received, {answered} answered");
    Ok(())
}

/// Records have numbers without gaps, and each packet that is missing among them was counted by
/// the host as dropped.
fn check(number: u64, expected: Option<u64>, packet: &Packet, dropped: u64) -> Result<(), String> {
    if expected.is_some_and(|expected| expected != number) {
        return Err(format!("record {number} came after {expected:?}"));
    }
    // Packets count from 1, records from 0.
    if u64::from(packet.seq_no.unsigned_abs()) > number + 1 + dropped {
        let seq_no = packet.seq_no;
        return Err(format!(
            "packet {seq_no} came as record {number}, and no more than {dropped} were dropped"
        ));
    }
    Ok(())
}
