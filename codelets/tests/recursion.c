// A function that calls itself.
// expect: reject E0012
#include "jbpf_defs.h"

static __noinline uint64_t fibonacci(uint64_t n)
{
    if (n < 2)
        return n;
    return fibonacci(n - 1) + fibonacci(n - 2);
}

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    return fibonacci(ctx->ctx_id & 7);
}
