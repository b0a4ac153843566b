// Leaves a number for the codelets that run after it in the same call.
// expect: accept
// run: meta=4 ctx_id=3 => r0=4 meta=7
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint64_t before = ctx->meta_data;
    ctx->meta_data = before + ctx->ctx_id;
    return before;
}
