// Adds up the bytes of a region of any length, looking at each byte's end before reading it.
// expect: accept
// run: region=010203040506 => r0=21
// run: region= => r0=0
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint8_t *bytes = (void *)ctx->data;
    uint64_t sum = 0;
    for (int i = 0; i < 64; i++) {
        if ((uint64_t)(bytes + i + 1) > ctx->data_end)
            break;
        sum += bytes[i];
    }
    return sum;
}
