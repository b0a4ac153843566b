// Sorts eight bytes on the stack.
// expect: accept
// run: region=0705030108060402 => r0=578437695752307201
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint8_t *bytes = (void *)ctx->data;
    uint8_t sorted[8];
    if ((uint64_t)(bytes + 8) > ctx->data_end)
        return -1;
    for (int i = 0; i < 8; i++)
        sorted[i] = bytes[i];
    for (int i = 1; i < 8; i++) {
        for (int j = i; j > 0; j--) {
            if (sorted[j - 1] <= sorted[j])
                break;
            uint8_t swap = sorted[j];
            sorted[j] = sorted[j - 1];
            sorted[j - 1] = swap;
        }
    }
    uint64_t result = 0;
    for (int i = 7; i >= 0; i--)
        result = result << 8 | sorted[i];
    return result;
}
