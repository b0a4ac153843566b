// An index into the stack that nothing bounds.
// expect: reject E0016|E0043
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    volatile uint8_t bytes[16];
    bytes[ctx->ctx_id] = 1; // here
    return bytes[0];
}
