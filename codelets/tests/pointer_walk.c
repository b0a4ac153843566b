// Walks a region with a pointer until its end.
// expect: accept
// run: region=01000200030004000500 => r0=15
// run: region=010002 => r0=1
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint16_t *at = (void *)ctx->data;
    uint16_t *end = (void *)ctx->data_end;
    uint64_t sum = 0;
    for (int i = 0; i < 128 && at + 1 <= end; i++)
        sum += *at++;
    return sum;
}
