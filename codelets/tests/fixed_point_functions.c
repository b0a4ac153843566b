// Roots, angles and powers in fixed-point numbers.
// expect: accept
// run: region=0004000000000000c8000000 => r0=0 region=0002000000000000b4000000
// run: region=ff => r0=-1
#include "jbpf_defs.h"
#include "jbpf_helper.h"

struct numbers {
    fixedpt square;
    fixedpt unused;
    fixedpt sine;
};

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct numbers *numbers = (void *)ctx->data;
    if ((uint64_t)(numbers + 1) > ctx->data_end)
        return -1;
    numbers->square = fixedpt_sqrt(numbers->square);
    numbers->sine = fixedpt_sin(numbers->sine);
    return fixedpt_near(fixedpt_exp(fixedpt_ln(fixedpt_fromint(5))), fixedpt_fromint(5), 3) ? 0 : 1;
}
