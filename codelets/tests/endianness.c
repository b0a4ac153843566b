// Turns big-endian fields of all widths around.
// expect: accept
// run: region=0102010203040102030405060708 => r0=72623859790382856 region=0201040302010102030405060708
#include "jbpf_defs.h"

struct header {
    uint16_t a;
    uint32_t b;
    uint64_t c;
} __attribute__((packed));

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct header *header = (void *)ctx->data;
    if ((uint64_t)(header + 1) > ctx->data_end)
        return -1;
    header->a = __builtin_bswap16(header->a);
    header->b = __builtin_bswap32(header->b);
    return __builtin_bswap64(header->c);
}
