// Puts a value into one of 64 buckets by its logarithm.
// expect: accept
// run: region=0000000000000000 => r0=0
// run: region=0100000000000000 => r0=1
// run: region=ff00000000000000 => r0=8
// run: region=ffffffffffffffff => r0=63
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
    uint64_t *value = (void *)ctx->data;
    uint32_t index = 0;
    if ((uint64_t)(value + 1) > ctx->data_end)
        return -1;
    struct histogram *histogram = jbpf_map_lookup_elem(&histograms, &index);
    if (!histogram)
        return -1;
    uint32_t bits = 0;
    uint64_t rest = *value;
    for (int step = 32; step > 0; step >>= 1) {
        if (rest >> step) {
            rest >>= step;
            bits += step;
        }
    }
    bits += rest != 0;
    if (bits > 63)
        bits = 63;
    histogram->bucket[bits] += 1;
    return bits;
}
