// Uses a number from the region as an address.
// expect: reject E0026
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint64_t **chain = (void *)ctx->data;
    if ((uint64_t)(chain + 1) > ctx->data_end)
        return 0;
    return **chain; // here
}
