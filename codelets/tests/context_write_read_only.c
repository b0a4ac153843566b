// Stores to a context field that codelets may only read.
// expect: reject E0019
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    ctx->ctx_id = 3; // here
    return 0;
}
