// Variables that begin as zeros: the last eight values, and where the next one goes.
// expect: accept
// run: ctx_id=10 => r0=10
// run: ctx_id=20 => r0=30
// run: ctx_id=30 => r0=60
#include "jbpf_defs.h"

static uint32_t last[8];
static uint32_t at;

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint64_t sum = 0;
    last[at & 7] = ctx->ctx_id;
    at++;
    for (int i = 0; i < 8; i++)
        sum += last[i];
    return sum;
}
