// A function returns the address of its own frame.
// expect: reject E0031|E0029
#include "jbpf_defs.h"

static __noinline volatile uint64_t *local_of(uint64_t value)
{
    volatile uint64_t local[4];
    local[0] = value;
    volatile uint64_t *escaped = local;
    __asm__ volatile("" : "+r"(escaped));
    return escaped;
}

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    return *local_of(ctx->ctx_id);
}
