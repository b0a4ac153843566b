// An array on the stack with an index that is masked.
// expect: accept
// run: ctx_id=3 => r0=9
// run: ctx_id=11 => r0=9
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    volatile uint64_t squares[8];
    for (uint64_t i = 0; i < 8; i++)
        squares[i] = i * i;
    return squares[ctx->ctx_id & 7];
}
