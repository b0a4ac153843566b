/* A program of the application's type jbpf_slot_late, whose name begins like another one's. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

SEC("jbpf_slot_late")
uint64_t jbpf_main(void *state)
{
    struct slot_late_ctx *ctx = state;
    if (ctx->data + sizeof(Flow) > ctx->data_end)
        return 0;
    Flow *flow = (Flow *)ctx->data;
    flow->bytes = ctx->late_us;
    return 0;
}
