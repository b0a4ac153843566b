// Spreads keys over buckets by their hash.
// expect: accept
// run: region=0102030405060708 => r0=1
// run: region=0102030405060708 => r0=2
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_array_map(buckets, uint32_t, 16)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint64_t *key = (void *)ctx->data;
    if ((uint64_t)(key + 1) > ctx->data_end)
        return -1;
    uint64_t copy = *key;
    uint32_t index = jbpf_hash(&copy, sizeof(copy)) % 16;
    uint32_t *count = jbpf_map_lookup_elem(&buckets, &index);
    if (!count)
        return -1;
    return ++*count;
}
