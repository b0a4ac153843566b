// Ends without a result.
// expect: reject E0014
#include "jbpf_defs.h"

SEC("jbpf_generic")
void jbpf_main(void *state)
{
    volatile struct jbpf_generic_ctx *ctx = state;
    ctx->meta_data = 1;
}
