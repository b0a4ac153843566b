//! What holds of addresses: the model that the verifier reasons with, and that the machine keeps.
//!
//! The verifier never knows an address. It knows that a pointer is *so far from the start of that object*. Machine code
//! computes and compares the addresses themselves. Both mean the same because of the clauses below. Each names who relies on
//! it, so that nobody weakens it unaware, and who provides it.
//!
//! *Objects* are what the first column of this table names. An object's *reach* is where pointers to it may be compared,
//! as offsets from its start; a frame's start is its frame pointer, r10.
//!
//! | object | bytes | reach | lies |
//! | --- | --- | --- | --- |
//! | context | the fields | 0 to [`FAR`] | on the stack of the function that calls the hook |
//! | frame | those below r10 that are accessed, or compared with another frame's | -512 to [`FAR`] | on the thread's stack |
//! | region | `data` to `data_end` | 0 to [`FAR`] | where the application keeps it |
//! | value of a map, section | `value_size` | -512 to [`FAR`] | in the map's pages; of an application's map, where the application keeps it |
//! | record of an OUTPUT map | `value_size` | -512 to [`FAR`] | in the channel's memory |
//! | map itself | none to access | 0 | on the heap |
//!
//! # 1. No object lies at 0
//!
//! A pointer inside of its object, or right behind it, is not null. (A region may be empty, and then lie anywhere: nothing
//! is decided of it.)
//!
//! * Relied on by `step/branch.rs`, `pointer_and_number`: such a comparison with null is decided. Where another path
//!   leaves it open, machine code makes it.
//! * Provided for frames by `Frame::new` of `jbpf-core/src/engine/native/frame.rs` (a stack slot, also for functions that
//!   store nothing) and `Stack` of `interpreter/memory.rs`; for the others by memory that exists. What helpers return is null if
//!   and only if there is no value or record: `builtins`, `native/lookup.rs` and `native/channel.rs`, and the
//!   contract of `ApplicationMap`.
//!
//! # 2. Addresses of one object are ordered as offsets are, and do not wrap
//!
//! The start of an object plus an offset within its reach is below 2^63 and not below 0. So comparisons of pointers to
//! one object, signed and unsigned, are comparisons of offsets.
//!
//! * Relied on by `step/branch.rs`: `one_object` decides, and bounds the numbers that were added; `region_end` learns how many
//!   bytes a region has. By `step/alu.rs`, `remainder`: `data_end` minus a pointer is at most [`LARGEST_REGION`] more
//!   than its offset. By `proven.rs`, which carries what is known behind one variable over to another one near it.
//! * Provided by the machine: memory of a process lies below [`LARGEST_REGION`] and above the first pages, which kernels do
//!   not map. Only a reference to no bytes may hold any address; `Bounds` of `jbpf-hooks/src/region.rs` gives codelets
//!   another one in its place, and `engine/input.rs` does so outside of hooks. Below its start a region may wrap:
//!   nothing is learnt there.
//!
//! # 3. Objects are disjoint
//!
//! Places inside of two objects have different addresses. For a frame that includes its lowest place that is compared, and
//! r10, which is right behind it. A codelet may hold two pointers to one value without knowing: maps may be linked to one, and a key
//! be looked up twice. So nothing is decided from this; but both engines, and two runs in other memory, go the same way.
//!
//! * Relied on by `step/branch.rs`, `pointers` and `check_in_object`: such comparisons are allowed, by `==` and `!=`. By
//!   `AliasRegions` of `native/lower.rs`: a store to a frame leaves what was loaded from a context, and so on. Regions, values and
//!   records count as one there, since applications may lay one over the other.
//! * Provided for frames by `frame.rs`, since a call pushes an address between two frames, and by `FRAME_STRIDE` of
//!   `interpreter/memory.rs`; for the others by allocators.
//!
//! # 4. Where objects lie is not told
//!
//! No comparison tells more of an address than clauses 1 to 3 do: no pointer is compared with a number but 0, by order with another
//! object, in its halves or bits, or so far from its object that the sum may wrap; none becomes a number, or leaves the codelet.
//!
//! * Relied on by applications, whose addresses are secrets against attackers; and by tests that run programs
//!   in two layouts of memory and expect one result.
//! * Provided by `step/branch.rs` (`check_tells_nothing`, `check_in_object`, `no_comparison`), `step/alu.rs` (`no_arithmetic`)
//!   and the checks for leaks of `step/memory.rs` and `step/call.rs`.
//!
//! # 5. Starts are aligned
//!
//! Frame pointers to [`FRAME_ALIGN`], values and records to [`VALUE_ALIGN`], a region as its type says.
//!
//! * Relied on by `step/memory.rs`, `check_aligned`, for atomic operations, and by `step/alu.rs`, `pointer_or`: to set bits
//!   that are zero is to add them.
//! * Provided by `frame.rs` and `Stack`, by `ArrayLayout` and `HashLayout` of `jbpf-core/src/map` and the contract of
//!   `ApplicationMap`, by the rings' layout of `jbpf-channel`, and by references being aligned.
//!
//! # 6. Objects stay
//!
//! A pointer that may be dereferenced points at its object until the codelet returns, and a region keeps its size.
//!
//! * Relied on by every check of an access that is not the first.
//! * Provided by maps that never move or free a value while code refers to them, by frames that end after all that points
//!   at them (`step/memory.rs` keeps such pointers out of callers' frames, `step/call.rs` out of r0), by `send_output`, after
//!   which a record is no object any more, and by `data` and `data_end`, which no codelet may write.

/// Offsets up to here, added to the start of any object, do not wrap.
pub const FAR: i64 = 1 << 40;

/// Objects lie above this address, or so low that their place is no secret: those of a program that is always
/// loaded at the same place.
pub const LOWEST_SECRET: i64 = 1 << 32;

/// No region is larger, and none lies above: addresses of processes have at most 57 bits.
pub const LARGEST_REGION: i64 = 1 << 57;

/// A frame pointer is a multiple of this.
pub const FRAME_ALIGN: u32 = 16;

/// Values of maps and records of channels start at multiples of this.
pub const VALUE_ALIGN: u32 = 8;
