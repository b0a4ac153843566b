//! The lowering's knowledge of registers and stack bytes inside one straight run of code.
//!
//! A codelet writes a key to its stack and hands its address to a helper. To inline that helper
//! well, the address must be seen as "frame plus constant", the key's bytes as the constant they
//! are, and the result's null check as the comparison of the index that it came from. Correct code
//! needs nothing of this: forgetting is always allowed, and everything is forgotten at places
//! where paths meet.

use cranelift_codegen::ir::Value;

use super::homes::Effort;
use super::shared::SharedLoads;

/// The knowledge of one register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Nothing.
    Unknown,
    /// It holds this number.
    Constant(u64),
    /// It points this many bytes from the top of the current frame.
    Frame(i32),
    /// It holds the result of an inlined lookup that was not compared with null yet.
    Lookup(Lookup),
}

/// The result of an inlined lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lookup {
    /// Non-zero if and only if the entry exists.
    pub found: Value,
    /// Its address, if it exists.
    pub address: Value,
}

/// The content that a store put into the frame.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stored {
    /// A number, cut to the store's size.
    Constant(u64),
    /// A value of the store's size.
    Value(Value),
}

/// Bytes of the frame that one store wrote.
#[derive(Debug, Clone, Copy)]
struct StackBytes {
    offset: i32,
    bytes: i32,
    stored: Stored,
}

/// The number of stores that are remembered: the newest ones. The value of a remembered store
/// stays alive, and the compiled code spills it to the caller's stack if there are many. Without a
/// limit, each stored byte of the frame could take eight more bytes of stack.
const REMEMBERED_STORES: usize = 64;

/// The facts at one point of the code.
#[derive(Debug)]
pub(super) struct KnownState {
    registers: [Known; 11],
    stack: Vec<StackBytes>,
    effort: Effort,
    pub(super) shared_loads: SharedLoads,
}

impl KnownState {
    /// Nothing known but that r10 is the top of the frame, and which loads of shared memory came
    /// before.
    pub(super) fn new(shared_loads: SharedLoads, effort: Effort) -> Self {
        let mut state = Self {
            registers: [Known::Unknown; 11],
            stack: Vec::new(),
            effort,
            shared_loads,
        };
        state.set(10, Known::Frame(0));
        state
    }

    /// Forgets everything: another path joins.
    pub(super) fn forget(&mut self) {
        self.registers = [Known::Unknown; 11];
        self.stack.clear();
        self.shared_loads = SharedLoads::Any;
        self.set(10, Known::Frame(0));
    }

    pub(super) fn get(&self, register: u8) -> Known {
        self.registers
            .get(usize::from(register))
            .copied()
            .unwrap_or(Known::Unknown)
    }

    pub(super) fn set(&mut self, register: u8, known: Known) {
        if let Some(slot) = self.registers.get_mut(usize::from(register)) {
            *slot = known;
        }
    }

    /// The registers that hold the result of this lookup.
    pub(super) fn holders(&self, lookup: Lookup) -> impl Iterator<Item = u8> + use<> {
        let registers = self.registers;
        (0..11u8)
            .filter(move |&r| registers.get(usize::from(r)).copied() == Some(Known::Lookup(lookup)))
    }

    /// A store to the frame.
    pub(super) fn stack_stored(&mut self, offset: i32, bytes: i32, stored: Option<Stored>) {
        self.stack
            .retain(|held| held.offset + held.bytes <= offset || offset + bytes <= held.offset);
        // A remembered value would be kept alive from one instruction to many others.
        let stored = stored.filter(|stored| {
            self.effort == Effort::Optimised || matches!(stored, Stored::Constant(_))
        });
        if let Some(stored) = stored {
            if self.stack.len() >= REMEMBERED_STORES {
                self.stack.remove(0);
            }
            self.stack.push(StackBytes {
                offset,
                bytes,
                stored,
            });
        }
    }

    /// Something may have written anywhere in the frame.
    pub(super) fn stack_clobbered(&mut self) {
        self.stack.clear();
    }

    /// The content of `bytes` bytes of the frame, if one store wrote them: any part of a number,
    /// or the whole of a value.
    pub(super) fn stack_held(&self, offset: i32, bytes: i32) -> Option<Stored> {
        let held = self
            .stack
            .iter()
            .find(|held| held.offset <= offset && offset + bytes <= held.offset + held.bytes)?;
        let number = match held.stored {
            Stored::Value(_) if held.bytes != bytes => return None,
            Stored::Value(value) => return Some(Stored::Value(value)),
            Stored::Constant(number) => number,
        };
        let skipped = if cfg!(target_endian = "little") {
            offset - held.offset
        } else {
            held.offset + held.bytes - offset - bytes
        };
        let number = number >> (8 * skipped);
        Some(Stored::Constant(if bytes < 8 {
            number & ((1 << (8 * bytes)) - 1)
        } else {
            number
        }))
    }

    /// A call returned: r0 to r5 hold something new, and the frame may have been written.
    pub(super) fn called(&mut self) {
        for register in 0..6 {
            self.set(register, Known::Unknown);
        }
        self.stack_clobbered();
    }
}
