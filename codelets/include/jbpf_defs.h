/*
 * What a codelet is made of: sections, maps and contexts.
 *
 * A codelet is one C file. It defines maps, and an entry function in a section that names the kind of
 * hook it is for:
 *
 *     #include "jbpf_defs.h"
 *     #include "jbpf_helper.h"
 *     #include "hooks.h"                              // the application's structs, generated
 *
 *     jbpf_ringbuf_map(outmap, Packet, 256)
 *
 *     SEC("jbpf_generic")
 *     uint64_t jbpf_main(void *state)
 *     {
 *         struct jbpf_generic_ctx *ctx = state;
 *         Packet *packet = (Packet *)ctx->data;
 *         if ((uint64_t)(packet + 1) > ctx->data_end) // prove that it is there, then use it
 *             return 1;
 *         return jbpf_ringbuf_output(&outmap, packet, sizeof(*packet));
 *     }
 *
 * Compile with: clang -O2 -g -target bpf -I codelets/include -c codelet.c -o codelet.o
 *
 * No system header is needed. -g is what lets reports show source lines, and tools show records
 * by their fields.
 */
#ifndef JBPF_DEFS_H
#define JBPF_DEFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Puts a function or a variable into a section of the object. */
#ifndef SEC
#define SEC(NAME) __attribute__((section(NAME), used))
#endif

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif

/* Sizes of the names of record schemas. Records describe themselves here; the numbers are kept for
 * sources that refer to them. */
#ifndef MAX_PROTO_NAME
#define MAX_PROTO_NAME 32
#endif
#ifndef MAX_PROTO_MSG_NAME
#define MAX_PROTO_MSG_NAME 32
#endif
#ifndef MAX_PROTO_HASH
#define MAX_PROTO_HASH 128
#endif

/* A flag of map dumps. Accepted and without effect: clear a map with jbpf_map_clear. */
#ifndef JBPF_MAP_CLEAR_FLAG
#define JBPF_MAP_CLEAR_FLAG (1 << 0)
#endif

/* Program types, in the order of their numbers. The section of the entry function chooses one. */
enum jbpf_prog_type {
    JBPF_PROG_TYPE_UNSPEC = 0,
    JBPF_PROG_TYPE_GENERIC, /* SEC("jbpf_generic"), context jbpf_generic_ctx or the hook's own */
    JBPF_PROG_TYPE_STATS,   /* SEC("jbpf_stats"), context jbpf_stats_ctx */
    JBPF_NUM_PROG_TYPES_MAX,
};

/* The numbers of the built-in helpers; jbpf_helper.h declares the functions. An application's own begin
 * at 32. */
enum jbpf_helper_type {
    JBPF_UNSPEC = 0,
    JBPF_MAP_LOOKUP = 1,
    JBPF_MAP_LOOKUP_RESET,
    JBPF_MAP_UPDATE,
    JBPF_MAP_DELETE,
    JBPF_MAP_CLEAR,
    JBPF_MAP_DUMP,
    JBPF_TIME_GET_NS,
    JBPF_GET_SYS_TIME,
    JBPF_GET_SYS_TIME_DIFF_NS,
    JBPF_HASH,
    JBPF_PRINTF,
    JBPF_RINGBUF_OUTPUT,
    JBPF_MARK_RUNTIME_INIT,
    JBPF_RUNTIME_LIMIT_EXCEEDED,
    JBPF_RAND,
    JBPF_CONTROL_INPUT_RECEIVE,
    JBPF_GET_OUTPUT_BUF,
    JBPF_SEND_OUTPUT,
    JBPF_NUM_HELPERS_MAX,
    JBPF_ABORT = 31,
};

/* Why a codelet leaves its call: what jbpf_abort takes. */
enum jbpf_abort_kind {
    JBPF_ABORT_ASSERTION = 1, /* something does not hold that must */
    JBPF_ABORT_INDEX,         /* an index is out of range */
    JBPF_ABORT_OVERFLOW,      /* a result does not fit */
    JBPF_ABORT_UNWRAP,        /* something is missing that must be there */
    JBPF_ABORT_OTHER,
};

