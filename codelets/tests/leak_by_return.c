// Returns an address.
// expect: reject E0031|E0029
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    return ctx->data;
}
