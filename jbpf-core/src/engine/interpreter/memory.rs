//! The memory that a running program may touch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use jbpf_abi::object;
use jbpf_hooks::words;
use jbpf_verifier::types::{ContextDef, EntryKind};

use super::fault::FaultKind;
use crate::engine::BoundCodelet;
use crate::map::{Map, Storage};

/// Bytes of a frame.
pub(super) const FRAME_BYTES: usize = object::FRAME_SIZE as usize;
/// Frames of nested calls, the entry's included.
pub(super) const FRAMES: usize = object::MAX_FRAMES;

/// Bytes from one frame to the next: the address behind a frame, which r10 is, lies in no other
/// one (clause 3 of [`addresses`](jbpf_verifier::addresses)).
const FRAME_STRIDE: usize = FRAME_BYTES + 16;

const STACK_BYTES: usize = (FRAME_STRIDE * FRAMES).next_multiple_of(64);
const STACK_WORDS: usize = STACK_BYTES / 64;

/// The frames of a run.
#[repr(align(16))]
pub(super) struct Stack([u8; STACK_BYTES]);

impl Stack {
    pub(super) fn new() -> Self {
        Self([0; STACK_BYTES])
    }

    /// Address of the lowest byte.
    pub(super) fn base(&mut self) -> *mut u8 {
        self.0.as_mut_ptr()
    }
}

/// A run of bytes with the right to write them or not.
#[derive(Debug, Clone, Copy)]
struct Extent {
    start: u64,
    len: u64,
    writable: bool,
}

impl Extent {
    fn covers(&self, address: u64, size: usize) -> bool {
        address
            .checked_sub(self.start)
            .and_then(|offset| offset.checked_add(size as u64))
            .is_some_and(|end| end <= self.len)
    }
}

/// A record of an OUTPUT map that the program obtained and has not sent.
struct OutputBuffer {
    map: u64,
    extent: Extent,
}

/// All memory that the program has been given so far.
pub(super) struct Memory<'c> {
    maps: &'c [Arc<Map>],
    definition: &'c ContextDef,
    slot: u32,
    stack: *mut u8,
    /// Bytes in use of each frame that is active, by depth.
    frames: [usize; FRAMES],
    /// One bit a stack byte: whether it was written.
    written: [u64; STACK_WORDS],
    context: Option<Extent>,
    region: Extent,
    buffers: Vec<OutputBuffer>,
}

/// The target of an access. The interpreter keeps more of the stack than its bounds: which bytes
/// were written.
enum Place {
    /// At this offset of the stack.
    Stack(usize),
    Elsewhere,
}

impl<'c> Memory<'c> {
    /// # Safety
    /// `context` is laid out by the codelet's context definition; `stack` is the base of a
    /// [`Stack`], used through this value alone as long as it lives.
    pub(super) unsafe fn new(
        codelet: &'c BoundCodelet,
        context: *mut u8,
        slot: u32,
        stack: *mut u8,
    ) -> Self {
        let definition: &ContextDef = codelet.program().context();
        let writable = definition.region.writable;
        let (context, region) = match definition.entry {
            EntryKind::Context => {
                let words = context.cast::<u64>();
                // SAFETY: every context starts with the words `data` and `data_end`.
                let start = unsafe { words.read_unaligned() };
                let end = words.wrapping_add(1);
                // SAFETY: as above.
                let end = unsafe { end.read_unaligned() };
                let extent = Extent {
                    start: context as u64,
                    len: u64::from(definition.readable).next_multiple_of(8),
                    writable: false,
                };
                (Some(extent), (start, end.saturating_sub(start)))
            }
            EntryKind::Memory => (None, (context as u64, definition.region.known_size)),
        };
        Self {
            maps: codelet.maps(),
            definition,
            slot,
            stack,
            frames: [0; FRAMES],
            written: [0; STACK_WORDS],
            context,
            region: Extent {
                start: region.0,
                len: region.1,
                writable,
            },
            buffers: Vec::new(),
        }
    }

