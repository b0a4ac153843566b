// More live values than registers, across helper calls.
// expect: accept
// run: region=0100000000000000020000000000000003000000000000000400000000000000050000000000000006000000000000000700000000000000 => r0=84
#include "jbpf_defs.h"
#include "jbpf_helper.h"

struct numbers {
    uint64_t a, b, c, d, e, f, g;
};

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct numbers *n = (void *)ctx->data;
    if ((uint64_t)(n + 1) > ctx->data_end)
        return -1;
    uint64_t a = n->a, b = n->b, c = n->c, d = n->d, e = n->e, f = n->f, g = n->g;
    uint64_t now = jbpf_time_get_ns();
    a = a * 7 + (now == 0);
    b = b * 6;
    c = c * 5;
    uint64_t later = jbpf_time_get_ns();
    d = d * 4 + (later == 0);
    e = e * 3;
    f = f * 2;
    uint64_t last = jbpf_time_get_ns();
    return a + b + c + d + e + f + g + (last == 0);
}
