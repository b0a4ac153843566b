// The internet checksum of a region of even length.
// expect: accept
// run: region=4500003c1c4640004006b1e6ac100a63ac100a0c => r0=0
// run: region=4500003c1c4640004006ffe6ac100a63ac100a0c => r0=45567
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint16_t *at = (void *)ctx->data;
    uint16_t *end = (void *)ctx->data_end;
    uint32_t sum = 0;
    for (int i = 0; i < 32; i++) {
        if (at + 1 > end)
            break;
        sum += __builtin_bswap16(*at++);
    }
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}
