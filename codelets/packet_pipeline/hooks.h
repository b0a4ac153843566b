/* Written by jbpf::codelet_header(); do not edit. */
#ifndef JBPF_HOOKS_H
#define JBPF_HOOKS_H

#include "stdbool.h"
#include "stddef.h"
#include "stdint.h"

/* Who sends to whom. */
typedef struct FlowKey {
    uint32_t source;
    uint32_t target;
} FlowKey;
_Static_assert(sizeof(FlowKey) == 8, "size of FlowKey");
_Static_assert(offsetof(FlowKey, source) == 0, "offset of FlowKey.source");
_Static_assert(offsetof(FlowKey, target) == 4, "offset of FlowKey.target");

/* A packet, as far as codelets see it. */
typedef struct Packet {
    FlowKey flow;
    uint64_t bytes;
    uint64_t arrived_ns;
} Packet;
_Static_assert(sizeof(Packet) == 24, "size of Packet");
_Static_assert(offsetof(Packet, flow) == 0, "offset of Packet.flow");
_Static_assert(offsetof(Packet, bytes) == 8, "offset of Packet.bytes");
_Static_assert(offsetof(Packet, arrived_ns) == 16, "offset of Packet.arrived_ns");

/*
 * What the codelets of hook packet_arrived are given.
 * Called for every packet before it is queued.
 */
struct packet_arrived_ctx {
    uint64_t data; /* Packet, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint32_t port;
    uint8_t _padding28[4];
};
_Static_assert(sizeof(struct packet_arrived_ctx) == 32, "size of struct packet_arrived_ctx");
_Static_assert(offsetof(struct packet_arrived_ctx, port) == 24, "offset of struct packet_arrived_ctx.port");

/*
 * What the codelets of hook packet_leaves are given.
 * Called for every packet that leaves its queue.
 */
struct packet_leaves_ctx {
    uint64_t data; /* Packet, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint32_t port;
    uint8_t _padding28[4];
    uint64_t waited_ns;
};
_Static_assert(sizeof(struct packet_leaves_ctx) == 40, "size of struct packet_leaves_ctx");
_Static_assert(offsetof(struct packet_leaves_ctx, port) == 24, "offset of struct packet_leaves_ctx.port");
_Static_assert(offsetof(struct packet_leaves_ctx, waited_ns) == 32, "offset of struct packet_leaves_ctx.waited_ns");

/*
 * What the codelets of hook route are given.
 * Where the packet goes from here: 0, the main lane, or 1, the slow one.
 */
struct route_ctx {
    uint64_t data; /* Packet, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint64_t waited_ns;
};
_Static_assert(sizeof(struct route_ctx) == 32, "size of struct route_ctx");
_Static_assert(offsetof(struct route_ctx, waited_ns) == 24, "offset of struct route_ctx.waited_ns");

/* What `flow_stats` counts of a flow. */
typedef struct FlowStats {
    uint64_t packets;
    uint64_t bytes;
    uint64_t first_ns;
    uint64_t last_ns;
    uint64_t shortest_gap_ns;
    uint64_t longest_gap_ns;
} FlowStats;
_Static_assert(sizeof(FlowStats) == 48, "size of FlowStats");
_Static_assert(offsetof(FlowStats, packets) == 0, "offset of FlowStats.packets");
_Static_assert(offsetof(FlowStats, bytes) == 8, "offset of FlowStats.bytes");
_Static_assert(offsetof(FlowStats, first_ns) == 16, "offset of FlowStats.first_ns");
_Static_assert(offsetof(FlowStats, last_ns) == 24, "offset of FlowStats.last_ns");
_Static_assert(offsetof(FlowStats, shortest_gap_ns) == 32, "offset of FlowStats.shortest_gap_ns");
_Static_assert(offsetof(FlowStats, longest_gap_ns) == 40, "offset of FlowStats.longest_gap_ns");

/* What `queue_enter` and `queue_leave` count of a queue, together. */
typedef struct Queue {
    uint64_t entered;
    uint64_t left;
    uint64_t longest;
} Queue;
_Static_assert(sizeof(Queue) == 24, "size of Queue");
_Static_assert(offsetof(Queue, entered) == 0, "offset of Queue.entered");
_Static_assert(offsetof(Queue, left) == 8, "offset of Queue.left");
_Static_assert(offsetof(Queue, longest) == 16, "offset of Queue.longest");

/* What `divert_late` says of each packet that it diverts. */
typedef struct Late {
    FlowKey flow;
    uint64_t waited_ns;
} Late;
_Static_assert(sizeof(Late) == 16, "size of Late");
_Static_assert(offsetof(Late, flow) == 0, "offset of Late.flow");
_Static_assert(offsetof(Late, waited_ns) == 8, "offset of Late.waited_ns");

#endif