/* Map types. */
enum ubpf_map_type {
    JBPF_MAP_TYPE_UNSPEC = 0,
    /* Values by index: max_entries of them, always there, zero at first. The key is a u32. */
    JBPF_MAP_TYPE_ARRAY = 1,
    /* Values by key: at most max_entries, and only the ones that were stored. */
    JBPF_MAP_TYPE_HASHMAP,
    /* Records out: jbpf_ringbuf_output copies one. */
    JBPF_MAP_TYPE_RINGBUF,
    /* Records in: jbpf_control_input_receive takes one. */
    JBPF_MAP_TYPE_CONTROL_INPUT,
    /* An array, and a hash map, of which each thread has a copy. */
    JBPF_MAP_TYPE_PER_THREAD_ARRAY,
    JBPF_MAP_TYPE_PER_THREAD_HASHMAP,
    /* Records out: jbpf_get_output_buf reserves one, jbpf_send_output sends it. */
    JBPF_MAP_TYPE_OUTPUT = 7,
    JBPF_MAP_TYPE_MAX,
};

/*
 * A map's definition: a variable of this type in section "maps". The variable's name is the map's.
 *
 *     struct jbpf_load_map_def SEC("maps") counter = {
 *         .type = JBPF_MAP_TYPE_ARRAY,
 *         .key_size = sizeof(uint32_t),
 *         .value_size = sizeof(uint64_t),
 *         .max_entries = 1,
 *     };
 */
struct jbpf_load_map_def {
    uint32_t type;        /* enum ubpf_map_type, or 16 and up: a type of the application */
    uint32_t key_size;    /* bytes; 4 or more for arrays, 0 for channels */
    uint32_t value_size;  /* bytes of a value or record */
    uint32_t max_entries; /* entries, or records that a channel holds at least */
    uint32_t map_flags;   /* the last four are for maps of the application's own types */
    uint32_t inner_map_idx;
    uint32_t numa_node;
    uint32_t nb_hash_functions;
};
_Static_assert(sizeof(struct jbpf_load_map_def) == 32, "a map definition is eight words");

/*
 * Leaves a type in the object, where tools find it to show the map's contents by their fields: an
 * array of no elements, which takes no room. The symbol has the same name in C and in C++. The macros below do this for the maps that they
 * define; for a map defined by hand write jbpf_map_value_type(counter, uint64_t), and jbpf_map_key_type for its keys.
 */
