/* Counts requests by their status, and sends out those that took long. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

/* What an operator may send: `jbpf send settings '{"slow_us": 500}'`. */
struct settings {
    uint32_t slow_us;
};

jbpf_ringbuf_map(slow, Request, 256);
jbpf_control_input_map(settings, struct settings, 16);
jbpf_array_map(current, struct settings, 1);
jbpf_hash_map(by_status, uint32_t, uint64_t, 64);

/* Until somebody sends another. */
#define DEFAULT_SLOW_US 900

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct request_served_ctx *ctx = state;
    Request *request = (Request *)ctx->data;
    /* The hook always gives a whole one; with this, the codelet can be verified without it, too. */
    if ((uint64_t)(request + 1) > ctx->data_end)
        return 1;

    uint32_t first = 0;
    struct settings *limit = jbpf_map_lookup_elem(&current, &first);
    if (!limit)
        return 1;
    struct settings sent = {0};
    if (jbpf_control_input_receive(&settings, &sent, sizeof(sent)) > 0)
        limit->slow_us = sent.slow_us;

    uint32_t status = request->status;
    uint64_t *served = jbpf_map_lookup_elem(&by_status, &status);
    if (served) {
        *served += 1;
    } else {
        uint64_t one = 1;
        jbpf_map_update_elem(&by_status, &status, &one, 0);
    }

    uint32_t slow_us = limit->slow_us ? limit->slow_us : DEFAULT_SLOW_US;
    if (request->latency_us >= slow_us) {
        Request copy = *request;
        /* When nobody reads them, they are dropped and counted. */
        jbpf_ringbuf_output(&slow, &copy, sizeof(copy));
    }
    return 0;
}
