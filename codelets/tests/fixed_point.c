// A weighted average in fixed-point numbers.
// expect: accept
// run: region=00000000000024400000000000003440 => r0=3328
#include "jbpf_defs.h"
#include "jbpf_helper.h"

struct pair {
    double a, b;
};

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct pair *pair = (void *)ctx->data;
    if ((uint64_t)(pair + 1) > ctx->data_end)
        return -1;
    /* 10 * 3/4 + 20 * 1/4 + 1/2 = 13, which is 3328 with 8 bits after the point. */
    fixedpt a = double_to_fixed(pair->a), b = double_to_fixed(pair->b);
    fixedpt average = fixedpt_add(fixedpt_mul(a, fixedpt_rconst(0.75)), fixedpt_mul(b, fixedpt_rconst(0.25)));
    average = fixedpt_add(average, fixedpt_div(fixedpt_fromint(1), fixedpt_fromint(2)));
    if (fixedpt_compare(average, fixedpt_fromint(13)) < 0)
        return -2;
    return average;
}
