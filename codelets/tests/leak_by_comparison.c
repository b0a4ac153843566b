// Learns an address bit by bit by comparing it with numbers.
// expect: reject E0028
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    volatile struct jbpf_generic_ctx *ctx = state;
    if ((uint64_t)state > 0x7f0000000000)
        return ctx->ctx_id;
    return 1;
}
