// Counts events by key in a hash map.
// expect: accept
// run: region=0700000000000000 => r0=1
// run: region=0700000000000000 => r0=2
// run: region=0800000000000000 => r0=1 map:counts[0700000000000000]=0200000000000000 map:counts[0900000000000000]=none
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_hash_map(counts, uint64_t, uint64_t, 64)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint64_t *key = (void *)ctx->data;
    if ((uint64_t)(key + 1) > ctx->data_end)
        return 0;
    uint64_t *count = jbpf_map_lookup_elem(&counts, key);
    if (count) {
        *count += 1;
        return *count;
    }
    uint64_t first = 1;
    jbpf_map_update_elem(&counts, key, &first, 0);
    return 1;
}
