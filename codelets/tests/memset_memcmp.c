// Builds a buffer and compares it with constants.
// expect: accept
// run: region=aaaaaaaaaaaaaaaa => r0=1
// run: region=aaaaaaaaaaaaaaab => r0=0
#include "jbpf_defs.h"
#include <string.h>

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint8_t *bytes = (void *)ctx->data;
    uint8_t expected[8];
    if ((uint64_t)(bytes + 8) > ctx->data_end)
        return -1;
    memset(expected, 0xaa, sizeof(expected));
    return memcmp(bytes, expected, sizeof(expected)) == 0;
}
