// Uses a number from the region as an index.
// expect: reject E0022|E0043
#include "jbpf_defs.h"
#include "jbpf_helper.h"

struct counts {
    uint32_t count[16];
};

jbpf_array_map(counters, struct counts, 1)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint32_t key = 0;
    struct counts *counts = jbpf_map_lookup_elem(&counters, &key);
    if (!counts)
        return 0;
    counts->count[ctx->ctx_id]++; // here
    return 0;
}
