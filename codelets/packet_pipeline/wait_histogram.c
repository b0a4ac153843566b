/* How long packets wait: counts by the logarithm of the nanoseconds, in a copy of the map a thread. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

#define BINS 32

jbpf_per_thread_array_map(waits, uint64_t, BINS);

static __always_inline uint32_t log2_of(uint64_t value)
{
    uint32_t result = 0;
    for (uint32_t step = 32; step > 0; step /= 2) {
        if (value >> step) {
            value >>= step;
            result += step;
        }
    }
    return result;
}

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct packet_leaves_ctx *ctx = state;
    uint32_t bin = log2_of(ctx->waited_ns);
    if (bin >= BINS)
        bin = BINS - 1;
    uint64_t *count = jbpf_map_lookup_elem(&waits, &bin);
    if (!count)
        return 1;
    *count += 1;
    return 0;
}
