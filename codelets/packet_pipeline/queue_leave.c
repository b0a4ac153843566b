/* The other end of the queues. The load request links its map to that of queue_enter. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

jbpf_array_map(queues, Queue, 8);

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct packet_leaves_ctx *ctx = state;
    uint32_t port = ctx->port;
    Queue *queue = jbpf_map_lookup_elem(&queues, &port);
    if (!queue)
        return 1;
    queue->left += 1;
    return 0;
}
