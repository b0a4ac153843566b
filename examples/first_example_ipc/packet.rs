//! Host and collector agree on these: the records, and the names of their channels.

use jbpf::{StreamId, jbpf_data};

/// What the host hands to its hook, and what the codelet sends out.
#[jbpf_data]
pub struct Packet {
    pub seq_no: i32,
    pub value: i32,
    #[jbpf(text)]
    pub name: [u8; 32],
}

/// What the collector sends back to the codelet.
#[jbpf_data]
pub struct PacketResp {
    pub seq_no: i32,
}

/// The host's name, by which the collector finds it.
pub const APPLICATION: &str = "first_example_ipc";

/// Ids of the codelet's channels, as in `load.yaml`.
pub const OUTPUT: StreamId = StreamId(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff_u128.to_be_bytes());
pub const INPUT: StreamId = StreamId([0x11; 16]);
