// A sparse switch with work in its cases: a chain of comparisons.
// expect: accept
// run: region=0a000000 ctx_id=17 => r0=20
// run: region=0a000000 ctx_id=1000 => r0=7
// run: region=0a000000 ctx_id=70000 => r0=1
// run: region=0a000000 ctx_id=4 => r0=10
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint32_t *value = (void *)ctx->data;
    if ((uint64_t)(value + 1) > ctx->data_end)
        return -1;
    switch (ctx->ctx_id) {
    case 17:
        return *value * 2;
    case 1000:
        return *value - 3;
    case 70000:
        return *value / 7;
    case 1u << 31:
        return *value ^ 1;
    }
    return *value;
}
