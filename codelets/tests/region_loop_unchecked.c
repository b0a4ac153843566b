// Checks once before a loop that walks on.
// expect: reject E0020
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint8_t *bytes = (void *)ctx->data;
    uint64_t sum = 0;
    if ((uint64_t)(bytes + 4) > ctx->data_end)
        return 0;
    for (int i = 0; i < 8; i++)
        sum += ((volatile uint8_t *)bytes)[i]; // here
    return sum;
}
