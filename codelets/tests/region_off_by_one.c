// Checks for one element, and reads the next.
// expect: reject E0020
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint32_t *value = (void *)ctx->data;
    if ((uint64_t)(value + 1) > ctx->data_end)
        return 0;
    return value[1]; // here
}
