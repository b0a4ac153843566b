/* How long the queues are. The codelet queue_leave takes off the same map what this one adds. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

jbpf_array_map(queues, Queue, 8);

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct packet_arrived_ctx *ctx = state;
    uint32_t port = ctx->port;
    Queue *queue = jbpf_map_lookup_elem(&queues, &port);
    if (!queue)
        return 1;
    queue->entered += 1;
    uint64_t length = queue->entered - queue->left;
    if (length > queue->longest)
        queue->longest = length;
    return 0;
}
