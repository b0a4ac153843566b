/*
 * On hook periodic_call: says that the application lives, and how much time has passed since it said so last.
 */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

typedef struct Heartbeat {
    uint64_t number; /* from 1 */
    uint32_t period_us;
    uint32_t region; /* bytes of it: there is none */
} Heartbeat;

jbpf_ringbuf_map(heartbeats, Heartbeat, 256);
uint64_t beats;

SEC("jbpf_stats")
uint64_t jbpf_main(void *state)
{
    struct jbpf_stats_ctx *ctx = state;
    beats += 1;
    Heartbeat heartbeat = {
        .number = beats,
        .period_us = ctx->meas_period,
        .region = ctx->data_end - ctx->data,
    };
    return jbpf_ringbuf_output(&heartbeats, &heartbeat, sizeof(heartbeat)) < 0;
}