#define JBPF_TYPE_ANNOTATION(variable, type_name)                          \
    static const type_name variable[0] __asm__(#variable)                  \
        __attribute__((section(".jbpf.types"), used)) = {}

#define jbpf_map_value_type(name, type_name) JBPF_TYPE_ANNOTATION(name##__record, type_name);
#define jbpf_map_key_type(name, type_name) JBPF_TYPE_ANNOTATION(name##__key, type_name);

/* A channel: records of `struct_name`, room for at least `num_elems`. The macros end their own declarations,
 * so that a semicolon after them is optional. */
#define JBPF_CHANNEL_MAP(name, map_type, struct_name, num_elems)                       \
    struct jbpf_load_map_def SEC("maps")                                               \
        name = {map_type, 0, (uint32_t)sizeof(struct_name), (num_elems), 0, 0, 0, 0};  \
    jbpf_map_value_type(name, struct_name)

/* Records out, reserved with jbpf_get_output_buf and sent with jbpf_send_output. */
#ifndef jbpf_output_map
#define jbpf_output_map(name, struct_name, num_elems) \
    JBPF_CHANNEL_MAP(name, JBPF_MAP_TYPE_OUTPUT, struct_name, num_elems)
#endif

/* Records out, copied by jbpf_ringbuf_output. */
#ifndef jbpf_ringbuf_map
#define jbpf_ringbuf_map(name, struct_name, num_elems) \
    JBPF_CHANNEL_MAP(name, JBPF_MAP_TYPE_RINGBUF, struct_name, num_elems)
#endif

/* Records in, taken by jbpf_control_input_receive. */
#ifndef jbpf_control_input_map
#define jbpf_control_input_map(name, struct_name, num_elems) \
    JBPF_CHANNEL_MAP(name, JBPF_MAP_TYPE_CONTROL_INPUT, struct_name, num_elems)
#endif

/* A map with keys. */
#define JBPF_KEYED_MAP(name, map_type, key_type, value_type, num_elems)            \
    struct jbpf_load_map_def SEC("maps") name = {                                  \
        map_type, (uint32_t)sizeof(key_type), (uint32_t)sizeof(value_type), (num_elems), 0, 0, 0, 0}; \
    jbpf_map_key_type(name, key_type)                                   \
    jbpf_map_value_type(name, value_type)

/* Values by index, shared by all threads. */
#ifndef jbpf_array_map
#define jbpf_array_map(name, value_type, num_elems) \
    JBPF_KEYED_MAP(name, JBPF_MAP_TYPE_ARRAY, uint32_t, value_type, num_elems)
#endif

/* Values by key, shared by all threads. */
#ifndef jbpf_hash_map
#define jbpf_hash_map(name, key_type, value_type, num_elems) \
    JBPF_KEYED_MAP(name, JBPF_MAP_TYPE_HASHMAP, key_type, value_type, num_elems)
#endif

/* Values by index, a copy a thread. */
#ifndef jbpf_per_thread_array_map
#define jbpf_per_thread_array_map(name, value_type, num_elems) \
    JBPF_KEYED_MAP(name, JBPF_MAP_TYPE_PER_THREAD_ARRAY, uint32_t, value_type, num_elems)
#endif

/* Values by key, a copy a thread. */
#ifndef jbpf_per_thread_hash_map
#define jbpf_per_thread_hash_map(name, key_type, value_type, num_elems) \
    JBPF_KEYED_MAP(name, JBPF_MAP_TYPE_PER_THREAD_HASHMAP, key_type, value_type, num_elems)
#endif

/*
 * The context of a generic hook. `data` and `data_end` bound the memory that the hook passes: compare
 * a pointer's end with `data_end` before its first use. An application's hooks have contexts of their own,
 * which begin with the same three fields.
 */
struct jbpf_generic_ctx {
    uint64_t data;
    uint64_t data_end;
    uint64_t meta_data; /* scratch, readable and writable by the codelets of one call */
    uint32_t ctx_id;    /* the hook's number */
};
_Static_assert(offsetof(struct jbpf_generic_ctx, data) == 0, "data");
_Static_assert(offsetof(struct jbpf_generic_ctx, data_end) == 8, "data_end");
_Static_assert(offsetof(struct jbpf_generic_ctx, meta_data) == 16, "meta_data");
_Static_assert(offsetof(struct jbpf_generic_ctx, ctx_id) == 24, "ctx_id");

/* The context of report_stats and periodic_call. */
struct jbpf_stats_ctx {
    uint64_t data; /* report_stats: a struct jbpf_perf_hook_list, see jbpf_perf_ext.h */
    uint64_t data_end;
    uint64_t meta_data;
    uint32_t meas_period; /* microseconds since the call before */
};
_Static_assert(offsetof(struct jbpf_stats_ctx, data) == 0, "data");
_Static_assert(offsetof(struct jbpf_stats_ctx, data_end) == 8, "data_end");
_Static_assert(offsetof(struct jbpf_stats_ctx, meta_data) == 16, "meta_data");
_Static_assert(offsetof(struct jbpf_stats_ctx, meas_period) == 24, "meas_period");

#endif
