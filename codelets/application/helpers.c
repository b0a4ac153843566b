/* Calls each of the application's helpers, and says what came back. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct ask_ctx *ctx = state;
    Answer *answer = (Answer *)ctx->data;

    Flow first = {.source = 7, .target = 8, .bytes = 100};
    Flow second = {.source = 1, .target = 2, .bytes = 20};
    answer->results[0] = priority_of(&first, 3);
    answer->results[1] = sum_of_numbers(0xff, -2, 0x100, -1, -3);
    balance(&first, &second);
    answer->results[2] = first.bytes;
    answer->results[3] = second.bytes;
    answer->results[4] = (int64_t)checksum(&first, sizeof(first));
    /* Memory that the codelet shares with other threads: the region itself. */
    balance(&answer->flow, &answer->flow);
    answer->results[5] = (int64_t)checksum_in_place(&answer->flow, ctx->key & 15);
    answer->results[6] = last_of_all();
    answer->results[7] = priority_of(&answer->flow, 0);
    return 0;
}
