//! Channels as maps: the codelet's end of a ring of `jbpf-channel`.
#![expect(
    unsafe_code,
    reason = "hands a codelet's buffers to rings, and reads the words of a reservation"
)]
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "an address is computed and used under one proof"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use jbpf_channel::{
    InputOptions, InputRing, MAX_CAPACITY, OutputAddresses, OutputOptions, OutputRing, PageOptions,
};
use jbpf_hooks::reclaim::HookCall;
use jbpf_verifier::types::{MapDef, MapKind};

use super::MapError;
use super::pages::MapOptions;
use super::status::Status;

/// RINGBUF or OUTPUT: records leave through it. Readers are told when the map goes.
#[derive(Debug)]
pub struct OutputMap {
    ring: Arc<OutputRing>,
}

impl OutputMap {
    pub(super) fn new(def: &MapDef, options: &MapOptions) -> Result<Self, MapError> {
        let ring_options = OutputOptions {
            doorbells: options.doorbells.clone(),
            shared: options.shared_channels,
            pages: pages(options),
            budget: options.budget.clone(),
            ..output_options(def)
        };
        let ring = OutputRing::new(
            records(def, options.spare_records),
            def.value_size,
            &ring_options,
        )
        .map_err(|source| MapError::channel(def, &source))?;
        Ok(Self { ring })
    }

    pub(super) fn memory_of(def: &MapDef) -> Result<usize, MapError> {
        OutputRing::memory_of(def.max_entries, def.value_size, &output_options(def))
            .map_err(|source| MapError::channel(def, &source))
    }

    /// The ring: its reader is opened here.
    #[must_use]
    pub fn ring(&self) -> &Arc<OutputRing> {
        &self.ring
    }

    pub(super) fn bytes(&self) -> usize {
        self.ring.memory()
    }

    /// Sends a copy of `len` bytes, filled up with zeros.
    ///
    /// # Safety
    /// `record` is readable for `len` bytes; `slot` is the calling thread's.
    #[inline]
    pub(crate) unsafe fn send(&self, slot: u32, record: *const u8, len: usize) -> Status {
        // SAFETY: the caller's word.
        match unsafe { self.ring.send(slot, record, len) } {
            Ok(()) => Status::Success,
            Err(_) => Status::Error,
        }
    }

    /// Sends the record that this thread has reserved.
    #[inline]
    pub(crate) fn commit(&self, slot: u32, call: HookCall) -> Status {
        match self.ring.commit_in(slot, call) {
            Ok(()) => Status::Success,
            Err(_) => Status::Error,
        }
    }

    /// Whether `len` bytes from `addr` on lie in the buffer that this slot has reserved.
    pub(super) fn contains(&self, addr: usize, len: usize, slot: u32) -> bool {
        reserved_buffer(&self.ring.addresses(), slot)
            .and_then(|buffer| addr.checked_sub(buffer))
            .and_then(|offset| offset.checked_add(len))
            .is_some_and(|end| end <= self.ring.record_size() as usize)
    }
}

impl Drop for OutputMap {
    fn drop(&mut self) {
        self.ring.close();
    }
}

/// The address of the buffer that a slot has reserved.
fn reserved_buffer(ring: &OutputAddresses, slot: u32) -> Option<usize> {
    if slot >= ring.slots {
        return None;
    }
    let word = |offset: u16| {
        // SAFETY: the slot has a line, and these are the offsets of words in it, as
        // `OutputAddresses` says; the ring outlives the borrow of the map that it came from.
        unsafe {
            let line = ring.slots_at.add(slot as usize * ring.slot_stride);
            AtomicU32::from_ptr(line.add(usize::from(offset)).cast()).load(Ordering::Relaxed)
        }
    };
    let number = word(ring.slot_spare) ^ (ring.capacity + slot);
    (!matches!(word(ring.slot_reserved), 0 | OutputAddresses::UNREADY))
        .then(|| ring.buffers_at.addr() + number as usize * ring.buffer_stride)
}

/// CONTROL_INPUT: records come in through it. Senders are told when the map goes.
#[derive(Debug)]
pub struct InputMap {
    ring: Arc<InputRing>,
}

impl InputMap {
    pub(super) fn new(def: &MapDef, options: &MapOptions) -> Result<Self, MapError> {
        let ring_options = InputOptions {
            name: def.name.clone(),
            shared: options.shared_channels,
            pages: pages(options),
            budget: options.budget.clone(),
            ..InputOptions::default()
        };
        let ring = InputRing::new(
            records(def, options.spare_records),
            def.value_size,
            &ring_options,
        )
        .map_err(|source| MapError::channel(def, &source))?;
        Ok(Self { ring })
    }

    pub(super) fn memory_of(def: &MapDef) -> Result<usize, MapError> {
        InputRing::memory_of(def.max_entries, def.value_size, &InputOptions::default())
            .map_err(|source| MapError::channel(def, &source))
    }

    /// The ring: senders are opened here.
    #[must_use]
    pub fn ring(&self) -> &Arc<InputRing> {
        &self.ring
    }

    pub(super) fn bytes(&self) -> usize {
        self.ring.memory()
    }
}

impl Drop for InputMap {
    fn drop(&mut self) {
        self.ring.close();
    }
}

/// The records that a channel holds. A definition of none stays as it is: making it fails.
pub(crate) fn records(def: &MapDef, spare: u32) -> u32 {
    match def.max_entries {
        0 => 0,
        _ if spare == 0 => def.max_entries,
        asked => asked
            .saturating_add(spare)
            .checked_next_power_of_two()
            .unwrap_or(u32::MAX)
            .min(MAX_CAPACITY)
            .max(asked),
    }
}

/// The options that decide a ring's size.
fn output_options(def: &MapDef) -> OutputOptions {
    // Only OUTPUT is filled in place, in buffers that threads own.
    let prepared_slots = if def.kind == MapKind::Output {
        OutputOptions::default().prepared_slots
    } else {
        0
    };
    OutputOptions {
        name: def.name.clone(),
        prepared_slots,
        ..OutputOptions::default()
    }
}

fn pages(options: &MapOptions) -> PageOptions {
    PageOptions {
        huge_pages: options.huge_pages,
        lock_memory: options.lock_memory,
    }
}

#[cfg(test)]
mod tests {
    use jbpf_verifier::types::MapParameters;

    use super::*;
    use crate::map::SPARE_RECORDS;

    /// The original has room for one record less than this power of two.
    #[test]
    fn channels_hold_what_those_of_the_original_hold() {
        let of = |max_entries, spare| {
            let def = MapDef {
                name: "records".to_owned(),
                kind: MapKind::RingBuf,
                key_size: 0,
                value_size: 8,
                max_entries,
                parameters: MapParameters::default(),
                section: None,
            };
            records(&def, spare)
        };
        for (asked, held) in [
            (0, 0),
            (1, 64),
            (3, 64),
            (32, 64),
            (33, 128),
            (100, 256),
            (1024, 2048),
        ] {
            assert_eq!(of(asked, SPARE_RECORDS), held);
            assert_eq!(of(asked, 0), asked);
        }
        // What is made without more than the definition asks for is made with it.
        for asked in [MAX_CAPACITY - 40, MAX_CAPACITY, MAX_CAPACITY + 1, u32::MAX] {
            assert_eq!(of(asked, SPARE_RECORDS), asked.max(MAX_CAPACITY));
        }
    }
}
