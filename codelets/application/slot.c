/* A program of the application's type jbpf_slot: reads its context, and decides. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

SEC("jbpf_slot")
uint64_t jbpf_main(void *state)
{
    struct slot_done_ctx *ctx = state;
    Flow *flow = (Flow *)ctx->data;

    ctx->verdict = flow->bytes + ctx->carrier + ctx->power + (ctx->last ? 1000 : 0);
    ctx->meta_data += 1;
    return 0;
}
