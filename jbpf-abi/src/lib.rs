//! The numbers that codelets are compiled against.
//!
//! `docs/abi.md` is the page that explains them. A test of the workspace compares this crate, that
//! page and the C headers in `codelets/include`, so that a number stands in one place only.
//!
//! Rooms, in the order of the page:
//! * [`object`]: sections, relocations and sizes of an ELF object;
//! * [`map`]: map kinds and their spelling;
//! * [`helper`]: ids and names of helper functions;
//! * [`status`]: return codes of map operations;
//! * [`context`]: offsets of the contexts' fields;
//! * [`request`]: limits of a load request, and the derivation of stream ids.
//!
//! This crate holds constants. Code that interprets them lives with its subject.

#![no_std]

/// The parts of an object file.
pub mod object {
    /// The section that holds map definitions.
    pub const MAPS_SECTION: &str = "maps";

    /// The name of the entry function.
    pub const ENTRY: &str = "jbpf_main";

    /// The prefix of section names whose programs attach to any hook.
    pub const GENERIC_PROGRAM: &str = "jbpf_generic";

    /// The prefix of section names whose programs attach to hooks that report statistics.
    pub const STATS_PROGRAM: &str = "jbpf_stats";
    /// The hooks that the runtime calls regularly. They take programs of any type.
    pub const TIMERS: [&str; 2] = ["report_stats", "periodic_call"];

    /// Size of a map definition in bytes: eight `u32`.
    pub const MAP_DEFINITION_SIZE: usize = 32;

    /// Relocation of a 64-bit immediate load against a symbol.
    pub const R_BPF_64_64: u32 = 1;

    /// Relocation of a call between functions.
    pub const R_BPF_64_32: u32 = 10;

    /// `src_reg` of a call between functions.
    pub const PSEUDO_CALL: u8 = 1;

    /// Stack of one function in bytes.
    pub const FRAME_SIZE: u32 = 512;

    /// The most frames that nest.
    pub const MAX_FRAMES: usize = 8;

    /// The most maps that one codelet defines. Data sections do not count.
    pub const MAX_MAPS: usize = 64;
}

/// Map kinds, by the `type` field of a map definition.
pub mod map {
    /// Values by index; the first four bytes of a key are the index.
    pub const ARRAY: u32 = 1;
    /// Values by key.
    pub const HASHMAP: u32 = 2;
    /// Output channel; `ringbuf_output` copies a record.
    pub const RINGBUF: u32 = 3;
    /// Input channel.
    pub const CONTROL_INPUT: u32 = 4;
    /// Values by index, one copy for each thread.
    pub const PER_THREAD_ARRAY: u32 = 5;
    /// Values by key, one copy for each thread.
    pub const PER_THREAD_HASHMAP: u32 = 6;
    /// Output channel; `get_output_buf` reserves a record, `send_output` sends it.
    pub const OUTPUT: u32 = 7;

    /// The first number that an application may give to a map kind of its own.
    pub const FIRST_OF_APPLICATION: u32 = 16;

    /// The built-in kinds with the spelling that every message and document uses.
    pub const NAMES: [(u32, &str); 7] = [
        (ARRAY, "ARRAY"),
        (HASHMAP, "HASHMAP"),
        (RINGBUF, "RINGBUF"),
        (CONTROL_INPUT, "CONTROL_INPUT"),
        (PER_THREAD_ARRAY, "PER_THREAD_ARRAY"),
        (PER_THREAD_HASHMAP, "PER_THREAD_HASHMAP"),
        (OUTPUT, "OUTPUT"),
    ];
}

/// Helper functions, by the immediate of the call instruction.
pub mod helper {
    /// Pointer to the value of a key, or null.
    pub const MAP_LOOKUP_ELEM: u32 = 1;
    /// Pointer to the value of a key, zeroed, or null.
    pub const MAP_LOOKUP_RESET_ELEM: u32 = 2;
    /// Stores a value.
    pub const MAP_UPDATE_ELEM: u32 = 3;
    /// Removes a key.
    pub const MAP_DELETE_ELEM: u32 = 4;
    /// Zeroes an array, empties a hash map.
    pub const MAP_CLEAR: u32 = 5;
    /// Copies a hash map out.
    pub const MAP_DUMP: u32 = 6;
    /// Wall clock in ns.
    pub const TIME_GET_NS: u32 = 7;
    /// A tick of the fastest monotonic clock.
    pub const GET_SYS_TIME: u32 = 8;
    /// The ns between two ticks.
    pub const GET_SYS_TIME_DIFF_NS: u32 = 9;
    /// A hash of some bytes (Jenkins lookup3 `hashlittle`, seed 0).
    pub const HASH: u32 = 10;
    /// Prints a format with up to three numbers.
    pub const PRINTF: u32 = 11;
    /// Sends a copy of a record through a RINGBUF map.
    pub const RINGBUF_OUTPUT: u32 = 12;
    /// Starts the thread's clock of `runtime_limit_exceeded`.
    pub const MARK_RUNTIME_INIT: u32 = 13;
    /// Whether more ns have passed than the request's `runtime_threshold`.
    pub const RUNTIME_LIMIT_EXCEEDED: u32 = 14;
    /// A random number from 0 to 2^31 - 1.
    pub const RAND: u32 = 15;
    /// Takes a record from a CONTROL_INPUT map.
    pub const CONTROL_INPUT_RECEIVE: u32 = 16;
    /// Reserves a record of an OUTPUT map.
    pub const GET_OUTPUT_BUF: u32 = 17;
    /// Sends the reserved record of an OUTPUT map.
    pub const SEND_OUTPUT: u32 = 18;
    /// Leaves the codelet's call, and never returns.
    pub const ABORT: u32 = 31;

