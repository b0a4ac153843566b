// A format that is a constant of the object instead of the stack.
// expect: accept
// run: ctx_id=9 => r0=0 print="called with 9"
#include "jbpf_defs.h"
#include "jbpf_helper.h"

static const char format[] = "called with %u";

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    jbpf_printf(format, sizeof(format), ctx->ctx_id);
    return 0;
}
