// 64-bit arithmetic: products, quotients, remainders and shifts.
// expect: accept
// run: region=00000000010000000700000000000000 => r0=613566787
// run: region=00000000010000000000000000000000 => r0=0
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint64_t *n = (void *)ctx->data;
    if ((uint64_t)(n + 2) > ctx->data_end)
        return -1;
    uint64_t a = n[0], b = n[1];
    if (b == 0)
        return 0;
    uint64_t quotient = a / b, rest = a % b;
    uint64_t product = (a >> 30) * b;
    return quotient + rest + product + ((int64_t)-a >> 40);
}
