/*
 * Fills a record in place, and has the application ask again in between: the same codelet then runs inside of
 * itself, and tries to fill and to send what this one has.
 */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

jbpf_output_map(flows, Flow, 4)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct ask_ctx *ctx = state;
    Answer *answer = (Answer *)ctx->data;

    Flow *flow = jbpf_get_output_buf(&flows);
    if (!flow) {
        /* Somebody else's, if anybody's. */
        answer->results[7] = (int64_t)jbpf_send_output(&flows);
        return 1000;
    }
    flow->source = ctx->key;
    flow->target = ctx->key;
    if (ctx->key > 1)
        answer->results[0] = ask_again(ctx->key - 1);
    flow->bytes = ctx->key;
    answer->results[1] = (int64_t)jbpf_send_output(&flows);
    return 0;
}
