// Sends every fourth call out.
// expect: accept
// run: ctx_id=1 => r0=0
// run: ctx_id=2 => r0=0
// run: ctx_id=3 => r0=0
// run: ctx_id=4 => r0=1 out:sampled=04000000
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_ringbuf_map(sampled, uint32_t, 8)
jbpf_array_map(calls, uint32_t, 1)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint32_t index = 0;
    uint32_t *count = jbpf_map_lookup_elem(&calls, &index);
    if (!count)
        return -1;
    *count += 1;
    if (*count % 4 != 0)
        return 0;
    uint32_t id = ctx->ctx_id;
    jbpf_ringbuf_output(&sampled, &id, sizeof(id));
    return 1;
}
