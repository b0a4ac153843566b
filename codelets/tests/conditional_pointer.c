// A pointer to one of two places, chosen by a condition.
// expect: accept
// run: ctx_id=0 => r0=1
// run: ctx_id=1 => r0=1
// run: ctx_id=1 => r0=2
#include "jbpf_defs.h"
#include "jbpf_helper.h"

struct pair {
    uint64_t even, odd;
};

jbpf_array_map(pairs, struct pair, 1)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint32_t index = 0;
    struct pair *pair = jbpf_map_lookup_elem(&pairs, &index);
    if (!pair)
        return -1;
    uint64_t *chosen = ctx->ctx_id & 1 ? &pair->odd : &pair->even;
    return ++*chosen;
}
