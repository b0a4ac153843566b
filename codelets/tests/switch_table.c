// A dense switch: the compiler makes a table of it.
// expect: accept
// run: ctx_id=0 => r0=31
// run: ctx_id=1 => r0=28
// run: ctx_id=6 => r0=31
// run: ctx_id=10 => r0=30
// run: ctx_id=12 => r0=0
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    switch (ctx->ctx_id) {
    case 0:
        return 31;
    case 1:
        return 28;
    case 2:
        return 31;
    case 3:
        return 30;
    case 4:
        return 31;
    case 5:
        return 30;
    case 6:
    case 7:
        return 31;
    case 8:
        return 30;
    case 9:
        return 31;
    case 10:
        return 30;
    case 11:
        return 31;
    default:
        return 0;
    }
}
