// Reads and writes bit fields.
// expect: accept
// run: region=b5070000 => r0=64 region=c5070000
#include "jbpf_defs.h"

struct flags {
    uint32_t mode : 3;
    uint32_t level : 5;
    uint32_t count : 10;
    uint32_t spare : 14;
};

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct flags *flags = (void *)ctx->data;
    if ((uint64_t)(flags + 1) > ctx->data_end)
        return -1;
    /* 0x7b5: mode 5, level 22, count 7 */
    uint64_t sum = flags->mode * 6 + flags->level + flags->count + 5;
    flags->level += 2;
    return sum;
}
