// Believes a length that the region itself gives.
// expect: reject E0020|E0043
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint8_t *bytes = (void *)ctx->data;
    if ((uint64_t)(bytes + 1) > ctx->data_end)
        return 0;
    uint8_t length = bytes[0];
    return bytes[length]; // here
}
