/* Helper 11: a text with numbers. */
#include "call.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct call *call = (struct call *)ctx->data;
    if ((uint64_t)(call + 1) > ctx->data_end)
        return 1;
    const char format[] = "%d of %llu is %x";
    /* The header's prototype returns nothing, the helper a number. */
    int64_t (*print)(const void *, uint32_t, ...) = (void *)JBPF_PRINTF;
    call->result = print(format, sizeof(format), (int)call->key, call->value, 255);
    return 0;
}
