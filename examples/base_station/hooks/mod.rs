//! The station's 83 hooks, a file for each layer, and the data that they show to codelets.
//!
//! Each layer has a program type. Most hooks pass a region and the slot that it belongs to.
//! `slot_contexts!` declares the contexts of these hooks.

/// Cells of the station.
pub const CELLS: u16 = 2;
/// Physical resource blocks of a carrier: 100 MHz at a subcarrier spacing of 30 kHz.
pub const CARRIER_PRBS: u16 = 273;
/// Slots of a radio frame at 30 kHz.
pub const SLOTS_A_FRAME: u64 = 20;
/// Frames until the system frame number starts anew.
pub const FRAMES: u64 = 1024;
pub const SLOT_NS: u64 = 500_000;
pub const SYMBOLS: u8 = 14;
/// Antenna ports of a cell.
pub const ANTENNAS: u8 = 4;

/// A slot of a cell.
#[derive(Clone, Copy)]
pub struct SlotTime {
    /// Slots since the station began.
    pub number: u64,
    pub cell: u16,
}

impl SlotTime {
    /// When the slot begins, in simulated time.
    pub fn ns(self) -> u64 {
        self.number * SLOT_NS
    }

    /// The system frame number.
    pub fn sfn(self) -> u16 {
        (self.number / SLOTS_A_FRAME % FRAMES) as u16
    }

    /// The slot in its frame.
    pub fn slot(self) -> u16 {
        (self.number % SLOTS_A_FRAME) as u16
    }
}

/// Declares contexts: a data region, and the slot that it belongs to.
macro_rules! slot_contexts {
    ($($(#[$doc:meta])* $name:ident { $region:ident: $data:ty })*) => {$(
        $(#[$doc])*
        #[derive(jbpf::JbpfContext)]
        #[repr(C)]
        pub struct $name<'a> {
            pub $region: jbpf::Region<'a, $data>,
            pub time_ns: u64,
            pub sfn: u16,
            pub slot: u16,
            pub cell: u16,
            pub _reserved: u16,
        }

        impl<'a> $name<'a> {
            pub fn new($region: &'a $data, at: SlotTime) -> Self {
                Self {
                    $region: jbpf::Region::new($region),
                    time_ns: at.ns(),
                    sfn: at.sfn(),
                    slot: at.slot(),
                    cell: at.cell,
                    _reserved: 0,
                }
            }
        }
    )*};
}

pub mod fapi;
pub mod mac;
pub mod pdcp;
pub mod rlc;
pub mod rrc;
pub mod slice;
pub mod ue;
pub mod xran;
