// Compares with an address that is not the region's end.
// expect: reject E0020|E0028
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint64_t *value = (void *)ctx->data;
    if ((uint64_t)(value + 1) > ctx->data + 8)
        return 0;
    return *value; // here
}
