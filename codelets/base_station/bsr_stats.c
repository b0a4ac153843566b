/* The buffer status reports of each logical channel group. A report names some of eight groups. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

#define GROUPS 8

jbpf_array_map(buffers, BufferReports, GROUPS);

SEC("jbpf_mac")
uint64_t jbpf_main(void *state)
{
    struct mac_bsr_ctx *ctx = state;
    BufferStatus *group = (BufferStatus *)ctx->data;

    for (int i = 0; i < GROUPS && (uint64_t)(group + 1) <= ctx->data_end; i++, group++) {
        uint32_t lcg = group->lcg;
        BufferReports *counts = jbpf_map_lookup_elem(&buffers, &lcg);
        if (!counts)
            return 1;
        counts->reports += 1;
        counts->bytes += group->bytes;
        if (group->bytes == 0)
            counts->empty += 1;
        if (group->bytes > counts->most_bytes)
            counts->most_bytes = group->bytes;
    }
    return 0;
}
