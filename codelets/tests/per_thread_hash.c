// Sums by key, of which each thread has its own.
// expect: accept
// run: region=0900000000000000 ctx_id=1 => r0=9
// run: region=0500000000000000 ctx_id=2 => r0=5
// run: region=0500000000000000 ctx_id=1 => r0=14
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_per_thread_hash_map(sums, uint32_t, uint64_t, 8)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint64_t *value = (void *)ctx->data;
    uint32_t key = ctx->ctx_id;
    if ((uint64_t)(value + 1) > ctx->data_end)
        return -1;
    uint64_t sum = *value;
    uint64_t *before = jbpf_map_lookup_elem(&sums, &key);
    if (before)
        sum += *before;
    jbpf_map_update_elem(&sums, &key, &sum, 0);
    return sum;
}
