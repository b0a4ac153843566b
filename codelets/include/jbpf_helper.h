/*
 * The built-in helper functions. A call of one compiles to a call by number; the verifier checks the
 * arguments: pointers to maps, memory that is there, numbers where numbers belong.
 */
#ifndef JBPF_HELPER_H
#define JBPF_HELPER_H

#include "jbpf_defs.h"
#include "jbpf_helper_api_defs.h"
#include "jbpf_helper_utils.h"

#define JBPF_HELPER_FUNCTION __attribute__((unused)) static

/* The value of a key, or a null pointer. Compare before use. */
JBPF_HELPER_FUNCTION void *(*jbpf_map_lookup_elem)(const void *map, const void *key) =
    (void *(*)(const void *, const void *))JBPF_MAP_LOOKUP;

/* The same, with the value set to zero first. */
JBPF_HELPER_FUNCTION void *(*jbpf_map_lookup_reset_elem)(const void *map, const void *key) =
    (void *(*)(const void *, const void *))JBPF_MAP_LOOKUP_RESET;

/* Stores a value. 0; JBPF_MAP_FULL: a new key and no room; JBPF_MAP_ERROR: an index out of range. `flags` has no
 * effect. */
JBPF_HELPER_FUNCTION int (*jbpf_map_update_elem)(
    void *map, const void *key, void *value, uint64_t flags) =
    (int (*)(void *, const void *, void *, uint64_t))JBPF_MAP_UPDATE;

/* Removes a key. 0; JBPF_MAP_ERROR: no such key; JBPF_MAP_BUSY: on an array. */
JBPF_HELPER_FUNCTION int (*jbpf_map_delete_elem)(void *map, const void *key) =
    (int (*)(void *, const void *))JBPF_MAP_DELETE;

/* Sets an array to zeros, empties a hash map; of a per-thread map, the caller's copy. */
JBPF_HELPER_FUNCTION int (*jbpf_map_clear)(const void *map) =
    (int (*)(const void *))JBPF_MAP_CLEAR;

/* Copies a hash map into `data`: key, value, key, value, ... The number of elements, or 0 when `max_size`
 * bytes do not hold them all. */
JBPF_HELPER_FUNCTION int (*jbpf_map_dump)(
    void *map, void *data, uint32_t max_size, uint64_t flags) =
    (int (*)(void *, void *, uint32_t, uint64_t))JBPF_MAP_DUMP;

/* Wall clock, in ns. */
JBPF_HELPER_FUNCTION uint64_t (*jbpf_time_get_ns)(void) = (uint64_t(*)(void))JBPF_TIME_GET_NS;

/* A tick of a fast monotonic clock. `is_start` says whether this begins or ends what is measured. */
JBPF_HELPER_FUNCTION uint64_t (*jbpf_get_sys_time)(bool is_start) =
    (uint64_t(*)(bool))JBPF_GET_SYS_TIME;

/* The ns between two such ticks. */
JBPF_HELPER_FUNCTION uint64_t (*jbpf_get_sys_time_diff_ns)(uint64_t start, uint64_t end) =
    (uint64_t(*)(uint64_t, uint64_t))JBPF_GET_SYS_TIME_DIFF_NS;

/* A hash of some bytes (lookup3, seed 0). */
JBPF_HELPER_FUNCTION uint32_t (*jbpf_hash)(void *data, uint64_t size) =
    (uint32_t(*)(void *, uint64_t))JBPF_HASH;

/* Prints a text with at most three numbers, as an event of Rust's `tracing`: target jbpf::codelet, level DEBUG. `size` is
 * that of the format, terminator included. Formats take numbers only: no %s, %p or %n. */
JBPF_HELPER_FUNCTION void (*jbpf_printf)(const void *format, uint32_t size, ...) =
    (void (*)(const void *, uint32_t, ...))JBPF_PRINTF;

/* Sends a copy of a record. 0; -1 when the channel is full or `size` exceeds the record's. What is missing of a
 * record is sent as zeros. */
JBPF_HELPER_FUNCTION int (*jbpf_ringbuf_output)(const void *map, void *data, uint64_t size) =
    (int (*)(const void *, void *, uint64_t))JBPF_RINGBUF_OUTPUT;

