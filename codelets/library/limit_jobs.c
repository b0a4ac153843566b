/* Accepts jobs up to what the library allows their owner. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct hook_library_accepts_ctx *ctx = state;
    Job *job = (Job *)ctx->data;
    return job->cost <= allowance(job->owner);
}
