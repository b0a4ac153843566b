// Adds up an array of fixed length in the region.
// expect: accept
// run: region=0100000002000000030000000400000005000000060000000700000008000000 => r0=36
// run: region=01000000 => r0=-1
#include "jbpf_defs.h"

struct samples {
    uint32_t value[8];
};

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct samples *samples = (void *)ctx->data;
    uint64_t sum = 0;
    if ((uint64_t)(samples + 1) > ctx->data_end)
        return -1;
    for (int i = 0; i < 8; i++)
        sum += samples->value[i];
    return sum;
}
