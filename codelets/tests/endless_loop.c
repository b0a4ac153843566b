// Waits for something that never happens.
// expect: reject E0041|E0040
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    volatile struct jbpf_generic_ctx *ctx = state;
    while (ctx->ctx_id == 3)
        ;
    return 0;
}
