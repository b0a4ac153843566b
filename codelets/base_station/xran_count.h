/* Counts packets by kind and antenna port, in the thread's copy of the map: the threads of the
 * fronthaul never wait for each other. */
#ifndef XRAN_COUNT_H
#define XRAN_COUNT_H

#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

#define KINDS 3
#define ANTENNAS 4
#define PORTS 8

/* The kinds of packets: the codelets of all three count in one map. */
#define CONTROL_SENT 0
#define SAMPLES_SENT 1
#define SAMPLES_RECEIVED 2

jbpf_per_thread_array_map(packets, PacketCounts, KINDS * PORTS);

static __always_inline uint64_t count_packet(uint32_t kind, struct xran_uplane_sent_ctx *ctx)
{
    XranPacket *packet = (XranPacket *)ctx->data;
    uint32_t key = kind * PORTS + ctx->cell * ANTENNAS + ctx->antenna;
    PacketCounts *counts = jbpf_map_lookup_elem(&packets, &key);
    if (!counts)
        return 1;
    counts->packets += 1;
    counts->bytes += packet->bytes;
    return 0;
}

#endif