    // Frames.

    /// Makes the frame at `depth` active, with nothing written in it; its r10.
    pub(super) fn enter_frame(&mut self, depth: usize, bytes: u32) -> u64 {
        if let Some(frame) = self.frames.get_mut(depth) {
            *frame = bytes as usize;
        }
        let start = depth * FRAME_STRIDE;
        let end = start + FRAME_BYTES;
        self.set_written(start..end, false);
        self.stack as u64 + end as u64
    }

    /// Gives up all frames deeper than `depth`.
    pub(super) fn leave_frame(&mut self, depth: usize) {
        for frame in self.frames.iter_mut().skip(depth + 1) {
            *frame = 0;
        }
    }

    /// The offset in the stack, if all bytes are in one active frame.
    fn stack_offset(&self, address: u64, size: usize) -> Option<usize> {
        let offset = address.checked_sub(self.stack as u64)?;
        let offset = usize::try_from(offset).ok()?;
        let depth = offset / FRAME_STRIDE;
        let top = depth * FRAME_STRIDE + FRAME_BYTES;
        let used = *self.frames.get(depth)?;
        (offset >= top - used && offset.checked_add(size)? <= top).then_some(offset)
    }

    fn set_written(&mut self, bytes: std::ops::Range<usize>, written: bool) {
        for byte in bytes {
            if let Some(word) = self.written.get_mut(byte / 64) {
                let bit = 1 << (byte % 64);
                if written {
                    *word |= bit;
                } else {
                    *word &= !bit;
                }
            }
        }
    }

    fn check_written(&self, offset: usize, size: usize) -> Result<(), FaultKind> {
        let is_written = |byte: usize| {
            self.written
                .get(byte / 64)
                .is_some_and(|word| word & 1 << (byte % 64) != 0)
        };
        match (offset..offset + size).find(|byte| !is_written(*byte)) {
            None => Ok(()),
            Some(byte) => Err(FaultKind::UninitialisedStack {
                address: self.stack as u64 + byte as u64,
            }),
        }
    }

    // Checks.

    fn find(&self, address: u64, size: usize, write: bool) -> Result<Place, FaultKind> {
        if let Some(offset) = self.stack_offset(address, size) {
            return Ok(Place::Stack(offset));
        }
        let writable = if let Some(context) = self.context.filter(|c| c.covers(address, size)) {
            self.context_field_writable(address - context.start, size)
        } else if self.region.covers(address, size) {
            self.region.writable
        } else if self
            .buffers
            .iter()
            .any(|buffer| buffer.extent.covers(address, size))
        {
            true
        } else if let Some(map) = self.map_of_value(address, size) {
            !map.def().section.as_ref().is_some_and(|s| s.read_only)
        } else {
            return Err(FaultKind::OutOfBounds { address, size });
        };
        if write && !writable {
            return Err(FaultKind::NotWritable { address, size });
        }
        Ok(Place::Elsewhere)
    }

    /// Whether each byte is in a field that may be written: a store may touch several, as the
    /// verifier has it.
    fn context_field_writable(&self, offset: u64, size: usize) -> bool {
        let writable = |byte: u64| {
            self.definition.fields.iter().any(|field| {
                let start = u64::from(field.offset);
                field.writable && (start..start + u64::from(field.size)).contains(&byte)
            })
        };
        (offset..offset + size as u64).all(writable)
    }

    fn map_of_value(&self, address: u64, size: usize) -> Option<&Map> {
        let address = usize::try_from(address).ok()?;
        self.maps
            .iter()
            .map(|map| &**map)
            .find(|map| map.contains(address, size, self.slot))
    }

    /// Whether `size` bytes may be read: theirs, and written before if on the stack.
    pub(super) fn check_readable(&self, address: u64, size: usize) -> Result<(), FaultKind> {
        match self.find(address, size, false)? {
            Place::Stack(offset) => self.check_written(offset, size),
            Place::Elsewhere => Ok(()),
        }
    }

