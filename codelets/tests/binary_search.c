// Finds a number in a sorted table of constants.
// expect: accept
// run: ctx_id=23 => r0=8
// run: ctx_id=2 => r0=0
// run: ctx_id=53 => r0=15
// run: ctx_id=24 => r0=-1
#include "jbpf_defs.h"

static const uint32_t primes[16] = {2,  3,  5,  7,  11, 13, 17, 19,
                                    23, 29, 31, 37, 41, 43, 47, 53};

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint32_t wanted = ctx->ctx_id;
    uint32_t low = 0, high = 16;
    for (int i = 0; i < 5; i++) {
        if (low >= high)
            break;
        uint32_t middle = (low + high) / 2;
        if (middle > 15)
            break;
        if (primes[middle] == wanted)
            return middle;
        if (primes[middle] < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}
