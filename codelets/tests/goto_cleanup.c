// One way out, whatever went wrong.
// expect: accept
// run: region=01000000 => r0=2 out:results=02000000
// run: region= => r0=1 out:results=01000000
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_ringbuf_map(results, uint32_t, 8)
jbpf_array_map(values, uint32_t, 2)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint32_t *index = (void *)ctx->data;
    uint32_t result = 1;
    if ((uint64_t)(index + 1) > ctx->data_end)
        goto out;
    uint32_t key = *index;
    uint32_t *value = jbpf_map_lookup_elem(&values, &key);
    result = 3;
    if (!value)
        goto out;
    *value += 1;
    result = 2;
out:
    jbpf_ringbuf_output(&results, &result, sizeof(result));
    return result;
}
