// Looks up constants by an index from the region.
// expect: accept
// run: region=00 => r0=1
// run: region=04 => r0=19
// run: region=ff => r0=0
#include "jbpf_defs.h"

static const uint16_t weights[] = {1, 3, 7, 12, 19, 28, 39, 52, 67, 84};

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint8_t *index = (void *)ctx->data;
    if ((uint64_t)(index + 1) > ctx->data_end)
        return -1;
    if (*index >= sizeof(weights) / sizeof(weights[0]))
        return 0;
    return weights[*index];
}