    /// The first id that an application may give to a helper of its own.
    pub const FIRST_OF_APPLICATION: u32 = 32;
    /// Ids are below this.
    pub const END: u32 = 64;
    /// The most registers that a helper takes: r1 to r5.
    pub const MAX_ARGUMENTS: usize = 5;

    /// The built-in helpers that an application may replace, for a simulated clock say, with how
    /// many numbers each takes. They take and return numbers only.
    pub const REPLACEABLE: [(u32, usize); 5] = [
        (TIME_GET_NS, 0),
        (GET_SYS_TIME, 1),
        (GET_SYS_TIME_DIFF_NS, 2),
        (RUNTIME_LIMIT_EXCEEDED, 0),
        (RAND, 0),
    ];

    /// The built-in helpers with their names, by ascending id.
    pub const NAMES: [(u32, &str); 19] = [
        (MAP_LOOKUP_ELEM, "map_lookup_elem"),
        (MAP_LOOKUP_RESET_ELEM, "map_lookup_reset_elem"),
        (MAP_UPDATE_ELEM, "map_update_elem"),
        (MAP_DELETE_ELEM, "map_delete_elem"),
        (MAP_CLEAR, "map_clear"),
        (MAP_DUMP, "map_dump"),
        (TIME_GET_NS, "time_get_ns"),
        (GET_SYS_TIME, "get_sys_time"),
        (GET_SYS_TIME_DIFF_NS, "get_sys_time_diff_ns"),
        (HASH, "hash"),
        (PRINTF, "printf"),
        (RINGBUF_OUTPUT, "ringbuf_output"),
        (MARK_RUNTIME_INIT, "mark_runtime_init"),
        (RUNTIME_LIMIT_EXCEEDED, "runtime_limit_exceeded"),
        (RAND, "rand"),
        (CONTROL_INPUT_RECEIVE, "control_input_receive"),
        (GET_OUTPUT_BUF, "get_output_buf"),
        (SEND_OUTPUT, "send_output"),
        (ABORT, "abort"),
    ];
}

/// Return codes of map operations.
pub mod status {
    /// The operation is done.
    pub const SUCCESS: i32 = 0;
    /// The key does not exist, or an index is out of range.
    pub const ERROR: i32 = -1;
    /// The operation cannot be done now, or not on this kind of map.
    pub const BUSY: i32 = -2;
    /// A new key found no room.
    pub const FULL: i32 = -4;
}

/// Contexts: offsets in bytes, and sizes.
pub mod context {
    /// `data`, a `u64`: the first byte of the region.
    pub const DATA: u32 = 0;
    /// `data_end`, a `u64`: the end of the region.
    pub const DATA_END: u32 = 8;
    /// `meta_data`, a `u64`: scratch that the codelets of one call share.
    pub const META_DATA: u32 = 16;
    /// The first field of the hook's own; `ctx_id` and `meas_period` of the two standard contexts.
    pub const FIELDS: u32 = 24;
    /// Bytes that are readable in the two standard contexts.
    pub const STANDARD_READABLE: u32 = 28;
    /// Contexts are passed in multiples of so many bytes.
    pub const ALIGN: u32 = 8;
}

/// Load requests.
pub mod request {
    /// The longest name or path in bytes.
    pub const MAX_NAME: usize = 255;
    /// The most codelets of a codeletset.
    pub const MAX_CODELETS: usize = 16;
    /// The most channels of one direction that a codelet's entry lists.
    pub const MAX_CHANNELS: usize = 5;
    /// The most linked maps that a codelet's entry lists.
    pub const MAX_LINKED_MAPS: usize = 10;
    /// The priority of an entry that states none.
    pub const DEFAULT_PRIORITY: u32 = 1;
    /// Size of a stream id in bytes.
    pub const STREAM_ID_SIZE: usize = 16;
    /// The seed of MurmurHash64A in the derivation of a stream id.
    pub const STREAM_ID_SEED: u64 = 0xc70f_6907;
}
