/* Makes jobs urgent when many wait behind them. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct hook_library_job_taken_ctx *ctx = state;
    Job *job = (Job *)ctx->data;
    if (ctx->left > 2)
        job->urgency += 100;
    return 0;
}
