// A size from outside decides how much of the stack a helper reads.
// expect: reject E0034|E0035
#include "jbpf_defs.h"
#include "jbpf_helper.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint8_t bytes[16] = {0};
    return jbpf_hash(bytes, ctx->ctx_id); // here
}
