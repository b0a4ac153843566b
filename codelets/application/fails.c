/* Calls a helper that panics after it has written. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct ask_ctx *ctx = state;
    Answer *answer = (Answer *)ctx->data;

    answer->results[0] = 1;
    answer->results[1] = fails(&answer->flow);
    answer->results[2] = 2;
    return 0;
}
