// Functions of its own, with numbers and pointers as arguments.
// expect: accept
// run: region=05000000 ctx_id=3 => r0=128
#include "jbpf_defs.h"

static __noinline uint64_t scale(uint64_t value, uint64_t factor)
{
    return value * factor + 1;
}

__noinline uint64_t sum_of(const uint64_t *values)
{
    uint64_t sum = 0;
    for (int i = 0; i < 4; i++)
        sum += scale(values[i], 2);
    return sum;
}

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint32_t *value = (void *)ctx->data;
    uint64_t values[4] = {1, 2, 3, 4};
    if ((uint64_t)(value + 1) > ctx->data_end)
        return -1;
    values[0] = *value;
    values[3] = scale(ctx->ctx_id, 16);
    return sum_of(values) - 4 + scale(1, 9);
}
