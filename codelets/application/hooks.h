/* Written by jbpf::codelet_header(); do not edit. */
#ifndef JBPF_HOOKS_H
#define JBPF_HOOKS_H

#include "stdbool.h"
#include "stddef.h"
#include "stdint.h"

/* Something that the application knows. */
typedef struct Flow {
    uint32_t source;
    uint32_t target;
    uint64_t bytes;
} Flow;
_Static_assert(sizeof(Flow) == 16, "size of Flow");
_Static_assert(offsetof(Flow, source) == 0, "offset of Flow.source");
_Static_assert(offsetof(Flow, target) == 4, "offset of Flow.target");
_Static_assert(offsetof(Flow, bytes) == 8, "offset of Flow.bytes");

/* Where codelets put what they found. */
typedef struct Answer {
    uint64_t results[8];
    Flow flow;
} Answer;
_Static_assert(sizeof(Answer) == 80, "size of Answer");
_Static_assert(offsetof(Answer, results) == 0, "offset of Answer.results");
_Static_assert(offsetof(Answer, flow) == 64, "offset of Answer.flow");

/*
 * What the codelets of hook ask are given.
 * Asks the one codelet that is loaded.
 */
struct ask_ctx {
    uint64_t data; /* Answer, writable */
    uint64_t data_end;
    uint64_t meta_data;
    uint32_t key;
    uint8_t _padding28[4];
};
_Static_assert(sizeof(struct ask_ctx) == 32, "size of struct ask_ctx");
_Static_assert(offsetof(struct ask_ctx, key) == 24, "offset of struct ask_ctx.key");

/* What the codelets of hook slot_done are given. */
struct slot_done_ctx {
    uint64_t data; /* Flow, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint32_t carrier;
    int16_t power;
    bool last;
    uint8_t _reserved;
    uint64_t verdict; /* writable */
};
_Static_assert(sizeof(struct slot_done_ctx) == 40, "size of struct slot_done_ctx");
_Static_assert(offsetof(struct slot_done_ctx, carrier) == 24, "offset of struct slot_done_ctx.carrier");
_Static_assert(offsetof(struct slot_done_ctx, power) == 28, "offset of struct slot_done_ctx.power");
_Static_assert(offsetof(struct slot_done_ctx, last) == 30, "offset of struct slot_done_ctx.last");
_Static_assert(offsetof(struct slot_done_ctx, _reserved) == 31, "offset of struct slot_done_ctx._reserved");
_Static_assert(offsetof(struct slot_done_ctx, verdict) == 32, "offset of struct slot_done_ctx.verdict");

/*
 * What the codelets of hook slot_late are given.
 * Its type begins with the name of the other one.
 */
struct slot_late_ctx {
    uint64_t data; /* any number of Flow, writable: compare with data_end, and bound loops by a constant */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t late_us;
};
_Static_assert(sizeof(struct slot_late_ctx) == 32, "size of struct slot_late_ctx");
_Static_assert(offsetof(struct slot_late_ctx, late_us) == 24, "offset of struct slot_late_ctx.late_us");

/*
 * What the codelets of hook tell are given.
 * Asks another codelet.
 */
struct tell_ctx {
    uint64_t data; /* none: equals data_end */
    uint64_t data_end;
    uint64_t meta_data;
    uint32_t key;
    uint8_t _padding28[4];
};
_Static_assert(sizeof(struct tell_ctx) == 32, "size of struct tell_ctx");
_Static_assert(offsetof(struct tell_ctx, key) == 24, "offset of struct tell_ctx.key");

/* The priority of a flow in a class. */
__attribute__((unused)) static uint64_t (*priority_of)(const Flow *flow, uint16_t class) = (void *)32;

/* Numbers of every width. */
__attribute__((unused)) static uint64_t (*sum_of_numbers)(uint8_t byte, int16_t short_, bool flag, int64_t wide, int32_t word) = (void *)33;

/* Moves half of the difference from the larger to the smaller. */
__attribute__((unused)) static void (*balance)(Flow *first, Flow *second) = (void *)34;

/* The sum of some bytes, negated. */
__attribute__((unused)) static int32_t (*checksum)(const void *bytes, uint64_t bytes_size) = (void *)35;

/* The same, of bytes that stay where they are. */
__attribute__((unused)) static int32_t (*checksum_in_place)(const void *bytes, uint64_t bytes_size) = (void *)36;

/* Adds to the value of a key; 0, or the map's error. */
__attribute__((unused)) static int32_t (*add)(void *counts, uint32_t key, uint64_t by) = (void *)37;

__attribute__((unused)) static uint64_t (*fails)(Flow *flow) = (void *)38;

/* Fires the hook that the codelet is attached to, and gives what it returned. */
__attribute__((unused)) static uint64_t (*ask_again)(uint32_t key) = (void *)39;

/* The last id that there is. */
__attribute__((unused)) static uint64_t (*last_of_all)(void) = (void *)63;

#endif
