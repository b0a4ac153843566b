/* The clock of helpers 13 and 14, while a helper of the application's fires the hook anew. */
#include "call.h"

/* Helper 32, `outlast`: lets more time pass than the threshold, and has this codelet called with helper 13. */
static void (*outlast)(void) = (void (*)(void))32;

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct call *call = (struct call *)ctx->data;
    if ((uint64_t)(call + 1) > ctx->data_end)
        return 1;

    jbpf_mark_runtime_init();
    if (call->helper == JBPF_MARK_RUNTIME_INIT)
        return 0;
    outlast();
    call->result = jbpf_check_runtime_limit();
    return 0;
}
