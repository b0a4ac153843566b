// The same functions in 64 bits, with 40 of them after the point.
// expect: accept
// run: region=0000000000030000000000000002000000000000000000000000000000000000 => r0=0 region=000000008001000000000000000600008485ae67bb0100000000000000010000
// run: region=ff => r0=-1
#define FIXEDPT_BITS 64
#include "jbpf_defs.h"
#include "jbpf_helper.h"

struct numbers {
    fixedpt a, b, root, power;
};

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct numbers *n = (void *)ctx->data;
    if ((uint64_t)(n + 1) > ctx->data_end)
        return -1;
    fixedpt a = n->a, b = n->b;
    n->root = fixedpt_sqrt(a);
    n->power = fixedpt_exp(0);
    n->a = fixedpt_div(a, b);
    n->b = fixedpt_mul(a, b);
    return 0;
}
