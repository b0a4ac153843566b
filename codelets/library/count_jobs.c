/* Counts the jobs of each owner that a library queues. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

jbpf_hash_map(counts, uint32_t, Count, 16);

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct hook_library_job_queued_ctx *ctx = state;
    Job *job = (Job *)ctx->data;
    uint32_t owner = job->owner;
    Count *count = jbpf_map_lookup_elem(&counts, &owner);
    if (!count) {
        Count none = {0};
        jbpf_map_update_elem(&counts, &owner, &none, 0);
        count = jbpf_map_lookup_elem(&counts, &owner);
        if (!count)
            return 1;
    }
    count->jobs += 1;
    count->cost += job->cost;
    if (ctx->waiting > count->most_waiting)
        count->most_waiting = ctx->waiting;
    return 0;
}
