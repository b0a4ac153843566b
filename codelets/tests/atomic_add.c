// Counts in a map with an atomic addition, because several threads may.
// expect: accept
// run: ctx_id=5 => r0=5
// run: ctx_id=6 => r0=11
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_array_map(total, uint64_t, 1)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint32_t index = 0;
    uint64_t *sum = jbpf_map_lookup_elem(&total, &index);
    if (!sum)
        return -1;
    __sync_fetch_and_add(sum, ctx->ctx_id);
    return *sum;
}
