//! The reasons for which the two verifiers disagree on programs.

/// Programs, by the names of their sources, and the reason that holds for all of them.
pub struct Explanation {
    pub programs: &'static [&'static str],
    /// For readers of the table, and for the test's output.
    pub reason: &'static str,
}

/// Ours proves these; prevail does not.
pub const ACCEPTED_BY_US_ALONE: &[Explanation] = &[
    Explanation {
        programs: &[
            "counted_down",
            "counted_down_32",
            "fixed_point_functions",
            "fixed_point_text",
            "retry_macros",
            "runtime_limit",
        ],
        reason: "prevail proves that a loop ends by a counter of its own, whose bound has to follow from one \
                 invariant of all iterations: it finds none where the loop counts down, ends at `!=`, or keeps its \
                 counter on the stack. Ours walks the iterations, and each is shorter than the budget",
    },
    Explanation {
        programs: &["abort"],
        reason: "a function ends in the call of `abort`, which never returns. To prevail every helper returns, and \
                 execution falls off the function's end",
    },
    Explanation {
        programs: &["checksum", "pointer_walk", "ring_of_parts"],
        reason: "a pointer moves through the region and is compared with data_end in each iteration. Joined over all \
                 iterations, the distance that was proven is lost; walked one by one, it is not",
    },
    Explanation {
        programs: &["search_map_value", "string_compare"],
        reason: "an index into a map value is bounded by a counter that moves along with it. The join of the iterations \
                 keeps both, and not what one says of the other",
    },
    Explanation {
        programs: &["call_chain", "map_dump", "remainder_index"],
        reason: "the offset into a buffer on the stack is bounded by a remainder, a helper's result or a caller's loop, which \
                 prevail's domain of linear inequalities does not carry to the access",
    },
    Explanation {
        programs: &["map_value_index", "reserve_across_calls"],
        reason: "at v3 an index is masked or compared in 32 bits, and used in 64: prevail keeps less of what follows \
                 for the whole register",
    },
    Explanation {
        programs: &["bsr_stats"],
        reason: "a pointer walks through a number of groups in a loop. Prevail loses its bound when it joins the iterations, \
                 and compares pointers that are 65,535 bytes from the start at most",
    },
    Explanation {
        programs: &["per_hook", "stats_report"],
        reason: "the statistics are 68,616 bytes, and a packet has 65,535 at most; told of larger packets, prevail loses the \
                 offset of an entry in the join of the iterations",
    },
    Explanation {
        programs: &[
            "own_map_per_thread",
            "own_map_reader",
            "own_map_reader_flags",
            "own_map_write",
        ],
        reason: "a map type of the application's own is no kind that prevail knows, and it lets no helper take one",
    },
    Explanation {
        programs: &["channels"],
        reason: "two buffers that were reserved are compared with each other. To prevail they are map values, whose addresses it \
                 cannot compare; which of two equal pointers is meant makes no difference to what may be accessed",
    },
    Explanation {
        programs: &["address_by_or"],
        reason: "an address on the stack is formed with `|`, because the compiler knows how the stack is aligned. Ours knows it \
                 too; to prevail the result is a number",
    },
    Explanation {
        programs: &["fixed_region"],
        reason: "the type of the hook's data fixes the size of the region. Prevail knows packets of unknown size only, so that \
                 every access needs a comparison",
    },
];

/// Ours refuses these; prevail does not.
pub const REJECTED_BY_US_ALONE: &[Explanation] = &[
    Explanation {
        programs: &["atomic_on_context", "atomic_unaligned"],
        reason: "prevail asks of atomic operations what it asks of a load and a store. On misaligned memory they are \
                 undefined in Rust's memory model and torn on some machines, and the context is no shared memory",
    },
    Explanation {
        programs: &[
            "context_write_read_only",
            "helper_writes_read_only",
            "region_read_only",
            "rodata_write",
            "slot_read_only",
        ],
        reason: "prevail cannot be told that memory may only be read: regions from `&T`, fields of the context, `.rodata`",
    },
    Explanation {
        programs: &["leak_by_printf", "printf_string", "printf_unterminated"],
        reason: "to prevail the format of printf is readable memory, and its arguments are not looked at",
    },
    Explanation {
        programs: &["slot_late"],
        reason: "it is written for a context whose last field is longer. Of the generic one, 28 bytes of 32 may be read; prevail is \
                 told of the size alone",
    },
    Explanation {
        programs: &["leak_by_comparison"],
        reason: "prevail lets pointers into different memory be compared; one bit of an address a call adds up to the address",
    },
    Explanation {
        programs: &["use_after_send"],
        reason: "to prevail a buffer from get_output_buf is a map value, which never goes away",
    },
];

/// Prevail walks these for minutes at one version or another: 64-bit fixed-point arithmetic, and
/// halving an interval with 32-bit operators, make its fixpoint climb in small steps. Ours has to
/// accept them.
pub const WITHOUT_THEIR_ANSWER: &[&str] = &["binary_search", "fixed_point_64"];
