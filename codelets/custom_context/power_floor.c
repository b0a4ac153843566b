/* Sends no slot with less than 20 dBm, whatever codelets before this one have said. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

#define LEAST 200

SEC("jbpf_slot")
uint64_t jbpf_main(void *state)
{
    struct slot_scheduled_ctx *ctx = state;
    if (ctx->power < LEAST)
        ctx->power = LEAST;
    return 0;
}
