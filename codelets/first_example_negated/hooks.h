/* Written by jbpf::codelet_header(); do not edit. */
#ifndef JBPF_HOOKS_H
#define JBPF_HOOKS_H

#include "stdbool.h"
#include "stddef.h"
#include "stdint.h"

/* What the application hands to its hook, and what the codelet sends out. */
typedef struct Packet {
    int32_t seq_no;
    int32_t value;
    char name[32];
} Packet;
_Static_assert(sizeof(Packet) == 40, "size of Packet");
_Static_assert(offsetof(Packet, seq_no) == 0, "offset of Packet.seq_no");
_Static_assert(offsetof(Packet, value) == 4, "offset of Packet.value");
_Static_assert(offsetof(Packet, name) == 8, "offset of Packet.name");

/*
 * What the codelets of hook example are given.
 * Called for every packet.
 */
struct example_ctx {
    uint64_t data; /* Packet, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint32_t ctx_id;
    uint8_t _padding28[4];
};
_Static_assert(sizeof(struct example_ctx) == 32, "size of struct example_ctx");
_Static_assert(offsetof(struct example_ctx, ctx_id) == 24, "offset of struct example_ctx.ctx_id");

/* What the application sends back to the codelet. */
typedef struct PacketResp {
    int32_t seq_no;
} PacketResp;
_Static_assert(sizeof(PacketResp) == 4, "size of PacketResp");
_Static_assert(offsetof(PacketResp, seq_no) == 0, "offset of PacketResp.seq_no");

#endif