    /// Whether a helper may write `size` bytes. On the stack they count as written from then on.
    pub(super) fn check_writable(&mut self, address: u64, size: usize) -> Result<(), FaultKind> {
        if let Place::Stack(offset) = self.find(address, size, true)? {
            self.set_written(offset..offset + size, true);
        }
        Ok(())
    }

    /// Zeroes stack bytes.
    pub(super) fn zero(&mut self, address: u64, size: usize) -> Result<(), FaultKind> {
        for byte in address..address + size as u64 {
            self.store(byte, 1, 0)?;
        }
        Ok(())
    }

    // Maps.

    /// The address that stands for a map.
    pub(super) fn map_address(&self, index: u64) -> Result<u64, FaultKind> {
        self.map(index).map(|map| std::ptr::from_ref(map) as u64)
    }

    /// The address of the one value of a data section.
    pub(super) fn section_address(&self, index: u64) -> Result<u64, FaultKind> {
        match self.map(index)?.storage() {
            Storage::Array(array) => Ok(array.base() as u64),
            _ => Err(FaultKind::UnknownMap { map: index }),
        }
    }

    /// The map that an address stands for.
    pub(super) fn map_at(&self, address: u64) -> Option<&'c Map> {
        self.maps
            .iter()
            .map(|map| &**map)
            .find(|map| std::ptr::from_ref(*map) as u64 == address)
    }

    fn map(&self, index: u64) -> Result<&'c Map, FaultKind> {
        usize::try_from(index)
            .ok()
            .and_then(|index| self.maps.get(index))
            .map(|map| &**map)
            .ok_or(FaultKind::UnknownMap { map: index })
    }

    /// Whether `size` bytes lie in one value of the map. Checks the results of lookups.
    pub(super) fn in_value_of(&self, map: &Map, address: u64, size: usize) -> bool {
        usize::try_from(address).is_ok_and(|address| map.contains(address, size, self.slot))
    }

    /// A record of the OUTPUT map at `map` may be written from now on.
    pub(super) fn obtained(&mut self, map: u64, address: u64, size: usize) {
        self.sent(map);
        self.buffers.push(OutputBuffer {
            map,
            extent: Extent {
                start: address,
                len: size as u64,
                writable: true,
            },
        });
    }

    /// The record of the OUTPUT map at `map` is gone.
    pub(super) fn sent(&mut self, map: u64) {
        self.buffers.retain(|buffer| buffer.map != map);
    }

    // Accesses. Other threads may access the same bytes, so each access is one of `words`. An
    // access that is not aligned is made byte by byte.

    pub(super) fn load(&self, address: u64, size: usize) -> Result<u64, FaultKind> {
        self.check_readable(address, size)?;
        let pointer = address as usize as *mut u8;
        // SAFETY: the bytes were found above to be the program's, and are accessed as `words`
        // does.
        let whole = unsafe { load_aligned(pointer, size) };
        Ok(whole.unwrap_or_else(|| {
            let mut bytes = [0; 8];
            for (offset, byte) in bytes.iter_mut().enumerate().take(size) {
                // SAFETY: within the bytes that were found.
                let pointer = unsafe { pointer.add(offset) };
                // SAFETY: as above.
                *byte = unsafe { words::load_u8(pointer) };
            }
            number_of(bytes, size)
        }))
    }

    pub(super) fn store(&mut self, address: u64, size: usize, value: u64) -> Result<(), FaultKind> {
        if let Place::Stack(offset) = self.find(address, size, true)? {
            self.set_written(offset..offset + size, true);
        }
        let pointer = address as usize as *mut u8;
        // SAFETY: the bytes were found above to be the program's to write, and are accessed as
        // `words` does.
        if unsafe { store_aligned(pointer, size, value) } {
            return Ok(());
        }
        for (offset, byte) in bytes_of(value, size).into_iter().enumerate().take(size) {
            // SAFETY: within the bytes that were found.
            let pointer = unsafe { pointer.add(offset) };
            // SAFETY: as above.
            unsafe { words::store_u8(pointer, byte) };
        }
        Ok(())
    }

    /// A read-modify-write; the old value.
    pub(super) fn atomic(
        &mut self,
        address: u64,
        size: usize,
        operation: i32,
        operand: u64,
        expected: u64,
    ) -> Result<u64, FaultKind> {
        if !address.is_multiple_of(size as u64) {
            return Err(FaultKind::Unaligned { address, size });
        }
        self.check_readable(address, size)?;
        self.check_writable(address, size)?;
        let unknown = FaultKind::UnknownInstruction {
            opcode: if size == 8 { 0xdb } else { 0xc3 },
        };
        let order = Ordering::SeqCst;
        macro_rules! operate {
            ($atomic:ty, $number:ty) => {{
                let pointer = address as usize as *mut $number;
                // SAFETY: found above to be the program's, and aligned.
                let cell = unsafe { <$atomic>::from_ptr(pointer) };
                let operand = operand as $number;
                let old = match operation {
                    0x00 | 0x01 => cell.fetch_add(operand, order),
                    0x40 | 0x41 => cell.fetch_or(operand, order),
                    0x50 | 0x51 => cell.fetch_and(operand, order),
                    0xa0 | 0xa1 => cell.fetch_xor(operand, order),
                    0xe1 => cell.swap(operand, order),
                    0xf1 => cell
                        .compare_exchange(expected as $number, operand, order, order)
                        .unwrap_or_else(|old| old),
                    _ => return Err(unknown),
                };
                Ok(u64::from(old))
            }};
        }
        if size == 8 {
            operate!(AtomicU64, u64)
        } else {
            operate!(AtomicU32, u32)
        }
    }
}

