/* Written by jbpf::codelet_header(); do not edit. */
#ifndef JBPF_HOOKS_H
#define JBPF_HOOKS_H

#include "stdbool.h"
#include "stddef.h"
#include "stdint.h"

typedef struct Packet {
    int32_t seq_no;
    int32_t value;
    char name[32];
} Packet;
_Static_assert(sizeof(Packet) == 40, "size of Packet");
_Static_assert(offsetof(Packet, seq_no) == 0, "offset of Packet.seq_no");
_Static_assert(offsetof(Packet, value) == 4, "offset of Packet.value");
_Static_assert(offsetof(Packet, name) == 8, "offset of Packet.name");

/* Hook example: called for every packet received. */
struct ExampleContext {
    uint64_t data; /* Packet, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint32_t ctx_id;
};
_Static_assert(offsetof(struct ExampleContext, ctx_id) == 24, "offset of ExampleContext.ctx_id");

#endif
