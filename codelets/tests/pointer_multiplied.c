// Arithmetic that makes no address.
// expect: reject E0027
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    volatile uint8_t *at = (void *)(ctx->data * 3); // here
    return *at;
}
