/* Packets, bytes and gaps between packets of each flow. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

jbpf_hash_map(flows, FlowKey, FlowStats, 64);

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct packet_arrived_ctx *ctx = state;
    Packet *packet = (Packet *)ctx->data;
    FlowKey key = packet->flow;
    uint64_t now = packet->arrived_ns;

    FlowStats *flow = jbpf_map_lookup_elem(&flows, &key);
    if (!flow) {
        FlowStats first = {
            .packets = 1,
            .bytes = packet->bytes,
            .first_ns = now,
            .last_ns = now,
            .shortest_gap_ns = UINT64_MAX,
        };
        /* When the map is full, further flows are not counted. */
        return jbpf_map_update_elem(&flows, &key, &first, 0);
    }
    /* A flow belongs to one port, and so to one thread: nobody else writes to it. */
    uint64_t gap = now - flow->last_ns;
    if (gap < flow->shortest_gap_ns)
        flow->shortest_gap_ns = gap;
    if (gap > flow->longest_gap_ns)
        flow->longest_gap_ns = gap;
    flow->packets += 1;
    flow->bytes += packet->bytes;
    flow->last_ns = now;
    return 0;
}
