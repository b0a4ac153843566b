// A histogram whose last bucket lies behind the map value: the bin is compared with `>` instead of `>=`.
// expect: reject E0022
#include "jbpf_defs.h"
#include "jbpf_helper.h"

struct histogram {
    uint32_t bucket[64];
};

jbpf_array_map(histograms, struct histogram, 1)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint32_t index = 0;
    uint32_t bin = ctx->ctx_id / 100;
    if (bin > 64)
        bin = 64;
    struct histogram *histogram = jbpf_map_lookup_elem(&histograms, &index);
    if (!histogram)
        return 0;
    histogram->bucket[bin]++; // here
    return 0;
}
