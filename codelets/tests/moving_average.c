// The average of the last 16 samples, kept in a ring in a map value.
// expect: accept
// run: ctx_id=16 => r0=1
// run: ctx_id=160 => r0=11
// run: ctx_id=32 => r0=13
#include "jbpf_defs.h"
#include "jbpf_helper.h"

struct window {
    uint32_t next;
    uint32_t sample[16];
    uint64_t sum;
};

jbpf_array_map(windows, struct window, 1)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint32_t index = 0;
    struct window *window = jbpf_map_lookup_elem(&windows, &index);
    if (!window)
        return -1;
    uint32_t at = window->next++ % 16;
    window->sum -= window->sample[at];
    window->sample[at] = ctx->ctx_id;
    window->sum += ctx->ctx_id;
    return window->sum / 16;
}
