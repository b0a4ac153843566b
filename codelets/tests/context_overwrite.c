// Bends the region's end.
// expect: reject E0019
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    ctx->data_end = ctx->data + 4096; // here
    return 0;
}
