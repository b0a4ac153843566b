// Walks options of type, length and value until the one that is looked for.
// expect: accept
// run: region=0101aa0203bbbbbb0702cdab => r0=43981
// run: region=0101aa0203bbbbbb => r0=0
// run: region=01ff => r0=0
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint8_t *at = (void *)ctx->data;
    uint8_t *end = (void *)ctx->data_end;
    for (int i = 0; i < 16; i++) {
        if (at + 2 > end)
            return 0;
        uint8_t type = at[0], length = at[1];
        at += 2;
        if (type == 7) {
            if (at + 2 > end)
                return 0;
            return at[0] | at[1] << 8;
        }
        at += length;
    }
    return 0;
}
