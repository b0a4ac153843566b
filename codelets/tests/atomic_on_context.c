// An atomic addition to the context.
// expect: reject E0039|E0019
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    __sync_fetch_and_add(&ctx->meta_data, 1); // here
    return 0;
}
