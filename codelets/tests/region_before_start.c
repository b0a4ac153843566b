// Reads the byte before the region.
// expect: reject E0020|E0043
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint8_t *bytes = (void *)ctx->data;
    if ((uint64_t)(bytes + 8) > ctx->data_end)
        return 0;
    return *(volatile uint8_t *)(bytes - 1); // here
}
