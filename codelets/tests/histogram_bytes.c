// Counts each byte of a region in a bucket of its own: 255 steps through a map value.
// expect: accept
// run: region=000102020202ff => r0=7
#include "jbpf_defs.h"
#include "jbpf_helper.h"

struct histogram {
    uint32_t bucket[256];
};

jbpf_array_map(histograms, struct histogram, 1)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint8_t *bytes = (void *)ctx->data;
    uint8_t *end = (void *)ctx->data_end;
    uint32_t index = 0;
    struct histogram *histogram = jbpf_map_lookup_elem(&histograms, &index);
    if (!histogram)
        return 0;
    uint64_t counted = 0;
    for (int i = 0; i < 255; i++) {
        if (bytes + i + 1 > end)
            break;
        histogram->bucket[bytes[i]]++;
        counted++;
    }
    return counted;
}
