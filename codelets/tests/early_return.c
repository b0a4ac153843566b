// Leaves as soon as it knows enough.
// expect: accept
// run: region=00 => r0=1
// run: region=01 => r0=2
// run: region=0105 => r0=3
// run: region=0104aabbccdd => r0=221
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint8_t *bytes = (void *)ctx->data;
    uint8_t *end = (void *)ctx->data_end;
    if (bytes + 1 > end || bytes[0] == 0)
        return 1;
    if (bytes + 2 > end)
        return 2;
    if (bytes + 6 > end || bytes[1] != 4)
        return 3;
    return bytes[5];
}
