// Reads behind a table of constants.
// expect: reject E0022
#include "jbpf_defs.h"

static const uint8_t table[5] = {1, 2, 3, 4, 5};

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    return table[ctx->ctx_id & 7]; // here
}
