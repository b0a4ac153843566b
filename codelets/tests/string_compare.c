// Compares a name in the region with a literal.
// expect: accept
// run: region=696e7374616e6365203600000000000000000000000000000000000000000000 => r0=0
// run: region=696e7374616e6365203700000000000000000000000000000000000000000000 => r0=1
#include "jbpf_defs.h"
#include <string.h>

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    char *name = (void *)ctx->data;
    if ((uint64_t)(name + 32) > ctx->data_end)
        return -1;
    return strncmp(name, "instance 6", 32) != 0;
}
