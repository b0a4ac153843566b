// Reads a sum and starts it anew, in one step.
// expect: accept
// run: ctx_id=0 => r0=5
// run: ctx_id=1 => r0=0
// run: ctx_id=0 => r0=5
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_array_map(sums, uint64_t, 2)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint32_t index = 0;
    uint64_t *sum = jbpf_map_lookup_elem(&sums, &index);
    if (!sum)
        return -1;
    uint64_t result = *sum + 5;
    *sum = result;
    if (ctx->ctx_id == 1) {
        uint64_t *zeroed = jbpf_map_lookup_reset_elem(&sums, &index);
        if (!zeroed)
            return -1;
        return *zeroed;
    }
    return result;
}
