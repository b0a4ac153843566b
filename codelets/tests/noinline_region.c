// Hands a pointer into the region, and its end, to a function.
// expect: accept
// run: region=0102030405 => r0=15
#include "jbpf_defs.h"

static __noinline uint32_t add_bytes(const uint8_t *at, const uint8_t *end)
{
    uint32_t sum = 0;
    for (int i = 0; i < 32; i++) {
        if (at + 1 > end)
            return sum;
        sum += *at++;
    }
    return sum;
}

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    return add_bytes((void *)ctx->data, (void *)ctx->data_end);
}
