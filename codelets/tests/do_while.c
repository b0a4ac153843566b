// A loop whose condition comes last.
// expect: accept
// run: ctx_id=1000 => r0=4
// run: ctx_id=0 => r0=1
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint32_t n = ctx->ctx_id;
    uint64_t digits = 0;
    do {
        digits++;
        n /= 10;
    } while (n > 0 && digits < 10);
    return digits;
}
