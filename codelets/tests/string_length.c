// Finds the length of a text that may have no terminator.
// expect: accept
// run: region=6162630064656667 => r0=3
// run: region=6162636465666768 => r0=8
#include "jbpf_defs.h"
#include <string.h>

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    char *name = (void *)ctx->data;
    if ((uint64_t)(name + 8) > ctx->data_end)
        return -1;
    return strnlen(name, 8);
}