/* Starts the clock of jbpf_check_runtime_limit for this thread. */
JBPF_HELPER_FUNCTION void (*jbpf_mark_runtime_init)(void) = (void (*)(void))JBPF_MARK_RUNTIME_INIT;

/* 1 when more ns have passed than the load request's runtime_threshold, else 0. */
JBPF_HELPER_FUNCTION int (*jbpf_check_runtime_limit)(void) =
    (int (*)(void))JBPF_RUNTIME_LIMIT_EXCEEDED;

/* A random number from 0 to 2^31 - 1. */
JBPF_HELPER_FUNCTION int (*jbpf_rand)(void) = (int (*)(void))JBPF_RAND;

/* Takes a record that the application sent. 1: one was copied to `buffer`; 0: there is none; -1: `size` is smaller than
 * a record. */
JBPF_HELPER_FUNCTION int (*jbpf_control_input_receive)(void *map, void *buffer, uint32_t size) =
    (int (*)(void *, void *, uint32_t))JBPF_CONTROL_INPUT_RECEIVE;

/* A record to fill, or a null pointer when the channel is full. Until it is sent, this thread gets
 * the same one again, in later calls too. */
JBPF_HELPER_FUNCTION void *(*jbpf_get_output_buf)(void *map) = (void *(*)(void *))JBPF_GET_OUTPUT_BUF;

/* Sends the record that was reserved. 0, or negative when none was. The pointer to it is void then. */
JBPF_HELPER_FUNCTION int (*jbpf_send_output)(void *map) = (int (*)(void *))JBPF_SEND_OUTPUT;

/*
 * Leaves the call, here and now, and never comes back: a monitoring hook goes on with its next codelet, a control hook answers as
 * if nothing was attached. What was written stays, and a record that was reserved is this thread's still. Each codelet's
 * are counted: `jbpf top`, `jbpf list` and the application's log tell how many, and the line of the last one.
 */
typedef void (*jbpf_abort_function)(uint64_t kind) __attribute__((noreturn));
JBPF_HELPER_FUNCTION jbpf_abort_function jbpf_abort = (jbpf_abort_function)JBPF_ABORT;

/* Leaves the call unless `condition` holds. The verifier knows that it holds afterwards: an assertion may stand in the
 * place of a comparison that it asks for. */
#ifndef jbpf_assert
#define jbpf_assert(condition)                      \
    ({                                              \
        if (__builtin_expect(!(condition), 0))      \
            jbpf_abort(JBPF_ABORT_ASSERTION);       \
    })
#endif

/* How often the macros below try. */
#ifndef JBPF_MAP_RETRY_ATTEMPTS
#define JBPF_MAP_RETRY_ATTEMPTS 100
#endif

/* Repeats a map operation while it says JBPF_MAP_BUSY; its last result. */
#define JBPF_MAP_RETRY(operation)                                                \
    ({                                                                           \
        int16_t ____result = JBPF_MAP_BUSY;                                      \
        for (volatile int ____attempt = 0;                                       \
             ____attempt < JBPF_MAP_RETRY_ATTEMPTS && ____result == JBPF_MAP_BUSY; \
             ____attempt++)                                                      \
            ____result = (operation);                                            \
        ____result;                                                              \
    })

#define jbpf_map_try_update_elem(map, key, value, flags) \
    JBPF_MAP_RETRY(jbpf_map_update_elem((map), (key), (value), (flags)))

#define jbpf_map_try_delete_elem(map, key) JBPF_MAP_RETRY(jbpf_map_delete_elem((map), (key)))

#define jbpf_map_try_clear(map) JBPF_MAP_RETRY(jbpf_map_clear((map)))

#define jbpf_map_try_dump(map, data, max_size, flags) \
    JBPF_MAP_RETRY(jbpf_map_dump((map), (data), (max_size), (flags)))

/* jbpf_printf when compiled with -DJBPF_DEBUG_ENABLED, and nothing otherwise. The format is a literal. */
#ifndef jbpf_printf_debug
#ifdef JBPF_DEBUG_ENABLED
#define jbpf_printf_debug(fmt, ...)                              \
    ({                                                           \
        char ____fmt[] = fmt;                                    \
        jbpf_printf(____fmt, sizeof(____fmt), ##__VA_ARGS__);    \
    })
#else
#define jbpf_printf_debug(fmt, ...) ((void)0)
#endif
#endif

#endif
