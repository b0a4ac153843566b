// An index into a map value that is compared before its use, signed and unsigned.
// expect: accept
// run: region=05000000 => r0=1
// run: region=ffffffff => r0=-2
// run: region=10000000 => r0=-2
#include "jbpf_defs.h"
#include "jbpf_helper.h"

struct counts {
    uint32_t count[16];
};

jbpf_array_map(counters, struct counts, 1)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    int32_t *index = (void *)ctx->data;
    uint32_t key = 0;
    if ((uint64_t)(index + 1) > ctx->data_end)
        return -1;
    struct counts *counts = jbpf_map_lookup_elem(&counters, &key);
    if (!counts)
        return -1;
    int32_t at = *index;
    if (at < 0 || at >= 16)
        return -2;
    return ++counts->count[at];
}
