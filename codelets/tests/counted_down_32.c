// The same in 32 bits: before version 3 the compiler compares a copy that two shifts extended.
// expect: accept
// run: ctx_id=5 => r0=120
// run: ctx_id=0 => r0=1
// run: ctx_id=37 => r0=120
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint32_t n = ctx->ctx_id & 31;
    uint64_t product = 1;
    while (n > 0) {
        product *= n;
        n--;
    }
    return product;
}
