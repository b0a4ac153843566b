// Compares with the end, and reads on the wrong side of the comparison.
// expect: reject E0020
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint64_t *value = (void *)ctx->data;
    if ((uint64_t)(value + 1) < ctx->data_end)
        return 0;
    return *value; // here
}
