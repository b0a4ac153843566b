// Functions that call functions, with frames of their own.
// expect: accept
// run: ctx_id=2 => r0=1290
#include "jbpf_defs.h"

static __noinline uint64_t third(uint64_t seed)
{
    volatile uint8_t local[64];
    for (int i = 0; i < 64; i++)
        local[i] = seed;
    return local[5] + local[63];
}

static __noinline uint64_t second(uint64_t seed)
{
    volatile uint64_t local[16];
    for (int i = 0; i < 16; i++)
        local[i] = seed + i;
    uint64_t sum = third(seed);
    for (int i = 0; i < 16; i++)
        sum += local[i];
    return sum;
}

static __noinline uint64_t first(uint64_t seed)
{
    uint64_t sum = 0;
    for (int i = 0; i < 8; i++)
        sum += second(seed);
    return sum;
}

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    return first(ctx->ctx_id) + ctx->ctx_id * 21;
}
