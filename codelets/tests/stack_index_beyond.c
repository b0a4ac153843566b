// An index that reaches beyond an array on the stack, and beyond the stack.
// expect: reject E0015|E0016
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    volatile uint64_t values[8];
    for (int i = 0; i < 8; i++)
        values[i] = i;
    return values[ctx->ctx_id & 15]; // here
}
