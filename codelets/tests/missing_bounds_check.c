// Reads the region without asking where it ends.
// expect: reject E0020
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint32_t *value = (void *)ctx->data;
    return *value; // here
}
