// Reads an array on the stack beyond what was written.
// expect: reject E0015
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    volatile uint64_t values[8];
    for (int i = 0; i < 7; i++)
        values[i] = i;
    return values[ctx->ctx_id & 7]; // here
}
