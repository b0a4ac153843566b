// Compares an index with the upper bound only, and forgets that it may be negative.
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
    int32_t *index = (void *)ctx->data;
    uint32_t key = 0;
    if ((uint64_t)(index + 1) > ctx->data_end)
        return 0;
    struct counts *counts = jbpf_map_lookup_elem(&counters, &key);
    if (!counts)
        return 0;
    int32_t at = *index;
    if (at >= 16)
        return 0;
    return counts->count[at]; // here
}
