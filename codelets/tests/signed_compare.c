// Signed comparisons and minimum and maximum of signed numbers.
// expect: accept
// run: region=05000000fdffffff09000000f6ffffff => r0=19
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    int32_t *n = (void *)ctx->data;
    if ((uint64_t)(n + 4) > ctx->data_end)
        return -1;
    int32_t smallest = n[0], largest = n[0];
    for (int i = 1; i < 4; i++) {
        if (n[i] < smallest)
            smallest = n[i];
        if (n[i] > largest)
            largest = n[i];
    }
    return largest - smallest;
}
