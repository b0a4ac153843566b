// Writes a number in decimal.
// expect: accept
// run: region=8003000000000000000000000000000000000000000000000000000000000000 => r0=0 region=332e350000000000000000000000000000000000000000000000000000000000
// run: region=c0feffff00000000000000000000000000000000000000000000000000000000 => r0=0 region=2d312e3235000000000000000000000000000000000000000000000000000000
#include "jbpf_defs.h"
#include "jbpf_helper.h"
#include <string.h>

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    fixedpt *number = (void *)ctx->data;
    char *out = (void *)ctx->data;
    char text[JBPF_FIXEDPT_STR_SIZE];
    if ((uint64_t)(out + sizeof(text)) > ctx->data_end)
        return -1;
    memset(text, 0, sizeof(text));
    fixedpt_str(*number, text, 2);
    memcpy(out, text, sizeof(text));
    return 0;
}
