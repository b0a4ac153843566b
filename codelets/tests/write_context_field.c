// Stores to a context field that the application declares writable.
// expect: accept
// context: verdict
// run: ctx_id=3 => r0=0 verdict=6
#include "jbpf_defs.h"

struct verdict_ctx {
    uint64_t data, data_end, meta_data;
    uint32_t ctx_id;
    uint32_t verdict;
};

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct verdict_ctx *ctx = state;
    ctx->verdict = ctx->ctx_id * 2;
    return 0;
}
