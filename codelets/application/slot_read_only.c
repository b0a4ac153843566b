/* Writes to a number of the context that only the application writes. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

SEC("jbpf_slot")
uint64_t jbpf_main(void *state)
{
    struct slot_done_ctx *ctx = state;
    ctx->carrier = 1; // here
    return 0;
}
