// Stores an address in the application's memory.
// expect: reject E0029
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint64_t *value = (void *)ctx->data;
    if ((uint64_t)(value + 1) > ctx->data_end)
        return 0;
    *value = (uint64_t)state; // here
    return 0;
}
