//! The model of addresses that the verifier reasons with, and that the machine keeps.
//!
//! The verifier never knows an address. It knows how far a pointer is from the start of its
//! object. Machine code computes and compares the addresses themselves. Both agree because of the
//! clauses below. Each clause names the code that relies on it, so that nobody weakens it unaware,
//! and the code that provides it.
//!
//! *Objects* are listed in the first column of this table. The *reach* of an object is the range
//! of offsets from its start at which pointers to it may be compared. A frame's start is its frame
//! pointer, r10.
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
//! A pointer inside its object, or right behind it, is not null. An empty region may lie anywhere,
//! so that nothing is decided of it.
//!
//! * `step/branch.rs`, `pointer_and_number`, relies on it: it decides such a comparison with null.
//!   If another path leaves the comparison open, machine code makes it.
//! * `Frame::new` of `jbpf-core/src/engine/native/frame.rs` provides it for frames (with a stack
//!   slot, also for functions that store nothing), and so does `Stack` of `interpreter/memory.rs`.
//!   Other objects are memory that exists. Helpers return null if and only if there is no value or
//!   record: `builtins`, `native/lookup.rs` and `native/channel.rs` see to it, and the contract of
//!   `ApplicationMap` asks for it.
//!
//! # 2. Addresses of one object are ordered as offsets are, and do not wrap
//!
//! The start of an object plus an offset within its reach is below 2^63 and not below 0. So
//! comparisons of pointers to one object, signed and unsigned, are comparisons of offsets.
//!
//! * `step/branch.rs` relies on it: `one_object` decides comparisons and bounds the numbers that
//!   were added, and `region_end` learns how many bytes a region has, or does not have, and
//!   decides comparisons by that. `step/alu.rs`, `remainder`, relies on it: `data_end` minus a
//!   pointer is at most [`LARGEST_REGION`] more than the pointer's offset. `facts.rs` relies on
//!   it: sums of numbers near the region do not wrap. `proven.rs` relies on it when it carries the
//!   range behind one variable over to another variable near it.
//! * The machine provides it: memory of a process lies below [`LARGEST_REGION`] and above the
//!   first pages, which kernels do not map. Only a reference to no bytes may hold any address.
//!   `Bounds` of `jbpf-hooks/src/region.rs` gives codelets another address in its place, and
//!   `engine/input.rs` does so outside of hooks. Below its start a region may wrap, so that the
//!   verifier learns nothing there.
//!
//! # 3. Objects are disjoint
//!
//! Places inside two objects have different addresses. A frame includes, for this clause, the
//! lowest place that is compared, and r10, which is right behind the frame. A codelet may hold two
//! pointers to one value without knowing it: two maps may be linked to one, and a key may be
//! looked up twice. So the verifier decides nothing from this clause; but both engines go the same
//! way, and so do two runs in other memory.
//!
//! * `step/branch.rs`, `pointers` and `check_in_object`, rely on it: they allow such comparisons,
//!   by `==` and `!=`. `AliasRegions` of `native/lower.rs` relies on it: a store to a frame leaves
//!   values that were loaded from a context as they are, and so on. Regions, values and records
//!   count as one there, since applications may lay one over the other.
//! * `frame.rs` provides it for frames, since a call pushes an address between two frames, and so
//!   does `FRAME_STRIDE` of `interpreter/memory.rs`. Allocators provide it for the other objects.
//!
//! # 4. Nothing tells where objects lie
//!
//! No comparison tells more of an address than clauses 1 to 3 do. A pointer is never compared with
//! a number but 0, by order with another object, in its halves or bits, or so far from its object
//! that the sum may wrap. No pointer becomes a number, or leaves the codelet. The low half of a
//! pointer into the region is good for one thing: the 32-bit distance of two of them, which is the
//! low half of the distance of the pointers.
//!
//! * Applications rely on it: their addresses are secrets against attackers. Tests rely on it that
//!   run programs in two layouts of memory and expect one result.
//! * `step/branch.rs` (`check_tells_nothing`, `check_in_object`, `no_comparison`), `step/alu.rs`
//!   (`no_arithmetic`) and the checks for leaks of `step/memory.rs` and `step/call.rs` provide it.
//!
//! # 5. Starts are aligned
//!
//! Frame pointers are multiples of [`FRAME_ALIGN`], values and records start at multiples of
//! [`VALUE_ALIGN`], and a region is aligned as its type says.
//!
//! * `step/memory.rs`, `check_aligned`, relies on it for atomic operations. `step/alu.rs`,
//!   `pointer_or`, relies on it: setting bits that are zero is adding them.
//! * `frame.rs` and `Stack` provide it for frames, `ArrayLayout` and `HashLayout` of
//!   `jbpf-core/src/map` and the contract of `ApplicationMap` for values, the rings' layout of
//!   `jbpf-channel` for records. References are aligned, which provides it for regions.
//!
//! # 6. Objects stay
//!
//! A pointer that may be dereferenced points at its object until the codelet returns, and a region
//! keeps its size.
//!
//! * Every check of an access that is not the first relies on it.
//! * Maps provide it by never moving or freeing a value while code refers to them. Frames end
//!   after all that points at them: `step/memory.rs` keeps such pointers out of callers' frames,
//!   `step/call.rs` out of r0. A record ends with `send_output`, after which the verifier refuses
//!   accesses to it. No codelet may write `data` and `data_end`.

/// Offsets up to this, added to the start of any object, do not wrap.
pub const FAR: i64 = 1 << 40;

/// Objects lie above this address, unless their place is no secret: a program that is always
/// loaded at the same place has low addresses.
pub const LOWEST_SECRET: i64 = 1 << 32;

/// No region is larger than this, and none lies above: addresses of processes have at most 57
/// bits.
pub const LARGEST_REGION: i64 = 1 << 57;

/// A frame pointer is a multiple of this.
pub const FRAME_ALIGN: u32 = 16;

/// Values of maps and records of channels start at multiples of this.
pub const VALUE_ALIGN: u32 = 8;
