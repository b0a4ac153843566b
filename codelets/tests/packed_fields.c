// Fields that lie at odd offsets.
// expect: accept
// run: region=01020304050607 => r0=117835781
#include "jbpf_defs.h"

struct packed {
    uint8_t kind;
    uint16_t length;
    uint32_t sequence;
} __attribute__((packed));

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct packed *packed = (void *)ctx->data;
    if ((uint64_t)(packed + 1) > ctx->data_end)
        return -1;
    return packed->sequence + packed->length - packed->kind;
}
