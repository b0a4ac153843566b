// Counts by a key of several fields; padding is zeroed, because all bytes of a key count.
// expect: accept
// run: region=01000000 ctx_id=5 => r0=0
// run: region=01000000 ctx_id=5 => r0=1
// run: region=02000000 ctx_id=5 => r0=0 map:flows[0100000005000000]=0200000000000000
#include "jbpf_defs.h"
#include "jbpf_helper.h"
#include <string.h>

struct flow {
    uint8_t kind;
    uint32_t cell;
};

jbpf_hash_map(flows, struct flow, uint64_t, 16)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint8_t *kind = (void *)ctx->data;
    if ((uint64_t)(kind + 1) > ctx->data_end)
        return -1;
    struct flow flow;
    memset(&flow, 0, sizeof(flow));
    flow.kind = *kind;
    flow.cell = ctx->ctx_id;
    uint64_t *seen = jbpf_map_lookup_elem(&flows, &flow);
    uint64_t before = seen ? *seen : 0;
    uint64_t now = before + 1;
    if (jbpf_map_update_elem(&flows, &flow, &now, 0))
        return -1;
    return before;
}
