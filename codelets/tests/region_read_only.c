// Writes to a region that the hook passes as `&T`.
// expect: reject E0021
// context: read_only
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint64_t *value = (void *)ctx->data;
    if ((uint64_t)(value + 1) > ctx->data_end)
        return 0;
    *value = 1; // here
    return 0;
}
