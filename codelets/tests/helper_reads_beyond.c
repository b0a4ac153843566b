// A helper is told of more bytes than the region has.
// expect: reject E0034|E0020
#include "jbpf_defs.h"
#include "jbpf_helper.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint8_t *bytes = (void *)ctx->data;
    if ((uint64_t)(bytes + 8) > ctx->data_end)
        return 0;
    return jbpf_hash(bytes, 9); // here
}
