// The context of the statistics hooks, without a region.
// expect: accept
// context: stats
// run: ctx_id=1000000 => r0=1000
#include "jbpf_defs.h"

SEC("jbpf_stats")
uint64_t jbpf_main(void *state)
{
    struct jbpf_stats_ctx *ctx = state;
    return ctx->meas_period / 1000;
}
