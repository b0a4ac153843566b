// Fills a record where it lies in the channel, and sends it.
// expect: accept
// run: ctx_id=5 => r0=0 out:samples=05000000000000001900000000000000
#include "jbpf_defs.h"
#include "jbpf_helper.h"

struct sample {
    uint64_t id, square;
};

jbpf_output_map(samples, struct sample, 8)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct sample *sample = jbpf_get_output_buf(&samples);
    if (!sample)
        return 1;
    sample->id = ctx->ctx_id;
    sample->square = sample->id * sample->id;
    return jbpf_send_output(&samples);
}
