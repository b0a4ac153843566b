/* Written by jbpf::codelet_header(); do not edit. */
#ifndef JBPF_HOOKS_H
#define JBPF_HOOKS_H

#include "stdbool.h"
#include "stddef.h"
#include "stdint.h"

/* What a slot carries for one user. */
typedef struct Block {
    uint32_t user;
    uint32_t bytes;
} Block;
_Static_assert(sizeof(Block) == 8, "size of Block");
_Static_assert(offsetof(Block, user) == 0, "offset of Block.user");
_Static_assert(offsetof(Block, bytes) == 4, "offset of Block.bytes");

/*
 * What the codelets of hook slot_scheduled are given.
 * Called for every slot before it is sent.
 */
struct slot_scheduled_ctx {
    uint64_t data; /* any number of Block, read-only: compare with data_end, and bound loops by a constant */
    uint64_t data_end;
    uint64_t meta_data;
    uint32_t number;
    uint16_t carrier;
    uint16_t _reserved;
    int32_t power; /* writable */
    uint8_t _padding36[4];
};
_Static_assert(sizeof(struct slot_scheduled_ctx) == 40, "size of struct slot_scheduled_ctx");
_Static_assert(offsetof(struct slot_scheduled_ctx, number) == 24, "offset of struct slot_scheduled_ctx.number");
_Static_assert(offsetof(struct slot_scheduled_ctx, carrier) == 28, "offset of struct slot_scheduled_ctx.carrier");
_Static_assert(offsetof(struct slot_scheduled_ctx, _reserved) == 30, "offset of struct slot_scheduled_ctx._reserved");
_Static_assert(offsetof(struct slot_scheduled_ctx, power) == 32, "offset of struct slot_scheduled_ctx.power");

/* What `power_cap` counts of a carrier. */
typedef struct Carrier {
    uint64_t slots;
    uint64_t blocks;
    uint64_t bytes;
    uint64_t lowered;
} Carrier;
_Static_assert(sizeof(Carrier) == 32, "size of Carrier");
_Static_assert(offsetof(Carrier, slots) == 0, "offset of Carrier.slots");
_Static_assert(offsetof(Carrier, blocks) == 8, "offset of Carrier.blocks");
_Static_assert(offsetof(Carrier, bytes) == 16, "offset of Carrier.bytes");
_Static_assert(offsetof(Carrier, lowered) == 24, "offset of Carrier.lowered");

#endif
