// Fills one record over several calls, and sends it when it is full.
// expect: accept
// run: ctx_id=10 => r0=1
// run: ctx_id=11 => r0=2
// run: ctx_id=12 => r0=3
// run: ctx_id=13 => r0=0 out:batches=0a0000000b0000000c0000000d000000
#include "jbpf_defs.h"
#include "jbpf_helper.h"

struct batch {
    uint32_t id[4];
};

jbpf_output_map(batches, struct batch, 8)

static uint32_t filled;

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct batch *batch = jbpf_get_output_buf(&batches);
    if (!batch)
        return -1;
    uint32_t at = filled;
    if (at < 4)
        batch->id[at] = ctx->ctx_id;
    at++;
    if (at >= 4) {
        jbpf_send_output(&batches);
        at = 0;
    }
    filled = at;
    return at;
}
