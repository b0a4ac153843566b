// Stores an address where others can read it.
// expect: reject E0029
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_array_map(stolen, uint64_t, 1)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint32_t index = 0;
    uint64_t *value = jbpf_map_lookup_elem(&stolen, &index);
    if (!value)
        return 0;
    *value = ctx->data; // here
    return 0;
}