/// # Safety
/// `size` bytes at `pointer` are valid, and accessed atomically only.
unsafe fn load_aligned(pointer: *mut u8, size: usize) -> Option<u64> {
    if !(pointer as usize).is_multiple_of(size) {
        return None;
    }
    Some(match size {
        // SAFETY: the caller's word, and aligned; so in each arm.
        1 => u64::from(unsafe { words::load_u8(pointer) }),
        // SAFETY: as above.
        2 => u64::from(unsafe { words::load_u16(pointer.cast()) }),
        // SAFETY: as above.
        4 => u64::from(unsafe { words::load_u32(pointer.cast()) }),
        // SAFETY: as above.
        8 => unsafe { words::load_u64(pointer.cast()) },
        _ => return None,
    })
}

/// # Safety
/// `size` bytes at `pointer` are valid for writes, and accessed atomically only.
unsafe fn store_aligned(pointer: *mut u8, size: usize, value: u64) -> bool {
    if !(pointer as usize).is_multiple_of(size) {
        return false;
    }
    match size {
        // SAFETY: the caller's word, and aligned; so in each arm.
        1 => unsafe { words::store_u8(pointer, value as u8) },
        // SAFETY: as above.
        2 => unsafe { words::store_u16(pointer.cast(), value as u16) },
        // SAFETY: as above.
        4 => unsafe { words::store_u32(pointer.cast(), value as u32) },
        // SAFETY: as above.
        8 => unsafe { words::store_u64(pointer.cast(), value) },
        _ => return false,
    }
    true
}

/// The first `size` bytes as a number in the host's order.
fn number_of(bytes: [u8; 8], size: usize) -> u64 {
    if cfg!(target_endian = "little") {
        u64::from_le_bytes(bytes)
    } else {
        u64::from_be_bytes(bytes) >> (8 * (8 - size))
    }
}

/// The low `size` bytes of a number in the host's order, first in the array.
fn bytes_of(value: u64, size: usize) -> [u8; 8] {
    if cfg!(target_endian = "little") {
        value.to_le_bytes()
    } else {
        (value << (8 * (8 - size))).to_be_bytes()
    }
}
