// Copies a text from the region to the stack up to its terminator, and hashes the copy.
// expect: accept
// run: region=6162630000000000 => r0=3
// run: region=6100000000000000 => r0=1
#include "jbpf_defs.h"
#include "jbpf_helper.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    char *name = (void *)ctx->data;
    char copy[9] = {0};
    uint64_t length = 0;
    if ((uint64_t)(name + 8) > ctx->data_end)
        return -1;
    for (int i = 0; i < 8; i++) {
        if (name[i] == 0)
            break;
        copy[i] = name[i];
        length++;
    }
    if (jbpf_hash(copy, length) == 0)
        return -2;
    return length;
}
